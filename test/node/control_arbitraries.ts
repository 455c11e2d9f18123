/** Arbitrary control commands, every kind within the limits that the format has. */
import fc from "fast-check";
import type { GroupId, MemberId, NodeNumber } from "../../src/core/ids.ts";
import type { ControlCommand } from "../../src/node/control_commands.ts";

export const text = fc.string({ maxLength: 20, unit: "binary" });
export const memberId = fc.maxSafeNat() as fc.Arbitrary<number> as fc.Arbitrary<MemberId>;
const bytes = fc.uint8Array({ maxLength: 30 });
const origin = fc.record({ member: memberId, boot: fc.nat(0xffff_ffff), request: fc.maxSafeNat() });
const expectedVersion = fc.option(fc.maxSafeNat(), { nil: null });

export const candidate = fc.record({
  name: text,
  number: fc.maxSafeNat() as fc.Arbitrary<number> as fc.Arbitrary<NodeNumber>,
  addresses: fc.array(text, { maxLength: 8 }),
  publicKey: text,
});

const admission = fc.record({
  policy: fc.constantFrom("OPEN" as const, "KEY_REQUIRED" as const, "CLOSED" as const),
  joinKeyHash: text,
});

function kind<Kind extends ControlCommand["kind"]>(value: Kind): fc.Arbitrary<Kind> {
  return fc.constant(value);
}

const byKind: { [Kind in ControlCommand["kind"]]: fc.Arbitrary<ControlCommand & { kind: Kind }> } = {
  "genesis": fc.record({
    kind: kind("genesis"),
    origin,
    meshId: text,
    meshName: text,
    admission,
    founder: candidate,
    trust: fc.array(text, { maxLength: 3 }),
    sealedAuthority: bytes,
    featureLevel: fc.constantFrom(1, 2),
  }),
  "admit": fc.record({
    kind: kind("admit"),
    origin,
    candidate,
    invitationHash: text,
    verifiedKeyHash: text,
    wallMs: fc.maxSafeNat(),
  }),
  "begin-removal": fc.record({
    kind: kind("begin-removal"),
    origin,
    member: memberId,
    evicted: fc.boolean(),
  }),
  "finish-removal": fc.record({ kind: kind("finish-removal"), origin, member: memberId }),
  "set-admission": fc.record({ kind: kind("set-admission"), origin, admission }),
  "add-invitation": fc.record({
    kind: kind("add-invitation"),
    origin,
    invitationHash: text,
    expiresWallMs: fc.maxSafeNat(),
  }),
  "share-authority": fc.record({ kind: kind("share-authority"), origin, member: memberId, sealed: bytes }),
  "update-addresses": fc.record({
    kind: kind("update-addresses"),
    origin,
    member: memberId,
    addresses: fc.array(text, { maxLength: 8 }),
  }),
  "kv-put": fc.record({ kind: kind("kv-put"), origin, key: text, value: bytes, expectedVersion }),
  "kv-delete": fc.record({ kind: kind("kv-delete"), origin, key: text, expectedVersion }),
  "create-stream": fc.record({
    kind: kind("create-stream"),
    origin,
    name: text,
    source: text,
    targets: fc.array(text, { maxLength: 10 }),
    subscriptions: fc.array(text, { maxLength: 4 }),
    retentionBytes: fc.maxSafeNat(),
    borrow: fc.nat(255),
  }),
  "lend-space": fc.record({ kind: kind("lend-space"), origin, member: memberId, bytes: fc.maxSafeNat() }),
  "close-stream": fc.record({ kind: kind("close-stream"), origin, name: text }),
  "drop-stream": fc.record({
    kind: kind("drop-stream"),
    origin,
    group: memberId as fc.Arbitrary<number> as fc.Arbitrary<GroupId>,
    forced: fc.boolean(),
  }),
  "create-machine": fc.record({
    kind: kind("create-machine"),
    origin,
    name: text,
    members: fc.array(text, { maxLength: 3 }),
  }),
  "raise-feature-level": fc.record({
    kind: kind("raise-feature-level"),
    origin,
    level: fc.integer({ min: 1, max: 0xffff }),
  }),
  "agree-lease": fc.record({
    kind: kind("agree-lease"),
    origin,
    lease: fc.record({ electionTimeoutMs: fc.maxSafeNat(), leaseDriftPerMillion: fc.nat(999_999) }),
  }),
};

/** One arbitrary per kind, so that each kind has its share. */
export const controlCommands: readonly (readonly [string, fc.Arbitrary<ControlCommand>])[] = Object.entries(
  byKind,
);
export const controlCommand: fc.Arbitrary<ControlCommand> = fc.oneof(...Object.values(byKind));
