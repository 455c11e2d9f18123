/**
 * The regime of a seed, drawn before anything else (swarm testing: Groce et al., ISSTA'12): how many nodes, how far apart,
 * which kinds of faults do not occur at all and how often the others strike, what clients do, and how small the limits
 * are. Fixed rates for everything would leave most of what can happen unvisited.
 */
import { FEATURE_LEVEL } from "../src/node/mod.ts";
import type { NodeSettings } from "../src/node/settings.ts";
import { FAULT_KINDS, type FaultKind, REMOVAL_KINDS, REPLACEMENT_KINDS, ROT_KINDS } from "./faults/kinds.ts";
import type { Prf } from "./prf.ts";
import type { RunOptions } from "./run_name.ts";
import type { NoiseRegime } from "./workloads/noise.ts";

export interface WireRegime {
  readonly latencyUs: number;
  readonly jitterMeanUs: number;
  readonly bytesPerMs: number;
  readonly lossPerMillion: number;
  readonly cutPerMillion: number;
  readonly dialFailurePerMillion: number;
  readonly corruptPerMillion: number;
}

export interface DiskRegime {
  readonly cacheMeanUs: number;
  readonly deviceMeanUs: number;
  readonly readMeanUs: number | null;
  readonly stallPerMillion: number;
  readonly stallMeanUs: number;
  /** Of the disks of a minority of machines. */
  readonly syncFailurePerMillion: number;
}

export interface TurnRegime {
  readonly meanUs: number;
  readonly slowPerMillion: number;
  readonly slowMeanUs: number;
}

export interface WorkRegime {
  readonly kvClients: number;
  readonly keys: number;
  /** Operations of all clients together after which the faults end. */
  readonly operations: number;
  readonly thinkMeanMs: number;
  readonly streams: number;
  readonly producersPerStream: number;
  readonly messageBytesLimit: number;
  readonly batchMessagesLimit: number;
  readonly consumerCrashPerMillion: number;
  /** Of a stream; where it is small, publishers wait for the slowest subscription. */
  readonly retentionBytes: number;
  /** Clients that wait for nothing; null: there are none. */
  readonly noise: NoiseRegime | null;
}

export interface Regime {
  /** That the mesh is formed of. */
  readonly nodes: number;
  /** Machines beside them, for those who join late. */
  readonly spares: number;
  readonly wire: WireRegime;
  readonly disk: DiskRegime;
  readonly turns: TurnRegime;
  /** Kinds that occur, with their weights. */
  readonly faults: readonly (readonly [FaultKind, number])[];
  readonly faultIntervalMs: number;
  readonly faultLengthMs: number;
  readonly driftPerMillionLimit: number;
  readonly work: WorkRegime;
  readonly settings: Omit<NodeSettings, "name" | "listenAddress" | "advertisedAddresses">;
  /** In the end something waits long in an outbox while logs grow and are collected. */
  readonly hasBacklog: boolean;
  /** Faults last at most so long. */
  readonly faultPhaseMs: number;
  /** Within which a healed mesh must have converged and serve. */
  readonly convergenceMs: number;
}

/** Runs in which a disk rots, and then no copy is taken away for good. */
const ROT_RUNS_PER_MILLION = 300_000;
/** One disk of a run rots, and only what has copies: it takes many tries to come to something. */
const ROT_WEIGHT = 4;
/** It takes many members and long: it takes many tries to come to something. */
const JOINT_WEIGHT = 3;
/** What a stream retains: more than is ever sent in a run, or a few batches. */
const AMPLE_BYTES = 64 * 1024 * 1024;
const SCARCE_BYTES = 2 * 1024;
/** Of the limits on voters that are drawn the lowest. */
const VOTERS_LEAST = 3;
const REPLACE_LIMIT_MS = 2_000;
/** The operator is mostly busy, and not everybody can be spared: few of those that are to leave do. */
const LEAVE_WEIGHT = 3;
/** Runs in which disks of a minority fail to sync. */
const SYNC_RUNS_PER_MILLION = 200_000;
/** Runs with more members than vote and are about to. */
const LARGE_RUNS_PER_MILLION = 40_000;
/** Runs in which disks may get full, of those that have the kind. */
const FULL_RUNS_PER_MILLION = 500_000;
/** Runs with clients that wait for nothing. */
const NOISE_RUNS_PER_MILLION = 300_000;
/** Runs in which an outbox is left to fill. */
const BACKLOG_RUNS_PER_MILLION = 200_000;
/** Runs in which a few kinds of faults strike, each so much more often. */
const FOCUSED_RUNS_PER_MILLION = 300_000;
const FOCUSED_KINDS_LIMIT = 3;
/** Runs in which every limit is as small as it may be. */
const TINY_RUNS_PER_MILLION = 150_000;

