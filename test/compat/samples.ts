/**
 * One sample of every format that goes over a link or onto a disk, with values that are all different, so that two swapped
 * fields show. The bytes that were once written for them are kept in fixtures/formats.txt; see formats_test.ts. A kind that
 * has no sample here does not compile.
 */
import { ByteWriter, decodeText, encodeText } from "../../src/core/bytes.ts";
import type { GroupId, Index, MemberId, NodeNumber, Offset, Sequence, Term } from "../../src/core/ids.ts";
import { decodeBye, encodeBye } from "../../src/link/bye.ts";
import { decodeHello, encodeHello, HELLO_METADATA } from "../../src/link/hello.ts";
import {
  type ControlCommand,
  decodeControlCommand,
  encodeControlCommand,
} from "../../src/node/control_commands.ts";
import { ControlState } from "../../src/node/control_state.ts";
import { decodeUserCommand, encodeUserCommand, UserMachine } from "../../src/node/user_machine.ts";
import {
  decodeJoinReply,
  decodeJoinRequest,
  encodeJoinReply,
  encodeJoinRequest,
  type JoinReply,
} from "../../src/node/enrol_messages.ts";
import { decodeIdentity, encodeIdentity } from "../../src/node/identity.ts";
import { decodeNodeMessage, type NodeMessage, writeNodeMessage } from "../../src/node/node_messages.ts";
import {
  type Configuration,
  decodeConfiguration,
  decodeRaftFrame,
  encodeConfiguration,
  encodeRaftFrame,
  EntryKind,
  type EntryMeta,
  type RaftPayload,
} from "../../src/raft/mod.ts";
import { decodeInvitation, encodeInvitation } from "../../src/security/mod.ts";
import {
  decodeStreamCommand,
  encodeRecordBatch,
  encodeStreamCommand,
  recordBatchMessages,
  type StreamCommand,
  StreamState,
  verifyRecordBatch,
} from "../../src/stream/mod.ts";
import { RECORDING_SAMPLES } from "./recording_samples.ts";
import { FrameDecoder, FrameEncoder, FrameType, Header, packRoute, StatusCode } from "../../src/wire/mod.ts";

import { backup, rewriteBackup } from "./backup_sample.ts";
import { type ByKind, bytesFrom, candidate, CONTROL, type Kinded, origin } from "./control_samples.ts";

type Bytes = Uint8Array<ArrayBuffer>;

export interface Sample {
  /** What today's code writes for the sample. */
  write(): Bytes;
  /** What today's code writes for what it reads. */
  rewrite(bytes: Bytes): Bytes;
}

const configuration: Configuration = {
  incoming: [1, 5] as MemberId[],
  outgoing: [2, 3, 4] as MemberId[],
  learners: [6] as MemberId[],
};

const STREAM: ByKind<StreamCommand> = {
  "open-producer": { kind: "open-producer", origin, producer: "importer" },
  "open-subscription": {
    kind: "open-subscription",
    origin,
    member: 2 as MemberId,
    subscription: "default",
  },
  "move-offsets": {
    kind: "move-offsets",
    origin,
    moves: [
      { member: 2 as MemberId, subscription: "default", epoch: 1, offset: 2 as Offset },
      { member: 3 as MemberId, subscription: "audit", epoch: 4, offset: 5 as Offset },
    ],
  },
  "close": { kind: "close", origin },
  "remove-member": { kind: "remove-member", origin, member: 3 as MemberId },
  "take-over": { kind: "take-over", origin, member: 4 as MemberId },
};

function entry(index: number, term: number, kind: EntryKind, lengthBytes: number): EntryMeta {
  const found = kind === EntryKind.Configuration ? configuration : null;
  return { index: index as Index, term: term as Term, kind, lengthBytes, configuration: found };
}

