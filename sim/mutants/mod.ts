/**
 * The bugs that the simulator is scored by (docs/kill-matrix.md): planted one at a time into a copy of the tree by
 * tools/mutants.ts, never into the tree itself.
 */
import { ACCOUNTS } from "./accounts.ts";
import { BOUNDARIES } from "./boundaries.ts";
import { CHANGES } from "./changes.ts";
import { CLAUSES } from "./clauses.ts";
import { CLOSINGS } from "./closings.ts";
import { CONSENSUS } from "./consensus.ts";
import { DAMAGE } from "./damage.ts";
import { DELIVERY } from "./delivery.ts";
import { ELECTIONS } from "./elections.ts";
import { FORGOTTEN } from "./forgotten.ts";
import { LASTING } from "./lasting.ts";
import { LEASES } from "./leases.ts";
import { LINKS } from "./links.ts";
import { MISJUDGED } from "./misjudged.ts";
import type { Mutant, NotPlanted } from "./mutant.ts";
import { NODE } from "./node.ts";
import { READS } from "./reads.ts";
import { RECOVERIES } from "./recoveries.ts";
import { REPLICATION } from "./replication.ts";
import { SILENCE } from "./silence.ts";
import { STORAGE } from "./storage.ts";
import { STREAMS } from "./streams.ts";
import { TRANSITIONS } from "./transitions.ts";

export type { Edit, Mutant, NotPlanted } from "./mutant.ts";

export const MUTANTS: readonly Mutant[] = [
  ...CONSENSUS,
  ...ELECTIONS,
  ...REPLICATION,
  ...CHANGES,
  ...TRANSITIONS,
  ...READS,
  ...LEASES,
  ...SILENCE,
  ...STORAGE,
  ...DAMAGE,
  ...DELIVERY,
  ...STREAMS,
  ...CLOSINGS,
  ...NODE,
  ...RECOVERIES,
  ...BOUNDARIES,
  ...FORGOTTEN,
  ...MISJUDGED,
  ...LASTING,
  ...LINKS,
  ...ACCOUNTS,
  ...CLAUSES,
];

export const NOT_PLANTED: readonly NotPlanted[] = [
  {
    id: "change-counts-itself-committed",
    why:
      "a leader that has committed an entry of its own term has committed every change that it inherited, and before " +
      "that it changes nothing: inherited-joint-left-at-once, which skips both, does harm",
  },
  {
    id: "removal-skips-neighbour",
    why:
      "where one of two subscriptions of a removed member stays, the stream's leader has the member removed once more",
  },
  {
    id: "confirmed-by-hello",
    why:
      "who takes a session for accepted before the other end says so is told otherwise at once, and nothing rests on it",
  },
  {
    id: "older-of-two-dials-stays",
    why:
      "a second session by the same end has a lost one before it, which ends by its silence and carries nothing meanwhile",
  },
  { id: "multipath-reorders-stream", why: "a frame takes one path; there is no spraying" },
  { id: "lsa-seq-reset", why: "there is no link-state routing yet: members reach each other directly" },
  { id: "suspect-not-refuted", why: "there is no gossiped failure detector yet" },
  { id: "stale-alive-resurrects", why: "there is no gossiped failure detector yet" },
  { id: "pushpull-dead-as-dead", why: "there is no gossiped failure detector yet" },
  {
    id: "chunks-mixed",
    why:
      "snapshots of one entry are the same bytes at every member (state-equality), who sends one has verified it when it " +
      "was read, and every frame has its checksum: that the whole is verified too is a further line",
  },
  {
    id: "restarted-leader-not-missed",
    why:
      "costs an election timeout at most: a leader that was started anew stands for election itself, and what it asks " +
      "wakes the silent; one that stays away is missed by silent-leader-misses-nobody's rule",
  },
  {
    id: "both-keep-their-own",
    why:
      "costs a dial: of two connections each end leaves the other's, what is under way is read to its end, and a second " +
      "later one of them dials again at a time of its own",
  },
  {
    id: "commit-beyond-match",
    why:
      "a leader goes back just to where the logs part, and what it sends from there replaces all that a follower " +
      "has beyond what matched: heartbeat-commits-all does harm",
  },
  {
    id: "whole-log-acknowledged",
    why:
      "a leader goes back just to where the logs part, and an append that begins there ends with the leader's log or replaces " +
      "what differs: nothing but what matches is left to be acknowledged",
  },
  {
    id: "own-vote-by-any-write",
    why: "nobody is asked for a vote before the candidate's own is durable, so that none comes before: " +
      "own-vote-before-durable does harm",
  },
  {
    id: "joint-reads-by-new-half",
    why:
      "a leader that no majority of the old voters answers steps down an election timeout later, and not much sooner any " +
      "of them votes for another: what is read wrongly is read within the time that a message takes",
  },
  {
    id: "pulled-beyond-match",
    why:
      "who pulls asks for what follows what it knows to be committed, and the answer comes over the session that the " +
      "question went over: it never begins further on",
  },
  {
    id: "hearsay-keeps-voters",
    why: "costs some election timeouts at most: nobody is told of a leader that nobody hears of any more",
  },
  {
    id: "rejoined-progress-kept",
    why:
      "what is known of a member that left the configuration stays true when it comes back to it under the same number, " +
      "which stands for one disk",
  },
  {
    id: "arrivals-by-index",
    why:
      "two leaders' entries under one index come in one turn only where the later leader's is its first, which has no " +
      "content: arrivals-outlive-turn, which takes the wrong bytes too, does harm",
  },
  {
    id: "outbox-forgets-term",
    why:
      "of a leader that stays the same the log holds what it was handed, and another leader is seen between: " +
      "outbox-forgets-leader, which forgets both, does harm",
  },
  {
    id: "snapshot-hides-publishes",
    why: "costs a second at most: what waits is handed over again and is recognised as a duplicate",
  },
  {
    id: "hint-one-too-far",
    why: "the hint of a refusal saves round trips: whatever it says, a leader goes back by one at least",
  },
  {
    id: "offset-falls",
    why:
      "a member has one command for its offsets under way, and the next says no less: that offsets only rise is a second line",
  },
  {
    id: "reads-survive-leadership",
    why: "costs a call's timeout at most: whoever asked has a deadline of its own, and asks again",
  },
  {
    id: "removal-finished-early",
    why:
      "the entry that ends a membership stands in the log behind the change of the configuration that it is for: it cannot be " +
      "committed before that",
  },
  {
    id: "recovered-out-of-order",
    why:
      "costs a round at most: a batch that comes before its turn is a gap in the log, and all that waits is handed over again",
  },
  {
    id: "begin-configuration-of-newest",
    why:
      "a change of the configuration between the log's begin and the newest snapshot stands in the log, and counts instead; what is " +
      "cut off lies behind both",
  },
  {
    id: "head-not-awaited",
    why:
      "a segment goes although the head of the next one is not written: there is something alive in the last one that is, for every " +
      "log keeps entries behind the snapshot that it begins with",
  },
  {
    id: "own-snapshot-removes-received",
    why:
      "a snapshot of one's own that comes out at the very entry of one that was received: who has applied that entry is given no " +
      "snapshot of it",
  },
  {
    id: "handover-before-caught-up",
    why:
      "what the other lacks of the log is on its way before the word to campaign; where that is lost so is the campaign, " +
      "and an election follows",
  },
];
