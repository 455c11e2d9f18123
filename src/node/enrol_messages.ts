/** The join exchange on an enrolment session: one request, one reply. */
import { ByteReader, ByteWriter } from "../core/bytes.ts";
import { DecodeError } from "../core/errors.ts";
import type { MemberId } from "../core/ids.ts";
import { type Candidate, readCandidate, readTexts, writeCandidate, writeTexts } from "./control_commands.ts";
import type { IdentityPeer } from "./identity.ts";

export interface JoinRequest {
  readonly candidate: Candidate;
  /** The invitation's secret; zeros where the token carries none. */
  readonly secret: Uint8Array;
  readonly joinKey: string;
}

export type JoinReply =
  | {
    readonly kind: "admitted";
    readonly meshId: string;
    readonly meshName: string;
    readonly memberId: MemberId;
    /** Empty where certificates come from outside. */
    readonly certificate: string;
    readonly trust: readonly string[];
    readonly peers: readonly IdentityPeer[];
    /** 0 unless the mesh was recovered. */
    readonly recoveryEpoch: number;
  }
  | { readonly kind: "refused"; readonly code: string; readonly message: string }
  /** Admitted or not, only these members can sign: ask one of them. */
  | { readonly kind: "elsewhere"; readonly addresses: readonly string[] };

const FORMAT = 1;
const ADMITTED = 1;
const REFUSED = 2;
const ELSEWHERE = 3;
/** As ADMITTED, with a recovery epoch at its end. */
const ADMITTED_AFTER_RECOVERY = 4;
const LIST_LIMIT = 0xffff;
const SECRET_BYTES_LIMIT = 64;
const TEXT_BYTES_LIMIT = 4096;

export function encodeJoinRequest(request: JoinRequest): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(512).u8(FORMAT);
  writeCandidate(writer, request.candidate);
  return writer.blob(request.secret).text(request.joinKey).take();
}

/** Throws `DecodeError`. */
export function decodeJoinRequest(bytes: Uint8Array): JoinRequest {
  const reader = new ByteReader(bytes);
  const format = reader.u8();
  if (format !== FORMAT) throw new DecodeError(`Join request format ${format} is unknown`);
  const request: JoinRequest = {
    candidate: readCandidate(reader),
    secret: reader.blob(SECRET_BYTES_LIMIT).slice(),
    joinKey: reader.text(TEXT_BYTES_LIMIT),
  };
  reader.end();
  return request;
}

export function encodeJoinReply(reply: JoinReply): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(1024).u8(FORMAT);
  switch (reply.kind) {
    case "admitted":
      // Who does not know of epochs cannot take part in a recovered mesh, and can in any other.
      writer.u8(reply.recoveryEpoch === 0 ? ADMITTED : ADMITTED_AFTER_RECOVERY);
      writer.text(reply.meshId).text(reply.meshName).u64(reply.memberId).text(reply.certificate);
      writeTexts(writer, reply.trust);
      writer.u32(reply.peers.length);
      for (const peer of reply.peers) {
        writer.u64(peer.number).u64(peer.memberId).text(peer.name);
        writeTexts(writer, peer.addresses);
      }
      if (reply.recoveryEpoch !== 0) writer.u64(reply.recoveryEpoch);
      break;
    case "refused":
      writer.u8(REFUSED).text(reply.code).text(reply.message);
      break;
    case "elsewhere":
      writer.u8(ELSEWHERE);
      writeTexts(writer, reply.addresses);
      break;
  }
  return writer.take();
}

/** Throws `DecodeError`. */
export function decodeJoinReply(bytes: Uint8Array): JoinReply {
  const reader = new ByteReader(bytes);
  const format = reader.u8();
  if (format !== FORMAT) throw new DecodeError(`Join reply format ${format} is unknown`);
  const reply = decodeBody(reader.u8(), reader);
  reader.end();
  return reply;
}

function decodeBody(kind: number, reader: ByteReader): JoinReply {
  switch (kind) {
    case ADMITTED:
    case ADMITTED_AFTER_RECOVERY: {
      const meshId = reader.text();
      const meshName = reader.text();
      const memberId = reader.u64() as MemberId;
      const certificate = reader.text();
      const trust = readTexts(reader, LIST_LIMIT);
      const peers: IdentityPeer[] = [];
      for (let left = reader.u32(); left > 0; left--) {
        peers.push({
          number: reader.u64(),
          memberId: reader.u64(),
          name: reader.text(),
          addresses: readTexts(reader, LIST_LIMIT),
        });
      }
      const recoveryEpoch = kind === ADMITTED ? 0 : reader.u64();
      return { kind: "admitted", meshId, meshName, memberId, certificate, trust, peers, recoveryEpoch };
    }
    case REFUSED:
      return { kind: "refused", code: reader.text(), message: reader.text() };
    case ELSEWHERE:
      return { kind: "elsewhere", addresses: readTexts(reader, LIST_LIMIT) };
    default:
      throw new DecodeError(`Join reply ${kind} is unknown`);
  }
}
