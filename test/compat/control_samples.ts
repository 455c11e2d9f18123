/** A sample of each command of the control log; see samples.ts. */
import type { GroupId, MemberId, NodeNumber } from "../../src/core/ids.ts";
import type { ControlCommand } from "../../src/node/control_commands.ts";
import { FIRST_FEATURE_LEVEL } from "../../src/node/mod.ts";

type Bytes = Uint8Array<ArrayBuffer>;

export type Kinded = { readonly kind: string };
/** A sample for each kind of a union. */
export type ByKind<Union extends Kinded> = {
  readonly [Kind in Union["kind"]]: Union & { readonly kind: Kind };
};

/** `count` bytes from `first` up. */
export function bytesFrom(first: number, count: number): Bytes {
  return Uint8Array.from({ length: count }, (_, at) => (first + at) & 0xff);
}

export const origin = { member: 7 as MemberId, boot: 0x8899_aabb, request: 9 };
export const candidate = {
  name: "node-é",
  number: 0x1f_ffff_ffff_fffe as NodeNumber,
  addresses: ["10.0.0.1:7400", "[::1]:7401"],
  publicKey: "public key",
};
export const CONTROL: ByKind<ControlCommand> = {
  "genesis": {
    kind: "genesis",
    origin,
    meshId: "01J00000000000000000000000",
    meshName: "mesh",
    admission: { policy: "KEY_REQUIRED", joinKeyHash: "hash" },
    founder: candidate,
    trust: ["authority"],
    sealedAuthority: bytesFrom(10, 6),
    featureLevel: FIRST_FEATURE_LEVEL,
  },
  "admit": {
    kind: "admit",
    origin,
    candidate,
    invitationHash: "invitation",
    verifiedKeyHash: "verified",
    wallMs: 1_700_000_000_001,
  },
  "begin-removal": { kind: "begin-removal", origin, member: 3 as MemberId, evicted: true },
  "finish-removal": { kind: "finish-removal", origin, member: 4 as MemberId },
  "set-admission": { kind: "set-admission", origin, admission: { policy: "CLOSED", joinKeyHash: "" } },
  "add-invitation": {
    kind: "add-invitation",
    origin,
    invitationHash: "invitation",
    expiresWallMs: 1_700_000_000_002,
  },
  "share-authority": { kind: "share-authority", origin, member: 5 as MemberId, sealed: bytesFrom(20, 5) },
  "update-addresses": { kind: "update-addresses", origin, member: 6 as MemberId, addresses: ["h:1"] },
  "kv-put": { kind: "kv-put", origin, key: "key", value: bytesFrom(30, 4), expectedVersion: 12 },
  "kv-delete": { kind: "kv-delete", origin, key: "key", expectedVersion: null },
  "create-stream": {
    kind: "create-stream",
    origin,
    name: "orders",
    source: "a",
    targets: ["b", "c"],
    subscriptions: ["default", "audit"],
    retentionBytes: 1_000_003,
    borrow: 0,
  },
  "close-stream": { kind: "close-stream", origin, name: "orders" },
  "drop-stream": { kind: "drop-stream", origin, group: 0x0300_0001 as GroupId, forced: true },
  "create-machine": { kind: "create-machine", origin, name: "accounts", members: ["a", "b"] },
  "lend-space": { kind: "lend-space", origin, member: 13 as MemberId, bytes: 1_000_005 },
  "raise-feature-level": { kind: "raise-feature-level", origin, level: 2 },
  "agree-lease": {
    kind: "agree-lease",
    origin,
    lease: { electionTimeoutMs: 1501, leaseDriftPerMillion: 1007 },
  },
};