const payloads = [bytesFrom(40, 3), new Uint8Array(0), encodeConfiguration(configuration)];
const term = 11 as Term;
const RAFT: ByKind<RaftPayload> = {
  "pre-vote": {
    kind: "pre-vote",
    term,
    lastIndex: 21 as Index,
    lastTerm: 10 as Term,
    transfer: true,
  },
  "pre-vote-reply": { kind: "pre-vote-reply", term, granted: true },
  "vote": { kind: "vote", term, lastIndex: 22 as Index, lastTerm: 9 as Term, transfer: false },
  "vote-reply": { kind: "vote-reply", term, granted: false },
  "append": {
    kind: "append",
    term,
    previousIndex: 23 as Index,
    previousTerm: 8 as Term,
    commit: 20 as Index,
    entries: [
      entry(24, 9, EntryKind.Command, payloads[0]!.length),
      entry(25, 10, EntryKind.Noop, 0),
      entry(26, 11, EntryKind.Configuration, payloads[2]!.length),
    ],
  },
  "append-reply": {
    kind: "append-reply",
    term,
    success: false,
    index: 27 as Index,
    hintIndex: 19 as Index,
    hintTerm: 7 as Term,
  },
  "heartbeat": { kind: "heartbeat", term, commit: 28 as Index, readRound: 31 },
  "heartbeat-reply": { kind: "heartbeat-reply", term, readRound: 32 },
  "snapshot": {
    kind: "snapshot",
    term,
    snapshot: { index: 29 as Index, term: 6 as Term, configuration },
  },
  "timeout-now": { kind: "timeout-now", term },
  "read-index": { kind: "read-index", term, context: 33 },
  "read-index-reply": { kind: "read-index-reply", term, context: 34, index: 30 as Index, ok: true },
  "snapshot-chunk": {
    kind: "snapshot-chunk",
    term,
    snapshot: { index: 35 as Index, term: 6 as Term, configuration },
    stateBytes: 36_000,
    stateCrc: 0x89ab_cdef,
    offset: 512,
  },
  "snapshot-chunk-reply": {
    kind: "snapshot-chunk-reply",
    term,
    index: 35 as Index,
    stateCrc: 0x89ab_cdef,
    nextOffset: 1024,
  },
  "quiesce": { kind: "quiesce", term, commit: 37 as Index },
  "wake": { kind: "wake", term },
  "pull": { kind: "pull", term, next: 38 as Index },
  "pulled": {
    kind: "pulled",
    term,
    leader: 13 as MemberId,
    distance: 2,
    previousIndex: 37 as Index,
    previousTerm: 8 as Term,
    commit: 41 as Index,
    entries: [
      entry(38, 9, EntryKind.Command, payloads[0]!.length),
      entry(39, 10, EntryKind.Noop, 0),
      entry(40, 11, EntryKind.Configuration, payloads[2]!.length),
    ],
  },
  "pulled-snapshot": {
    kind: "pulled-snapshot",
    term,
    snapshot: { index: 42 as Index, term: 7 as Term, configuration },
  },
  "pulled-chunk": {
    kind: "pulled-chunk",
    term,
    snapshot: { index: 42 as Index, term: 7 as Term, configuration },
    stateBytes: 36_001,
    stateCrc: 0x89ab_cde0,
    offset: 513,
  },
};

const group = 77 as GroupId;
const name = { group, generation: 3, index: 41 as Index };
const NODE: ByKind<NodeMessage> = {
  "propose": { kind: "propose", group, request: 5, content: bytesFrom(50, 4) },
  "proposed": { kind: "proposed", group, request: 6, index: 42 as Index, term },
  "publish": { kind: "publish", group, content: bytesFrom(60, 4) },
  "renew": { kind: "renew" },
  "beat": { kind: "beat", boot: 38 },
  "ended": { kind: "ended", group },
  "introduce": { kind: "introduce", member: 11 as MemberId },
  "introduced": {
    kind: "introduced",
    peer: { number: 41, memberId: 12, name: "late", addresses: ["late:7000", "[::1]:7001"] },
  },
  "renewed": { kind: "renewed", certificate: "certificate" },
  "transfer": { kind: "transfer", group, to: 8 as MemberId },
  "released": { kind: "released", group, member: 10 as MemberId },
  "fetch-entry": { kind: "fetch-entry", ...name, term },
  "fetched-entry": { kind: "fetched-entry", ...name, term, content: bytesFrom(70, 5) },
  "fetch-snapshot": { kind: "fetch-snapshot", ...name },
  "fetched-snapshot": {
    kind: "fetched-snapshot",
    group,
    generation: 3,
    wantedIndex: 43 as Index,
    snapshot: {
      index: 44 as Index,
      term,
      configurationBytes: encodeConfiguration(configuration),
      state: bytesFrom(80, 6),
    },
  },
};

