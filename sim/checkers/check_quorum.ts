/**
 * A leader that no majority of the voters has answered for an election timeout is none (Ongaro's thesis, section 6.2): it steps down,
 * so that whoever asks it turns to others. One that leads on is harmless to what is committed, and serves nobody as long as it is
 * cut off. Seen in the answers as they arrived, by the leader's own clock; who listens or is to be added does not count.
 */
import type { MemberId } from "../../src/core/ids.ts";
import type { GroupInspection } from "../../src/node/inspection.ts";
import { hasMajorities } from "./commitment.ts";
import { memberKey } from "./keys.ts";
import { Lasting } from "./lasting.ts";
import type { LocalClock, LocalTime } from "./lease_rule.ts";
import type { RaftFrame } from "./raft_messages.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

/** Whom nobody has answered for one steps down then; the rest is room for who has just begun, or has just been woken. */
const UNANSWERED_ELECTIONS = 2;

interface Answer {
  readonly term: number;
  readonly incarnation: number;
  /** Turns that its receiver had taken when it came: one that was paused takes it in much later. */
  readonly turns: number;
  /** When it was taken in. */
  ms: number;
}

export class CheckQuorum implements Checker {
  readonly name = "check-quorum";
  /** Looks at leaders that no majority had answered just before. */
  inputs = 0;
  /** By who was answered, and then by who answered. */
  readonly #answers = new Map<string, Map<MemberId, Answer>>();
  readonly #unanswered = new Lasting<string>();

  /** A frame arrived. */
  heard({ envelope: { group, generation, from, to }, message }: RaftFrame, clock: LocalClock): void {
    const { kind, term } = message;
    if (kind !== "append-reply" && kind !== "heartbeat-reply") return;
    const now = clock(to);
    if (now === null) return;
    const key = memberKey(group, generation, to);
    let answers = this.#answers.get(key);
    if (answers === undefined) this.#answers.set(key, answers = new Map());
    answers.set(from, { term, incarnation: now.incarnation, turns: now.turns, ms: Infinity });
  }

  check(group: GroupInspection, now: LocalTime, electionTimeoutMs: number): void {
    const { role, memberId, term, configuration, isSilent } = group;
    if (role !== "leader") return;
    const key = memberKey(group.group, group.generation, memberId);
    const answers = this.#answers.get(key);
    const answered = (member: number) => {
      if (member === memberId) return true;
      const last = answers?.get(member as MemberId);
      if (last?.ms === Infinity && now.turns > last.turns) last.ms = now.ms;
      return last?.term === term && last.incarnation === now.incarnation &&
        now.ms - last.ms <= electionTimeoutMs;
    };
    const isAnswered = isSilent || hasMajorities(configuration, answered);
    if (!isAnswered) this.inputs += 1;
    const limitMs = UNANSWERED_ELECTIONS * electionTimeoutMs;
    if (!this.#unanswered.lasts(key, isAnswered ? null : term, now, limitMs)) return;
    const { incoming, outgoing } = configuration;
    throw new SafetyViolation(
      this.name,
      `member ${memberId} leads on in term ${term} of ${group.name}, and has not been answered by majorities of ` +
        `[${incoming}], outgoing [${outgoing}] for long`,
    );
  }
}
