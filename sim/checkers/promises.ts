/**
 * What a member told another, it must still hold to after any crash: no term earlier than one it has spoken in, and one vote
 * in a term ("servers respond to RPCs after updating stable storage", Raft paper, figure 2 and section 5.2). Seen in the
 * frames that arrive, so it is the word that counts and not what the member meant to do.
 */
import type { GroupInspection } from "../../src/node/inspection.ts";
import { memberKey } from "./keys.ts";
import { type RaftFrame, raftMessages } from "./raft_messages.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

/** What a member has told others. */
export interface Told {
  term: number;
  voteTerm: number;
  votedFor: number;
}

export class Promises implements Checker {
  readonly name = "promises-kept";
  inputs = 0;
  readonly #told = new Map<string, Told>();

  /** A frame arrived whole; it holds messages of consensus, or others. */
  arrived(bytes: Uint8Array): void {
    this.heard(raftMessages(bytes));
  }

  heard(frames: readonly RaftFrame[]): void {
    for (const { envelope, message } of frames) {
      // A pre-vote speaks of a term that may never be.
      if (message.kind === "pre-vote" || message.kind === "pre-vote-reply") continue;
      // It repeats the term of the chunk that it answers, and says no more than which bytes have come.
      if (message.kind === "snapshot-chunk-reply") continue;
      this.inputs += 1;
      const { group, generation, from, to } = envelope;
      const told = this.#of(memberKey(group, generation, from));
      if (message.term > told.term) told.term = message.term;
      if (message.kind !== "vote-reply" || !message.granted) continue;
      if (told.voteTerm === message.term && told.votedFor !== to) {
        throw new SafetyViolation(
          this.name,
          `member ${from} voted for ${told.votedFor} and for ${to} in term ${message.term} of group ${group}`,
        );
      }
      if (message.term > told.voteTerm) {
        told.voteTerm = message.term;
        told.votedFor = to;
      }
    }
  }

  told({ group, generation, memberId }: GroupInspection): Told | undefined {
    return this.#told.get(memberKey(group, generation, memberId));
  }

  /** What a member holds now against what it told. */
  check(group: GroupInspection, told = this.told(group)): void {
    if (told === undefined) return;
    if (told.term > group.term) {
      throw new SafetyViolation(
        this.name,
        `member ${group.memberId} spoke in term ${told.term} of ${group.name} and is in term ${group.term}`,
      );
    }
    if (told.voteTerm === group.term && told.votedFor !== group.vote) {
      throw new SafetyViolation(
        this.name,
        `member ${group.memberId} gave ${told.votedFor} its vote in term ${group.term} of ${group.name} and ` +
          `knows of a vote for ${group.vote || "nobody"}`,
      );
    }
  }

  #of(key: string): Told {
    let told = this.#told.get(key);
    if (told === undefined) this.#told.set(key, told = { term: 0, voteTerm: 0, votedFor: 0 });
    return told;
  }
}