const peers = [{ number: 11, memberId: 2, name: "b", addresses: ["h:2"] }];
const JOIN: ByKind<JoinReply> = {
  "admitted": {
    kind: "admitted",
    meshId: "01J00000000000000000000000",
    meshName: "mesh",
    memberId: 9 as MemberId,
    certificate: "certificate",
    trust: ["authority"],
    peers,
    recoveryEpoch: 0,
  },
  "refused": { kind: "refused", code: "JOIN_REFUSED", message: "The mesh is closed" },
  "elsewhere": { kind: "elsewhere", addresses: ["h:3", "h:4"] },
};

const identity = {
  state: "member" as const,
  name: "a",
  number: 11,
  certificate: "certificate",
  privateKey: "private key",
  publicKey: "public key",
  meshId: "01J00000000000000000000000",
  meshName: "mesh",
  memberId: 1,
  recoveryEpoch: 0,
  leftBehind: [],
  trust: ["authority"],
  authorityHash: "hash",
  peers,
  certifiedWallMs: 1_700_000_000_003,
  genesis: [1, 2, 3],
};

export function controlState(): ControlState {
  const state = new ControlState();
  let index = 0;
  const apply = (command: ControlCommand) => state.apply(++index as Index, encodeControlCommand(command));
  apply({ ...CONTROL["genesis"], admission: { policy: "OPEN", joinKeyHash: "hash" } });
  const other = { ...candidate, name: "b", number: 12 as NodeNumber, publicKey: "another key" };
  apply({ ...CONTROL["add-invitation"], invitationHash: "kept" });
  apply({ ...CONTROL["admit"], candidate: other, invitationHash: "" });
  apply({ ...CONTROL["share-authority"], member: 3 as MemberId });
  apply({ ...CONTROL["kv-put"], expectedVersion: null });
  apply({ ...CONTROL["create-stream"], source: candidate.name, targets: ["b"] });
  apply({ ...CONTROL["begin-removal"], evicted: false });
  return state;
}

/** As above, and with a machine. */
function controlStateWithMachine(): ControlState {
  const state = controlState();
  const command = { ...CONTROL["create-machine"], members: [candidate.name] };
  state.apply(state.applied + 1 as Index, encodeControlCommand(command));
  return state;
}

/** A machine that keeps the last command it was given. */
function lastCommand(): UserMachine {
  let last = new Uint8Array();
  return new UserMachine(() => ({
    apply: (command) => last = command.slice(),
    query: () => last,
    snapshot: () => last,
    restore: (snapshot) => void (last = snapshot.slice()),
  }));
}

function machineState(): UserMachine {
  const machine = lastCommand();
  machine.apply(1 as Index, term, encodeUserCommand(origin, bytesFrom(200, 3)));
  machine.skip(2 as Index);
  return machine;
}

const ulid = bytesFrom(90, 16);
const recordBatch = (baseSequence: number) =>
  encodeRecordBatch(
    { producerId: 1, epoch: 1, baseSequence: baseSequence as Sequence, ulid },
    [bytesFrom(100, 5), new Uint8Array(0), bytesFrom(110, 2)],
  );

function streamState(): StreamState {
  const state = StreamState.create([2, 3] as MemberId[], ["default"]);
  let index = 0;
  const apply = (command: StreamCommand) => state.apply(++index as Index, encodeStreamCommand(command));
  apply(STREAM["open-producer"]);
  state.apply(++index as Index, recordBatch(1));
  apply(STREAM["open-subscription"]);
  state.skip(++index as Index);
  apply({
    ...STREAM["move-offsets"],
    moves: [{ member: 2 as MemberId, subscription: "default", epoch: 1, offset: 2 as Offset }],
  });
  return state;
}

function header(): Header {
  const made = new Header();
  made.type = FrameType.Hello;
  made.code = StatusCode.Busy;
  made.ttl = 5;
  made.messageId = 6;
  made.correlationHigh = 0x8000_0007;
  made.correlationLow = 0x8000_0008;
  made.source = 9;
  made.destination = 10;
  made.route = packRoute(1, 2, 3, 4);
  return made;
}

function rewriteFrame(bytes: Bytes): Bytes {
  const decoder = new FrameDecoder();
  decoder.push(bytes);
  const frame = decoder.next();
  if (frame === null) throw new Error("The fixture is no whole frame");
  const writer = new ByteWriter();
  const { hint, payload } = frame;
  if (hint.length === 0 && frame.metadata.size === 2) new FrameEncoder().encode(writer, frame, payload);
  else new FrameEncoder().encodeWith(writer, frame, frame.metadata, payload, hint);
  return writer.take();
}

