/**
 * The feature level: what the members of a mesh may write into their logs, and what they may rely on in each other. It is
 * part of the control state, so that all members change at the same entry; it only rises, by an administrator's word,
 * and only where every member's build supports the new level. Until then a mesh of two builds behaves like the older one,
 * and every member may go back to it.
 *
 *   1  the first build
 *   2  leases: every member keeps the promise that reads by lease rest on, also over a restart; idle groups fall silent;
 *      snapshots travel in chunks; state machines of users have groups of their own;
 *      streams borrow replicas, and members say what they lend; a member that is not known somewhere is introduced
 *   3  members beyond the voters of the control group, and those who are to become voters, are observers: they pull what is
 *      committed; what leases rest on is agreed in the log
 *   4  closed streams are dropped: once all of a group have applied its end, or an operator says so, the control log says that it
 *      is gone, and every member frees what it held
 *
 * A build that meets a level, a command or a state that it does not know stops by name: it must not guess.
 */

/** What this build supports. */
export const FEATURE_LEVEL = 4;
export const FIRST_FEATURE_LEVEL = 1;
export const SECOND_FEATURE_LEVEL = 2;
export const THIRD_FEATURE_LEVEL = 3;
export const FOURTH_FEATURE_LEVEL = 4;
