/**
 * Places in the core that a batch of simulated runs must pass: see `src/node/marks.ts`. The core notes where it was; whoever
 * wants to know takes the notes. Each is there once, so that nothing grows where nobody looks.
 */

/** Passed within a hundred runs that are drawn as usual. */
export const RAFT_MARKS = [
  "raft: a conflicting tail is cut off",
  "raft: a log that does not match is refused with a hint",
  "raft: a leader of an earlier term is told",
  "raft: entries of an earlier term wait for one of this term",
  "raft: a joint configuration is left",
  "raft: a leader hears from no majority",
  "raft: a window that does not move is probed",
  "raft: a peer's window is full",
  "raft: a vote is refused to a shorter log",
  "raft: a vote is refused to a second candidate",
  "raft: a campaign is ignored while a leader is in office",
  "raft: reads wait for an entry of the leader's own term",
  "raft: reads fail with their leader",
  "raft: a lease answers a read",
  "raft: a group falls silent",
  "raft: a silent group is woken",
] as const;

/** Passed now and then. */
export const RARE_RAFT_MARKS = [
  "raft: a leader is removed by its own entry",
  "raft: a transfer of leadership is given up",
  "raft: a late refusal is ignored",
  "raft: a late grant is ignored",
  "raft: a change of the configuration is cut off",
  "raft: a snapshot's transfer is given up",
  "raft: a snapshot brings nothing new",
  "raft: acknowledgements of an earlier term are dropped",
  "raft: a write completes after its entries were replaced",
] as const;

export type RaftMark = (typeof RAFT_MARKS)[number] | (typeof RARE_RAFT_MARKS)[number];