const hello = {
  versionMin: 1,
  versionMax: 2,
  featureLevel: 3,
  meshId: bytesFrom(120, 16),
  recoveryEpoch: 0x0100_0004,
  number: 5 as NodeNumber,
  memberId: 6 as MemberId,
  role: "node" as const,
  lane: 7,
  name: "node-é",
};

function written(write: (writer: ByteWriter) => unknown): Bytes {
  const writer = new ByteWriter();
  write(writer);
  return writer.take();
}

function raftFrame(message: RaftPayload): Bytes {
  const envelope = {
    meshId: bytesFrom(130, 16),
    recoveryEpoch: 0x0200_0001,
    group,
    generation: 2,
    from: 3 as MemberId,
    to: 4 as MemberId,
  };
  const bodies = "entries" in message ? payloads : [];
  const tail = message.kind === "snapshot" ? bytesFrom(140, 7) : new Uint8Array(0);
  return written((writer) => {
    encodeRaftFrame(writer, envelope, message, bodies);
    writer.raw(tail);
  });
}

function rewriteRaft(bytes: Bytes): Bytes {
  const { envelope, message, entryBytes, tail } = decodeRaftFrame(bytes);
  return written((writer) => {
    encodeRaftFrame(writer, envelope, message, entryBytes);
    writer.raw(tail);
  });
}

function rewriteBatch(bytes: Bytes): Bytes {
  const { producerId, epoch, baseSequence } = verifyRecordBatch(bytes);
  return encodeRecordBatch(
    { producerId, epoch, baseSequence, ulid: bytes.slice(32, 48) },
    recordBatchMessages(bytes),
  );
}

const rewriteControl = (bytes: Bytes) => encodeControlCommand(decodeControlCommand(bytes));
const rewriteState = (bytes: Bytes) => ControlState.decode(bytes).encode();

/** At a feature level, and after commands that need it. */
function stateAfter(level: number, ...commands: readonly ControlCommand[]): ControlState {
  const state = controlState();
  for (const each of [{ ...CONTROL["raise-feature-level"], level }, ...commands]) {
    state.apply(state.applied + 1 as Index, encodeControlCommand(each));
  }
  return state;
}

/** All streams go. */
function dropsOfAll(): ControlCommand[] {
  return controlState().streams().map(({ group }) => ({ ...CONTROL["drop-stream"], group }));
}

/** Samples named `prefix kind`. */
function samplesOf<Message extends Kinded>(
  prefix: string,
  byKind: ByKind<Message>,
  encode: (message: Message) => Bytes,
  rewrite: (bytes: Bytes) => Bytes,
): [string, Sample][] {
  return Object.values<Message>(byKind as Record<string, Message>).map((message) => [
    `${prefix} ${message.kind}`,
    { write: () => encode(message), rewrite },
  ]);
}

const nodeMessage = (message: NodeMessage) => written((writer) => writeNodeMessage(writer, message));
const rewriteNode = (bytes: Bytes) => nodeMessage(decodeNodeMessage(bytes));
const rewriteIdentity = (bytes: Bytes) => encodeIdentity(decodeIdentity(bytes));