export function drawRegime(prf: Prf, options: RunOptions): Regime {
  const draws = prf.site("regime/shape");
  const distance = draws.pick([0, 0, 0, 1, 1, 2] as const);
  // Drawn in any case, so that the option shifts nothing.
  const drawn = draws.pick([3, 3, 3, 3, 3, 4, 5, 5, 6, 7]);
  const large = prf.site("regime/large");
  const size = large.chance(LARGE_RUNS_PER_MILLION) ? large.pick([9, 11]) : drawn;
  const nodes = options.nodes === undefined ? size : Number(options.nodes);
  if (!(nodes >= 1 && nodes <= 15)) throw new TypeError(`A run has 1 to 15 nodes, not ${options.nodes}`);
  const wire = drawWire(prf, distance);
  const disk = drawDisk(prf, options);
  const settings = drawSettings(prf, distance);
  const regime = {
    nodes,
    spares: prf.site("regime/spares").below(3),
    wire,
    disk,
    turns: drawTurns(prf),
    faults: possible(drawFaults(prf, options), nodes),
    faultIntervalMs: draws.pick([300, 800, 1_500, 3_000]),
    faultLengthMs: draws.pick([200, 800, 2_000, 4_000]),
    driftPerMillionLimit: draws.pick([0, 50, 500, 10_000]),
    work: drawWork(prf, options),
    hasBacklog: prf.site("regime/backlog").chance(BACKLOG_RUNS_PER_MILLION),
    faultPhaseMs: 60_000,
  };
  const lease = drawLease(prf, options, regime.driftPerMillionLimit);
  const tiny = drawTiny(prf, options);
  const rots = regime.faults.some(([kind]) => ROT_KINDS.has(kind));
  const joins = regime.faults.some(([kind]) => REPLACEMENT_KINDS.has(kind));
  return {
    ...regime,
    convergenceMs: tiny.isOn ? 240_000 : 60_000,
    settings: {
      ...settings,
      ...rots ? drawCache(prf) : {},
      ...regime.hasBacklog ? drawSegments(prf) : {},
      ...joins ? replacement(nodes, settings) : {},
      ...tiny.settings,
      raft: {
        ...settings.raft,
        ...tiny.raft,
        ...lease,
        quiesceIdle: prf.site("regime/quiesce").chance(500_000),
      },
    },
  };
}

/** Where a disk rots, little is remembered of what lies on it. */
function drawCache(prf: Prf): Partial<OfAllNodes> {
  return { entryCacheBytes: prf.site("regime/rot-cache").pick([1, 256, 4 * 1024]) };
}

/** Where logs are to be collected, segments are small, and what is in them dies soon. */
function drawSegments(prf: Prf): Partial<OfAllNodes> {
  const draws = prf.site("regime/backlog-segments");
  return { walSegmentBytes: draws.pick([4 * 1024, 16 * 1024]), snapshotEntries: draws.pick([4, 8, 16]) };
}

/** A voter is only ever replaced where some member does not vote. */
function possible(
  faults: readonly (readonly [FaultKind, number])[],
  nodes: number,
): (readonly [FaultKind, number])[] {
  return faults.filter(([kind]) => !REPLACEMENT_KINDS.has(kind) || nodes > VOTERS_LEAST);
}

/** Where voters are to be replaced, some member does not vote, and nobody waits for long. */
function replacement(
  nodes: number,
  { votersLimit, voterReplaceMs }: SettingsBeforeLease,
): Partial<OfAllNodes> {
  return {
    votersLimit: nodes > votersLimit ? votersLimit : VOTERS_LEAST,
    voterReplaceMs: Math.min(voterReplaceMs, REPLACE_LIMIT_MS),
  };
}

/** In some runs reads are answered by lease, and members are told how far apart clocks run. */
function drawLease(prf: Prf, options: RunOptions, driftPerMillionLimit: number) {
  const isOn = prf.site("regime/lease").chance(500_000);
  // One clock may be fast by the limit while another is slow by it.
  const leaseDriftPerMillion = Math.ceil(
    2 * driftPerMillionLimit * 1_000_000 / (1_000_000 - driftPerMillionLimit),
  );
  return { leaseReads: options.lease === undefined ? isOn : options.lease === "on", leaseDriftPerMillion };
}

