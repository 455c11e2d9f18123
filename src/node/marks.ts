/**
 * Places in node code that a batch of simulated runs must pass: a branch that no run enters is one that no run tests. A
 * node tells its observer of each; without one they cost nothing.
 */

import { RAFT_MARKS, RARE_RAFT_MARKS } from "../raft/mod.ts";

/** Passed within a hundred runs that are drawn as usual. */
export const MARKS = [
  ...RAFT_MARKS,
  "a snapshot of another member was installed",
  "a certificate was renewed",
  "the disk hangs and leadership is given up",
  "the others say that this node was removed",
  "a stream's group lets a leaver go",
  "a new address is announced",
  "the authority is shared with a voter",
  "leadership is handed over at a stop",
  "a voter that is away for long is replaced",
  "committed entries are pulled",
  "a dropped stream's group is taken away",
] as const;

/** Passed now and then: seen is good, unseen proves nothing. */
export const RARE_MARKS = [
  ...RARE_RAFT_MARKS,
  "a snapshot goes on where it broke off",
  "a log is held for a stream of others",
  "another member's address is relayed",
  "a newcomer is introduced to who was away",
  "a stream is dropped while a member opens it",
  "a dropped stream's group is not opened again",
  "a node that is starting is told that it was removed",
  // Whoever is removed is out of the group before: mostly the others tell it.
  "this node's removal is in the log",
] as const;

export type Mark = (typeof MARKS)[number] | (typeof RARE_MARKS)[number];
