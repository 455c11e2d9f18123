/**
 * The kinds of faults that the nemesis injects, each for a while, the mildest first: what a strike falls back to where its
 * own choice is taken away.
 */
export const FAULT_KINDS = [
  "transfer-leadership",
  "open-stream",
  "cut-clients",
  "close-stream",
  "clog",
  "break-connections",
  "half-open",
  "pause",
  "clock-drift",
  "wall-jump",
  "flap",
  "partition-one-way",
  "partition-one",
  "partition-halves",
  "partition-bridge",
  "partition-ring",
  "partition-grudges",
  "swizzle",
  "stop",
  "rolling-restart",
  "move",
  "join",
  "leave",
  "evict",
  "evict-dead",
  "return-unheard",
  "stall-in-change",
  "crash-process",
  "crash-power",
  "crash-in-sync",
  "crash-in-election",
  "crash-in-overwrite",
  "crash-in-install",
  "crash-many",
  "power-everywhere",
  "crash-with-late-peers",
  "stranded-leader",
  "figure-8",
  "joint-election",
  "elect-removed",
  "late-words",
  "flipped-bit",
  "flip-before-read",
  "misdirected-write",
  "damaged-snapshot",
  "hung-disk",
  "hang-in-election",
  "full-disk",
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** Of these a run has all copies of something but one at most: no other kind may take copies away in such a run. */
export const ROT_KINDS: ReadonlySet<FaultKind> = new Set<FaultKind>([
  "flipped-bit",
  "flip-before-read",
  "misdirected-write",
  "damaged-snapshot",
]);
/** These take copies away for good. */
export const REMOVAL_KINDS: ReadonlySet<FaultKind> = new Set<FaultKind>([
  "leave",
  "evict",
  "evict-dead",
  "return-unheard",
]);
/** These need a member that takes a voter's place. */
export const REPLACEMENT_KINDS: ReadonlySet<FaultKind> = new Set<FaultKind>([
  "joint-election",
  "elect-removed",
]);