function drawWire(prf: Prf, distance: 0 | 1 | 2): WireRegime {
  const draws = prf.site("regime/wire");
  const [low, high] = [[50, 500], [1_000, 5_000], [10_000, 60_000]][distance] as [number, number];
  const latencyUs = draws.between(low, high);
  return {
    latencyUs,
    jitterMeanUs: Math.floor(latencyUs * draws.pick([0, 1, 10, 50]) / 100) + draws.pick([0, 20]),
    bytesPerMs: draws.pick([1_000_000, 100_000, 12_500, 2_000]),
    lossPerMillion: draws.pick([0, 0, 100, 2_000, 20_000]),
    cutPerMillion: draws.pick([0, 0, 100, 1_000, 5_000]),
    dialFailurePerMillion: draws.pick([0, 0, 10_000, 200_000]),
    corruptPerMillion: draws.pick([0, 0, 0, 100, 2_000]),
  };
}

function drawDisk(prf: Prf, options: RunOptions): DiskRegime {
  const draws = prf.site("regime/disk");
  return {
    cacheMeanUs: draws.pick([2, 10, 50]),
    deviceMeanUs: draws.pick([50, 200, 1_000, 8_000]),
    // Much happens to what is being read before it has come.
    readMeanUs: prf.site("regime/reads").pick([null, null, null, 20_000]),
    stallPerMillion: draws.pick([0, 0, 500, 5_000]),
    stallMeanUs: draws.pick([50_000, 500_000]),
    syncFailurePerMillion: drawSyncFailures(prf, options),
  };
}

/** In some runs a minority of the machines has disks whose syncs fail now and then. */
function drawSyncFailures(prf: Prf, options: RunOptions): number {
  const draws = prf.site("regime/syncs");
  const isOn = options.syncs === undefined ? draws.chance(SYNC_RUNS_PER_MILLION) : options.syncs === "fail";
  return isOn ? draws.pick([300, 1_000, 5_000]) : 0;
}

function drawTurns(prf: Prf): TurnRegime {
  const draws = prf.site("regime/turns");
  return {
    meanUs: draws.pick([20, 40, 100]),
    slowPerMillion: draws.pick([0, 0, 300, 2_000]),
    slowMeanUs: draws.pick([50_000, 300_000]),
  };
}

function drawFaults(prf: Prf, options: RunOptions): (readonly [FaultKind, number])[] {
  const chosen: (readonly [FaultKind, number])[] = [];
  for (const kind of FAULT_KINDS) {
    // A site for every kind: neither an option nor a new kind shifts another.
    const draws = prf.site(`regime/fault/${kind}`);
    const isOn = draws.chance(550_000);
    const weight = draws.between(1, 10);
    if (options.faults !== undefined) {
      if (options.faults.split("+").includes(kind) || options.faults === "all") chosen.push([kind, weight]);
    } else if (isOn && (kind !== "full-disk" || mayGetFull(prf, options))) chosen.push([kind, weight]);
  }
  if (options.faults !== undefined) return chosen;
  const excluded = prf.site("regime/rot").chance(ROT_RUNS_PER_MILLION) ? REMOVAL_KINDS : ROT_KINDS;
  const left = chosen.filter(([kind]) => !excluded.has(kind));
  return focused(
    prf,
    left.map(([kind, weight]) => [kind, factorOf(kind) * weight] as const),
  );
}

function factorOf(kind: FaultKind): number {
  if (REPLACEMENT_KINDS.has(kind)) return JOINT_WEIGHT;
  if (kind === "leave" || kind === "return-unheard") return LEAVE_WEIGHT;
  return ROT_KINDS.has(kind) ? ROT_WEIGHT : 1;
}

/** With many kinds in a run each strikes seldom: in some runs most of them are left out. */
function focused(
  prf: Prf,
  chosen: (readonly [FaultKind, number])[],
): (readonly [FaultKind, number])[] {
  const draws = prf.site("regime/focus");
  if (!draws.chance(FOCUSED_RUNS_PER_MILLION)) return chosen;
  const few = draws.shuffled(chosen).slice(0, draws.between(1, FOCUSED_KINDS_LIMIT));
  return chosen.filter((each) => few.includes(each));
}

function mayGetFull(prf: Prf, options: RunOptions): boolean {
  const isOn = prf.site("regime/full").chance(FULL_RUNS_PER_MILLION);
  return options.full === undefined ? isOn : options.full === "on";
}

function drawWork(prf: Prf, options: RunOptions): WorkRegime {
  const draws = prf.site("regime/work");
  const operations = draws.between(150, 500);
  return {
    kvClients: draws.between(1, 4),
    keys: draws.between(1, 5),
    operations: options.operations !== undefined ? Number(options.operations) : operations,
    thinkMeanMs: draws.pick([1, 10, 50, 150]),
    streams: draws.between(1, 2),
    producersPerStream: draws.between(1, 2),
    messageBytesLimit: draws.pick([64, 512, 3_000]),
    batchMessagesLimit: draws.pick([1, 3, 8]),
    consumerCrashPerMillion: draws.pick([0, 20_000, 100_000]),
    retentionBytes: prf.site("regime/retention").pick([AMPLE_BYTES, AMPLE_BYTES, AMPLE_BYTES, SCARCE_BYTES]),
    noise: drawNoise(prf),
  };
}

