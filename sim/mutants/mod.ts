/**
 * The bugs that the simulator is scored by (docs/kill-matrix.md): planted one at a time into a copy of the tree by
 * tools/mutants.ts, never into the tree itself.
 */
import { BOUNDARIES } from "./boundaries.ts";
import { CHANGES } from "./changes.ts";
import { CLOSINGS } from "./closings.ts";
import { CONSENSUS } from "./consensus.ts";
import { DAMAGE } from "./damage.ts";
import { DELIVERY } from "./delivery.ts";
import { ELECTIONS } from "./elections.ts";
import { FORGOTTEN } from "./forgotten.ts";
import { LEASES } from "./leases.ts";
import { MISJUDGED } from "./misjudged.ts";
import type { Mutant, NotPlanted } from "./mutant.ts";
import { NODE } from "./node.ts";
import { READS } from "./reads.ts";
import { RECOVERIES } from "./recoveries.ts";
import { REPLICATION } from "./replication.ts";
import { SILENCE } from "./silence.ts";
import { STORAGE } from "./storage.ts";
import { STREAMS } from "./streams.ts";

export type { Edit, Mutant, NotPlanted } from "./mutant.ts";

export const MUTANTS: readonly Mutant[] = [
  ...CONSENSUS,
  ...ELECTIONS,
  ...REPLICATION,
  ...CHANGES,
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
];

export const NOT_PLANTED: readonly NotPlanted[] = [
  { id: "multipath-reorders-stream", why: "a frame takes one path; there is no spraying" },
  { id: "lsa-seq-reset", why: "there is no link-state routing yet: members reach each other directly" },
  { id: "suspect-not-refuted", why: "there is no gossiped failure detector yet" },
  { id: "stale-alive-resurrects", why: "there is no gossiped failure detector yet" },
  { id: "pushpull-dead-as-dead", why: "there is no gossiped failure detector yet" },
  {
    id: "commit-beyond-match",
    why:
      "a leader goes back just to where the logs part, and what it sends from there replaces all that a follower " +
      "has beyond what matched: heartbeat-commits-all does harm",
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
];
