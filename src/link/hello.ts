/**
 * HELLO: the first frame each way. Its metadata says `content-type: application/x-hello` and `version`; its payload, a fixed
 * layout, says who speaks:
 *
 * `version min u16 | max u16 | feature level u32 | mesh id 16 bytes | recovery epoch u64 | number u64 | member id u64 |
 *  role u8 | lane u8 | name (u32 length, UTF-8, at most 63 bytes)`. What a later version appends is ignored.
 */
import { ByteReader, ByteWriter } from "../core/bytes.ts";
import { DecodeError } from "../core/errors.ts";
import type { MemberId, NodeNumber } from "../core/ids.ts";
import { type Metadata, WIRE_VERSION } from "../wire/mod.ts";
import { MESH_ID_BYTES } from "./mesh_id.ts";
import type { SelfIdentity } from "./options.ts";

export const HELLO_METADATA: Metadata = new Map<string, string | number>([
  ["content-type", "application/x-hello"],
  ["version", WIRE_VERSION],
]);

/** The versions of the session protocol that this code speaks. */
export const MIN_SESSION_VERSION = 1;
export const MAX_SESSION_VERSION = 1;

/** What the speaker wants this session to be. */
export type HelloRole = "node" | "client" | "enrol";
const ROLES: readonly HelloRole[] = ["node", "client", "enrol"];
const MAX_NAME_BYTES = 63;

export interface Hello {
  readonly versionMin: number;
  readonly versionMax: number;
  readonly featureLevel: number;
  /** Zeros while not enrolled. */
  readonly meshId: Uint8Array;
  readonly recoveryEpoch: number;
  readonly number: NodeNumber;
  readonly memberId: MemberId;
  readonly role: HelloRole;
  readonly lane: number;
  readonly name: string;
}

/** How this node introduces itself. */
export function helloOf(
  self: SelfIdentity,
  meshId: Uint8Array,
  featureLevel: number,
  role: HelloRole,
): Hello {
  const { recoveryEpoch, number, memberId, name } = self;
  const versions = { versionMin: MIN_SESSION_VERSION, versionMax: MAX_SESSION_VERSION };
  return { ...versions, featureLevel, meshId, recoveryEpoch, number, memberId, role, lane: 0, name };
}

export function encodeHello(hello: Hello): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(128);
  writer.u16(hello.versionMin).u16(hello.versionMax).u32(hello.featureLevel).raw(hello.meshId);
  writer.u64(hello.recoveryEpoch).u64(hello.number).u64(hello.memberId);
  writer.u8(ROLES.indexOf(hello.role)).u8(hello.lane).text(hello.name);
  return writer.take();
}

/** Throws `DecodeError`. */
export function decodeHello(payload: Uint8Array): Hello {
  const reader = new ByteReader(payload);
  const versionMin = reader.u16();
  const versionMax = reader.u16();
  const featureLevel = reader.u32();
  const meshId = reader.raw(MESH_ID_BYTES).slice();
  const recoveryEpoch = reader.u64();
  const number = reader.u64() as NodeNumber;
  const memberId = reader.u64() as MemberId;
  const role = ROLES[reader.u8()];
  const lane = reader.u8();
  const name = reader.text(MAX_NAME_BYTES);
  if (role === undefined) throw new DecodeError("Unknown role in HELLO");
  return { versionMin, versionMax, featureLevel, meshId, recoveryEpoch, number, memberId, role, lane, name };
}
