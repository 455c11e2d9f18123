/** One entry through the consensus core of a leader with two followers: propose, ready, persisted, replies, commit. */
import type { Index, MemberId, Term } from "../../src/core/ids.ts";
import { EntryKind, Raft, type RaftMessage } from "../../src/raft/mod.ts";

const SELF = 1 as MemberId;
const PEERS = [2, 3] as MemberId[];
const TIMEOUT_MS = 1000;

/** A leader whose first entry is committed. */
function leader(): { raft: Raft; now: number } {
  const options = {
    memberId: SELF,
    electionTimeoutMs: TIMEOUT_MS,
    heartbeatIntervalMs: 100,
    inflightMessagesLimit: 64,
    inflightBytesLimit: 8 << 20,
    appendBytesLimit: 1 << 20,
    pendingReadsLimit: 100,
    uncommittedBytesLimit: 64 << 20,
    leaseReads: false,
    leaseDriftPerMillion: 1000,
    quiesceIdle: false,
  };
  const restored = {
    hardState: { term: 0 as Term, vote: 0 as MemberId, commit: 0 as Index },
    base: { index: 0 as Index, term: 0 as Term },
    baseConfiguration: { incoming: [SELF, ...PEERS], outgoing: [], learners: [] },
    entries: [],
  };
  const raft = new Raft(options, { draw: () => 0 }, "bench", restored, 0);
  const now = 2 * TIMEOUT_MS;
  raft.tick(now);
  turn(raft, now);
  if (raft.role !== "leader") throw new Error(`The member is ${raft.role} where a leader was meant`);
  return { raft, now };
}

/** Lets everything out, and answers for both peers, until nothing is left to do. */
function turn(raft: Raft, now: number): void {
  for (let ready = raft.ready(); ready !== null; ready = raft.ready()) {
    if (ready.persistToken !== 0) raft.persisted(ready.persistToken);
    for (const { to, message } of ready.messages) {
      const answer = answerTo(message);
      if (answer !== null) raft.step(to, answer, now);
    }
  }
}

function answerTo(message: RaftMessage): RaftMessage | null {
  const { term } = message;
  switch (message.kind) {
    case "pre-vote":
      return { kind: "pre-vote-reply", term, granted: true };
    case "vote":
      return { kind: "vote-reply", term, granted: true };
    case "append": {
      const index = message.previousIndex + message.entries.length as Index;
      return { kind: "append-reply", term, success: true, index, hintIndex: index, hintTerm: term };
    }
    case "heartbeat":
      return { kind: "heartbeat-reply", term, readRound: message.readRound };
    default:
      return null;
  }
}

const { raft, now } = leader();
let compactAt = 10_000;

Deno.bench("Raft: one entry proposed, replicated and committed", () => {
  raft.propose(EntryKind.Command, 128);
  turn(raft, now);
  if (raft.commit < compactAt) return;
  raft.compact(raft.commit);
  compactAt = raft.commit + 10_000;
});
