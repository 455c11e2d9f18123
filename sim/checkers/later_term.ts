/**
 * "If RPC request or response contains term T > currentTerm: set currentTerm = T, convert to follower" (Raft paper, figure 2, rules
 * for servers). Of campaigns a member may take no notice (thesis, 4.2.3) and pre-votes change no term; whatever else comes of
 * a later term again and again has been taken in.
 */
import type { GroupInspection } from "../../src/node/inspection.ts";
import { memberKey } from "./keys.ts";
import type { LocalClock, LocalTime } from "./lease_rule.ts";
import type { RaftFrame } from "./raft_messages.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

const KINDS: ReadonlySet<string> = new Set([
  "append",
  "append-reply",
  "heartbeat",
  "heartbeat-reply",
  "vote-reply",
]);
/** Turns that such frames came before: one may have come over a connection that was just being given up. */
const TURNS = 3;

interface Heard {
  readonly incarnation: number;
  readonly term: number;
  /** Of the node, when the last one came. */
  turns: number;
  /** Turns before which one came. */
  count: number;
}

export class LaterTerm implements Checker {
  readonly name = "later-term";
  /** Members that heard of a later term. */
  inputs = 0;
  readonly #heard = new Map<string, Heard>();
  /** By member: the start of its node since which it has been seen; before, what comes for the group is dropped. */
  readonly #openSince = new Map<string, number>();

  /** A frame arrived. */
  heard({ envelope: { group, generation, to }, message }: RaftFrame, clock: LocalClock): void {
    const { kind, term } = message;
    if (!KINDS.has(kind)) return;
    const now = clock(to);
    if (now === null) return;
    const key = memberKey(group, generation, to);
    const { incarnation, turns } = now;
    if (this.#openSince.get(key) !== incarnation) return;
    const heard = this.#heard.get(key);
    if (heard?.incarnation !== incarnation) this.#heard.set(key, { incarnation, term, turns, count: 1 });
    else if (term >= heard.term && turns > heard.turns) {
      heard.turns = turns;
      heard.count += 1;
    }
  }

  /** After a turn of the member's node. */
  check({ group, generation, memberId, name, term, isInstalling }: GroupInspection, now: LocalTime): void {
    const key = memberKey(group, generation, memberId);
    this.#openSince.set(key, now.incarnation);
    const heard = this.#heard.get(key);
    if (heard === undefined) return;
    if (heard.term <= term || heard.incarnation !== now.incarnation || isInstalling) {
      this.#heard.delete(key);
      return;
    }
    if (heard.count === 1) this.inputs += 1;
    if (heard.count < TURNS || heard.turns >= now.turns) return;
    throw new SafetyViolation(
      this.name,
      `member ${memberId} of ${name} is still in term ${term}, and before ${heard.count} of its turns came what was said in ` +
        `term ${heard.term}`,
    );
  }
}
