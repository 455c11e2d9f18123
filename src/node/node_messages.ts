/**
 * What nodes say to each other besides consensus: what is passed on to a leader, certificates, repair. Fixed binary
 * layouts, first byte the kind.
 */
import { ByteReader, type ByteWriter } from "../core/bytes.ts";
import { DecodeError } from "../core/errors.ts";
import type { GroupId, Index, MemberId, Term } from "../core/ids.ts";
import { ADDRESSES_PER_MEMBER_LIMIT, NAME_CHARACTERS_LIMIT } from "../core/limits.ts";
import { readTexts, writeTexts } from "./control_commands.ts";
import type { IdentityPeer } from "./identity.ts";

export type NodeMessage =
  /** A command for the leader of a group to propose, once. `request` is the asker's name for it, or RELAYED_REQUEST. */
  | {
    readonly kind: "propose";
    readonly group: GroupId;
    readonly request: number;
    readonly content: Uint8Array;
  }
  /** index 0: not proposed, ask the leader. */
  | {
    readonly kind: "proposed";
    readonly group: GroupId;
    readonly request: number;
    readonly index: Index;
    readonly term: Term;
  }
  /** A record batch from a member's outbox; it is sent again until it is seen applied, so there is no answer. */
  | { readonly kind: "publish"; readonly group: GroupId; readonly content: Uint8Array }
  /** Whoever holds the authority's key is asked to sign the sender's key again. */
  | { readonly kind: "renew" }
  | { readonly kind: "renewed"; readonly certificate: string }
  /** The leader of a group is asked to hand over to a member; whoever asks sees by the leader whether it did. */
  | { readonly kind: "transfer"; readonly group: GroupId; readonly to: MemberId }
  /** To the control group's leader: a group does not count any more on a member that leaves. */
  | { readonly kind: "released"; readonly group: GroupId; readonly member: MemberId }
  /** To the leader of a closed stream's group: the sender has applied its end. */
  | { readonly kind: "ended"; readonly group: GroupId }
  /** The sender is there, and leads silent groups that the receiver is in. `boot` is of its incarnation. */
  | { readonly kind: "beat"; readonly boot: number }
  /** The sender is not known at `member`, and asks whoever reaches it to say there who the sender is. */
  | { readonly kind: "introduce"; readonly member: MemberId }
  /** Who somebody is that was admitted after what the receiver has applied. */
  | { readonly kind: "introduced"; readonly peer: IdentityPeer }
  /** Asks for the content of an entry that the sender's disk has lost. */
  | {
    readonly kind: "fetch-entry";
    readonly group: GroupId;
    readonly generation: number;
    readonly index: Index;
    readonly term: Term;
  }
  /** null: the sender does not hold that entry. */
  | {
    readonly kind: "fetched-entry";
    readonly group: GroupId;
    readonly generation: number;
    readonly index: Index;
    readonly term: Term;
    readonly content: Uint8Array | null;
  }
  /** Asks for the snapshot at `index`, or a later one at which the log of whoever is asked begins. */
  | {
    readonly kind: "fetch-snapshot";
    readonly group: GroupId;
    readonly generation: number;
    readonly index: Index;
  }
  /** null: the sender has none to give. */
  | {
    readonly kind: "fetched-snapshot";
    readonly group: GroupId;
    readonly generation: number;
    readonly wantedIndex: Index;
    readonly snapshot: SentSnapshot | null;
  };

export interface SentSnapshot {
  readonly index: Index;
  readonly term: Term;
  readonly configurationBytes: Uint8Array;
  readonly state: Uint8Array;
}

/** In place of a request: nobody waits for an answer, and who does not lead hands it to who does. For addresses alone. */
export const RELAYED_REQUEST = 0;

const PROPOSE = 1;
const PROPOSED = 2;
const PUBLISH = 3;
const RENEW = 4;
const RENEWED = 5;
const TRANSFER = 6;
const RELEASED = 7;
const BEAT = 8;
const INTRODUCE = 9;
const INTRODUCED = 10;
const ENDED = 11;
const FETCH_ENTRY = 16;
const FETCHED_ENTRY = 17;
const FETCH_SNAPSHOT = 18;
const FETCHED_SNAPSHOT = 19;
const CERTIFICATE_BYTES_LIMIT = 64 * 1024;
const NAME_BYTES_LIMIT = 4 * NAME_CHARACTERS_LIMIT;

