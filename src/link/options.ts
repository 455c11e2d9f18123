/**
 * What the links of one node are told: who the node is, the times of its sessions, and every limit of this room.
 */
import type { MemberId, NodeNumber } from "../core/ids.ts";
import type { ReassemblyLimits } from "../wire/mod.ts";

const KIB = 1024;
const MIB = 1024 * 1024;

/** How this node presents itself. */
export interface SelfIdentity {
  /** 16 bytes as hexadecimal or a ULID of 26 characters; "" while not enrolled. */
  readonly meshId: string;
  readonly recoveryEpoch: number;
  readonly number: NodeNumber;
  readonly memberId: MemberId;
  readonly name: string;
}

export function isSameSelf(a: SelfIdentity, b: SelfIdentity): boolean {
  return a.meshId === b.meshId && a.recoveryEpoch === b.recoveryEpoch && a.number === b.number &&
    a.memberId === b.memberId && a.name === b.name;
}

/** A current member other than this node. */
export interface PeerMember {
  readonly number: NodeNumber;
  readonly memberId: MemberId;
  readonly name: string;
  /** host:port each; tried in turn. A member without addresses is not dialled but may dial. */
  readonly addresses: readonly string[];
}

export interface LinkOptions {
  readonly self: SelfIdentity;
  /** The protocol's feature level that this node can do; told to others. */
  readonly featureLevel: number;
  readonly pingIntervalMs: number;
  /** A session on which nothing arrives for so long ends. Must be well above the ping interval. */
  readonly idleTimeoutMs: number;
  /** The pause before a dial doubles from the first to the second, each time cut by up to half at random. */
  readonly redialMinMs: number;
  readonly redialMaxMs: number;
  /** From the opening of a connection until both sides have accepted each other. */
  readonly helloTimeoutMs: number;
  /** A dial that the network has not completed by then counts as failed. */
  readonly dialTimeoutMs: number;
  /** An enrolment session may last so long. */
  readonly enrolTimeoutMs: number;
  /** A duplicate that was told to end is closed by force after this. */
  readonly lingerMs: number;
  /** How long `drain` lets queued messages leave. */
  readonly drainTimeoutMs: number;
  /** Without a `drained` event, blocked queues are looked at again after this. */
  readonly blockedCheckMs: number;
  readonly limits: LinkLimits;
}

export interface LinkLimits {
  /** Bytes handed to one connection and not yet gone: more waits in the queues. */
  readonly socketBytes: number;
  /** Queued bytes per peer, by traffic class. One message is always taken by an empty queue. */
  readonly queueBytes: readonly [number, number, number, number, number];
  /** Queued bytes of all peers together. */
  readonly totalQueueBytes: number;
  /** A class that waits is given one segment after so many bytes of higher classes. */
  readonly starvationBytes: number;
  /** The largest message; larger ones are the caller's mistake. */
  readonly messageBytes: number;
  /** The largest message of an enrolment session. */
  readonly enrolMessageBytes: number;
  /** Inbound connections that have not introduced themselves. */
  readonly unknownConnections: number;
  readonly enrolSessions: number;
  readonly connections: number;
  readonly reassembly: ReassemblyLimits;
  readonly enrolReassembly: ReassemblyLimits;
}

export const DEFAULT_LIMITS: LinkLimits = {
  socketBytes: 256 * KIB,
  queueBytes: [8 * MIB, 1 * MIB, 16 * MIB, 16 * MIB, 16 * MIB],
  totalQueueBytes: 256 * MIB,
  starvationBytes: 1 * MIB,
  messageBytes: 16 * MIB,
  enrolMessageBytes: 1 * MIB,
  unknownConnections: 64,
  enrolSessions: 16,
  connections: 1024,
  reassembly: {
    messageBytes: 16 * MIB,
    sourceBytes: 80 * MIB, // One unfinished message of the largest size in each class.
    totalBytes: 256 * MIB,
    sourceMessages: 16,
    timeoutMs: 30_000,
  },
  enrolReassembly: {
    messageBytes: 1 * MIB,
    sourceBytes: 2 * MIB,
    totalBytes: 16 * MIB,
    sourceMessages: 4,
    timeoutMs: 30_000,
  },
};

/** The defaults for a node that presents itself as `self`. */
export function defaultLinkOptions(self: SelfIdentity): LinkOptions {
  return {
    self,
    featureLevel: 1,
    pingIntervalMs: 10_000,
    idleTimeoutMs: 30_000,
    redialMinMs: 1_000,
    redialMaxMs: 30_000,
    helloTimeoutMs: 5_000,
    dialTimeoutMs: 15_000,
    enrolTimeoutMs: 120_000,
    lingerMs: 2_000,
    drainTimeoutMs: 5_000,
    blockedCheckMs: 50,
    limits: DEFAULT_LIMITS,
  };
}