export const SAMPLES: ReadonlyMap<string, Sample> = new Map<string, Sample>([
  ["wire frame ordinary", {
    write: () => written((writer) => new FrameEncoder().encode(writer, header(), bytesFrom(150, 8))),
    rewrite: rewriteFrame,
  }],
  ["wire frame with hint and metadata", {
    write: () =>
      written((writer) =>
        new FrameEncoder().encodeWith(writer, header(), HELLO_METADATA, encodeHello(hello), bytesFrom(160, 3))
      ),
    rewrite: rewriteFrame,
  }],
  ["session hello", { write: () => encodeHello(hello), rewrite: (bytes) => encodeHello(decodeHello(bytes)) }],
  ["session bye", {
    write: () => encodeBye("WRONG_MESH", "Another mesh"),
    rewrite: (bytes) => {
      const { reason, message } = decodeBye(bytes);
      return encodeBye(reason, message);
    },
  }],
  ...samplesOf("raft", RAFT, raftFrame, rewriteRaft),
  ["raft configuration", {
    write: () => encodeConfiguration(configuration),
    rewrite: (bytes) => encodeConfiguration(decodeConfiguration(bytes)),
  }],
  ...samplesOf<NodeMessage>("node", NODE, nodeMessage, rewriteNode),
  ["node fetched-entry nothing", {
    write: () => nodeMessage({ ...NODE["fetched-entry"], content: null }),
    rewrite: rewriteNode,
  }],
  ["enrol request", {
    write: () => encodeJoinRequest({ candidate, secret: bytesFrom(170, 16), joinKey: "key" }),
    rewrite: (bytes) => encodeJoinRequest(decodeJoinRequest(bytes)),
  }],
  ...samplesOf<JoinReply>("enrol", JOIN, encodeJoinReply, (bytes) => encodeJoinReply(decodeJoinReply(bytes))),
  ["enrol admitted to a recovered mesh", {
    write: () => encodeJoinReply({ ...JOIN["admitted"], recoveryEpoch: 0x0100_0009 }),
    rewrite: (bytes) => encodeJoinReply(decodeJoinReply(bytes)),
  }],
  ...samplesOf<ControlCommand>("control", CONTROL, encodeControlCommand, rewriteControl),
  ["control genesis of a later feature level", {
    write: () => encodeControlCommand({ ...CONTROL["genesis"], featureLevel: 3 }),
    rewrite: rewriteControl,
  }],
  ["control state of a later feature level", { write: () => stateAfter(2).encode(), rewrite: rewriteState }],
  ["control create-stream that borrows", {
    write: () => encodeControlCommand({ ...CONTROL["create-stream"], borrow: 2 }),
    rewrite: rewriteControl,
  }],
  ["control state of members that lend", {
    write: () => stateAfter(2, { ...CONTROL["lend-space"], member: 1 as MemberId }).encode(),
    rewrite: rewriteState,
  }],
  ["control state that agreed on leases", {
    write: () => stateAfter(3, CONTROL["agree-lease"]).encode(),
    rewrite: rewriteState,
  }],
  ["control state with dropped streams", {
    write: () => stateAfter(4, CONTROL["agree-lease"], ...dropsOfAll()).encode(),
    rewrite: rewriteState,
  }],
  ["control state with dropped streams and no lease", {
    write: () => stateAfter(4, ...dropsOfAll()).encode(),
    rewrite: rewriteState,
  }],
  ["control state", { write: () => controlState().encode(), rewrite: rewriteState }],
  ["control state with a machine", {
    write: () => controlStateWithMachine().encode(),
    rewrite: rewriteState,
  }],
  ["machine command", {
    write: () => encodeUserCommand(origin, bytesFrom(200, 3)),
    rewrite(bytes) {
      const { origin, command } = decodeUserCommand(bytes);
      return encodeUserCommand(origin, command);
    },
  }],
  ["machine state", {
    write: () => machineState().encode(),
    rewrite(bytes) {
      const machine = lastCommand();
      machine.restore(bytes, 0 as Index);
      return machine.encode();
    },
  }],
  ...samplesOf<StreamCommand>(
    "stream",
    STREAM,
    encodeStreamCommand,
    (bytes) => encodeStreamCommand(decodeStreamCommand(bytes)),
  ),
  ["stream record batch", { write: () => recordBatch(7), rewrite: rewriteBatch }],
  ["stream state", {
    write: () => streamState().encode(),
    rewrite: (bytes) => StreamState.decode(bytes, 0 as Index).encode(),
  }],
  ["identity", { write: () => encodeIdentity(identity), rewrite: rewriteIdentity }],
  ["identity of a recovered mesh", {
    write: () => encodeIdentity({ ...identity, recoveryEpoch: 0x0100_0009, leftBehind: peers }),
    rewrite: rewriteIdentity,
  }],
  ["backup", { write: () => backup(controlState()), rewrite: rewriteBackup }],
  ["invitation", {
    write: () =>
      encodeText(encodeInvitation({
        meshId: "01J00000000000000000000000",
        addresses: ["h:1", "h:2"],
        authorityHash: bytesFrom(180, 32),
        secret: bytesFrom(190, 16),
        expiresAtWallMs: 1_700_000_000_004,
      })),
    rewrite: (bytes) => encodeText(encodeInvitation(decodeInvitation(decodeText(bytes)))),
  }],
  ...RECORDING_SAMPLES,
]);