export function writeNodeMessage(writer: ByteWriter, message: NodeMessage): void {
  switch (message.kind) {
    case "propose":
      writer.u8(PROPOSE).u64(message.group).u64(message.request).raw(message.content);
      break;
    case "proposed":
      writer.u8(PROPOSED).u64(message.group).u64(message.request).u64(message.index).u64(message.term);
      break;
    case "publish":
      writer.u8(PUBLISH).u64(message.group).raw(message.content);
      break;
    case "renew":
      writer.u8(RENEW);
      break;
    case "ended":
      writer.u8(ENDED).u64(message.group);
      break;
    case "beat":
      writer.u8(BEAT).u64(message.boot);
      break;
    case "introduce":
      writer.u8(INTRODUCE).u64(message.member);
      break;
    case "introduced": {
      const { number, memberId, name, addresses } = message.peer;
      writeTexts(writer.u8(INTRODUCED).u64(number).u64(memberId).text(name), addresses);
      break;
    }
    case "renewed":
      writer.u8(RENEWED).text(message.certificate);
      break;
    case "transfer":
      writer.u8(TRANSFER).u64(message.group).u64(message.to);
      break;
    case "released":
      writer.u8(RELEASED).u64(message.group).u64(message.member);
      break;
    case "fetch-entry":
      writeEntryName(writer.u8(FETCH_ENTRY), message);
      break;
    case "fetched-entry":
      writeEntryName(writer.u8(FETCHED_ENTRY), message);
      writer.bool(message.content !== null);
      if (message.content !== null) writer.raw(message.content);
      break;
    case "fetch-snapshot":
      writer.u8(FETCH_SNAPSHOT).u64(message.group).u64(message.generation).u64(message.index);
      break;
    case "fetched-snapshot":
      writer.u8(FETCHED_SNAPSHOT).u64(message.group).u64(message.generation).u64(message.wantedIndex);
      writer.bool(message.snapshot !== null);
      if (message.snapshot !== null) writeSnapshot(writer, message.snapshot);
      break;
  }
}

function writeSnapshot(writer: ByteWriter, { index, term, configurationBytes, state }: SentSnapshot): void {
  writer.u64(index).u64(term).u32(configurationBytes.length).raw(configurationBytes).raw(state);
}

function readSnapshot(reader: ByteReader): SentSnapshot {
  const index = reader.u64() as Index;
  const term = reader.u64() as Term;
  const configurationBytes = reader.raw(reader.u32());
  return { index, term, configurationBytes, state: reader.raw(reader.remaining) };
}

function readPeer(reader: ByteReader): IdentityPeer {
  return {
    number: reader.u64(),
    memberId: reader.u64(),
    name: reader.text(NAME_BYTES_LIMIT),
    addresses: readTexts(reader, ADDRESSES_PER_MEMBER_LIMIT),
  };
}

interface EntryName {
  readonly generation: number;
  readonly index: Index;
  readonly term: Term;
}

function writeEntryName(writer: ByteWriter, name: EntryName & { readonly group: GroupId }): void {
  writer.u64(name.group).u64(name.generation).u64(name.index).u64(name.term);
}

function readEntryName(reader: ByteReader): EntryName {
  return { generation: reader.u64(), index: reader.u64() as Index, term: reader.u64() as Term };
}

/** `content` is a view. Throws `DecodeError`. */
export function decodeNodeMessage(bytes: Uint8Array): NodeMessage {
  const reader = new ByteReader(bytes);
  const kind = reader.u8();
  const message = decodeBody(kind, reader);
  reader.end();
  return message;
}

function decodeBody(kind: number, reader: ByteReader): NodeMessage {
  if (kind === RENEW) return { kind: "renew" };
  if (kind === BEAT) return { kind: "beat", boot: reader.u64() };
  if (kind === RENEWED) return { kind: "renewed", certificate: reader.text(CERTIFICATE_BYTES_LIMIT) };
  if (kind === INTRODUCE) return { kind: "introduce", member: reader.u64() as MemberId };
  if (kind === INTRODUCED) return { kind: "introduced", peer: readPeer(reader) };
  const group = reader.u64() as GroupId;
  switch (kind) {
    case PROPOSE:
      return { kind: "propose", group, request: reader.u64(), content: reader.raw(reader.remaining) };
    case PROPOSED: {
      const request = reader.u64();
      const index = reader.u64() as Index;
      const term = reader.u64() as Term;
      return { kind: "proposed", group, request, index, term };
    }
    case PUBLISH:
      return { kind: "publish", group, content: reader.raw(reader.remaining) };
    case TRANSFER:
      return { kind: "transfer", group, to: reader.u64() as MemberId };
    case ENDED:
      return { kind: "ended", group };
    case RELEASED:
      return { kind: "released", group, member: reader.u64() as MemberId };
    case FETCH_ENTRY:
      return { kind: "fetch-entry", group, ...readEntryName(reader) };
    case FETCHED_ENTRY: {
      const name = readEntryName(reader);
      const content = reader.bool() ? reader.raw(reader.remaining) : null;
      return { kind: "fetched-entry", group, ...name, content };
    }
    case FETCH_SNAPSHOT: {
      const generation = reader.u64();
      return { kind: "fetch-snapshot", group, generation, index: reader.u64() as Index };
    }
    case FETCHED_SNAPSHOT: {
      const generation = reader.u64();
      const wantedIndex = reader.u64() as Index;
      const snapshot = reader.bool() ? readSnapshot(reader) : null;
      return { kind: "fetched-snapshot", group, generation, wantedIndex, snapshot };
    }
    default:
      throw new DecodeError(`Node message ${kind} is unknown to this version`);
  }
}