/** In some runs logs grow wherever anybody leads, committed or not. */
function drawNoise(prf: Prf): NoiseRegime | null {
  const draws = prf.site("regime/noise");
  if (!draws.chance(NOISE_RUNS_PER_MILLION)) return null;
  return { writes: draws.between(20, 120), thinkMeanMs: draws.pick([5, 20, 60]) };
}

/**
 * In some runs what a limit bounds is one at a time: one entry in a message, one message under way, a snapshot every few
 * entries, a segment for every few batches. Sites of their own, so that other runs stay what they are.
 */
function drawTiny(prf: Prf, options: RunOptions): {
  /** One entry goes to a member in a round trip: what waits takes its time. */
  readonly isOn: boolean;
  readonly settings: Partial<OfAllNodes>;
  readonly raft: Partial<OfAllNodes["raft"]>;
} {
  const draws = prf.site("regime/tiny");
  const isDrawn = draws.chance(TINY_RUNS_PER_MILLION);
  const isOn = options.limits === undefined ? isDrawn : options.limits === "tiny";
  if (!isOn) return { isOn, settings: {}, raft: {} };
  return {
    isOn,
    settings: {
      walSegmentBytes: 4 * 1024,
      entryCacheBytes: draws.pick([1, 256, 1_024]),
      snapshotEntries: draws.between(2, 8),
      snapshotChunkBytes: draws.pick([64, 256]),
    },
    raft: {
      inflightMessagesLimit: 1,
      inflightBytesLimit: draws.pick([1, 512, 4 * 1024]),
      appendBytesLimit: draws.pick([1, 64, 512]),
      pendingReadsLimit: draws.pick([1, 4]),
      uncommittedBytesLimit: draws.pick([8 * 1024, 32 * 1024]),
    },
  };
}

type OfAllNodes = Omit<NodeSettings, "name" | "listenAddress" | "advertisedAddresses">;
type SettingsBeforeLease = Omit<OfAllNodes, "raft"> & {
  readonly raft: Omit<OfAllNodes["raft"], "leaseReads" | "leaseDriftPerMillion" | "quiesceIdle">;
};

function drawSettings(
  prf: Prf,
  distance: 0 | 1 | 2,
): SettingsBeforeLease {
  const draws = prf.site("regime/settings");
  const electionTimeoutMs = [draws.pick([150, 300, 1_000]), draws.pick([300, 1_000]), 1_500][distance]!;
  const pingIntervalMs = Math.floor(electionTimeoutMs / 2);
  return {
    number: 0,
    certificates: null,
    foundingFeatureLevel: FEATURE_LEVEL,
    raft: {
      electionTimeoutMs,
      heartbeatIntervalMs: Math.floor(electionTimeoutMs / draws.between(4, 10)),
      inflightMessagesLimit: draws.pick([1, 4, 64]),
      inflightBytesLimit: draws.pick([4 * 1024, 1024 * 1024]),
      appendBytesLimit: draws.pick([512, 4 * 1024, 64 * 1024]),
      pendingReadsLimit: draws.pick([16, 1_024]),
      uncommittedBytesLimit: draws.pick([32 * 1024, 4 * 1024 * 1024]),
    },
    pingIntervalMs,
    idleTimeoutMs: pingIntervalMs * draws.between(3, 6),
    redialMinMs: draws.pick([10, 100]),
    redialMaxMs: draws.pick([500, 2_000]),
    walSegmentBytes: draws.pick([4 * 1024, 16 * 1024, 1024 * 1024]),
    entryCacheBytes: draws.pick([1_024, 16 * 1024, 1024 * 1024]),
    snapshotEntries: draws.pick([4, 16, 64, 1_000]),
    snapshotBytes: draws.pick([8 * 1024, 1024 * 1024]),
    snapshotChunkBytes: prf.site("regime/chunks").pick([64, 512, 48 * 1024]),
    callTimeoutMs: draws.pick([2_000, 5_000]),
    certificateRenewMs: draws.pick([1_000, 5_000, 86_400_000]),
    votersLimit: prf.site("regime/voters").pick([VOTERS_LEAST, 5, 5]),
    borrowedBytesLimit: prf.site("regime/lend").pick([0, 256 * 1024 * 1024]),
    voterReplaceMs: prf.site("regime/replace").pick([500, 2_000, 300_000]),
  };
}
