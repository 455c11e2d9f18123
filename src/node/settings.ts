/**
 * What one node is told at its start. Settings that safety depends on live in the control log, not here.
 */
import { VOTERS_LIMIT } from "../core/limits.ts";
import { FEATURE_LEVEL } from "./feature_level.ts";
import type { RaftOptions } from "../raft/types.ts";
import type { WalOptions } from "../wal/mod.ts";
import type { UserMachines } from "./user_machine.ts";

export interface NodeSettings {
  /** A DNS label: lower-case letters, digits, hyphens; at most 63 characters. */
  readonly name: string;
  /** 0: hashed from the name. */
  readonly number: number;
  /** host:port to listen on for other nodes; port 0 takes any. */
  readonly listenAddress: string;
  /** host:port as others reach this node; empty: the bound listen address. */
  readonly advertisedAddresses: readonly string[];
  /** Certificates from outside (a shared folder): used instead of enrolling. */
  readonly certificates: {
    readonly certificate: string;
    readonly privateKey: string;
    readonly trust: readonly string[];
  } | null;
  /** `electionTimeoutMs` must be the same on all nodes, and so must be `leaseReads` with its bound: safety rests on it. */
  /** Of a mesh that this node founds: lower than this build's where nodes of an older build are to come in. */
  readonly foundingFeatureLevel: number;
  readonly raft: Omit<RaftOptions, "memberId">;
  readonly pingIntervalMs: number;
  readonly idleTimeoutMs: number;
  /** Redial backoff: doubles from the first to the second, with jitter. */
  readonly redialMinMs: number;
  readonly redialMaxMs: number;
  readonly walSegmentBytes: number;
  readonly entryCacheBytes: number;
  /** A snapshot is taken after so many applied entries or log bytes since the last one. */
  readonly snapshotEntries: number;
  readonly snapshotBytes: number;
  /** Of a snapshot on its way to a member; with its head it fits one frame of a link, 64 KiB. */
  readonly snapshotChunkBytes: number;
  /** A certificate of the mesh's authority is renewed at this age. */
  readonly certificateRenewMs: number;
  /** Of the control group, from 3 to 9; used while this node leads it. */
  readonly votersLimit: number;
  /** A voter of the control group that is away for so long loses its vote to a member that is there. */
  readonly voterReplaceMs: number;
  /** Bytes that this node lends to streams that it is neither source nor target of; 0: it lends none. */
  readonly borrowedBytesLimit: number;
  /** How long a forwarded call waits for its outcome before it fails as UNKNOWN. */
  readonly callTimeoutMs: number;
  /** State machines of the application that this node can run, by name. */
  readonly machines?: UserMachines;
}

/** Throws `RangeError` for a setting that no node can work by. */
export function checkSettings({ votersLimit, voterReplaceMs, borrowedBytesLimit }: NodeSettings): void {
  if (!Number.isSafeInteger(borrowedBytesLimit) || borrowedBytesLimit < 0) {
    const text =
      `Cannot use borrowedBytesLimit as it must be a count of bytes: current value is ${borrowedBytesLimit}`;
    throw new RangeError(text);
  }
  if (!Number.isInteger(votersLimit) || votersLimit < 3 || votersLimit > 9) {
    throw new RangeError(`Cannot use votersLimit as it must be from 3 to 9: current value is ${votersLimit}`);
  }
  if (!(voterReplaceMs > 0)) {
    throw new RangeError(
      `Cannot use voterReplaceMs as it must be above 0: current value is ${voterReplaceMs}`,
    );
  }
}

/** Of the node's write-ahead log. */
export function walOptions(settings: NodeSettings): WalOptions {
  return { folder: "wal", segmentBytes: settings.walSegmentBytes, cacheBytes: settings.entryCacheBytes };
}

const MIB = 1024 * 1024;

/** Settings for a local network: fast elections, and what a machine with little to spare can carry. */
export function localSettings(name: string): NodeSettings {
  return {
    name,
    number: 0,
    listenAddress: "127.0.0.1:0",
    advertisedAddresses: [],
    certificates: null,
    foundingFeatureLevel: FEATURE_LEVEL,
    raft: {
      electionTimeoutMs: 1000,
      heartbeatIntervalMs: 100,
      inflightMessagesLimit: 64,
      inflightBytesLimit: 8 * MIB,
      appendBytesLimit: MIB,
      pendingReadsLimit: 10_000,
      uncommittedBytesLimit: 64 * MIB,
      leaseReads: false,
      leaseDriftPerMillion: 1000,
      quiesceIdle: true,
    },
    pingIntervalMs: 2000,
    idleTimeoutMs: 10_000,
    redialMinMs: 100,
    redialMaxMs: 5000,
    walSegmentBytes: 64 * MIB,
    entryCacheBytes: 32 * MIB,
    snapshotEntries: 10_000,
    snapshotBytes: 64 * MIB,
    snapshotChunkBytes: 48 * 1024,
    certificateRenewMs: 30 * 24 * 3600 * 1000,
    votersLimit: VOTERS_LIMIT,
    voterReplaceMs: 5 * 60 * 1000,
    borrowedBytesLimit: 0,
    callTimeoutMs: 10_000,
  };
}
