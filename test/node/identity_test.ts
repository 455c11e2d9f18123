import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { encodeText } from "../../src/core/bytes.ts";
import { SennitError } from "../../src/core/errors.ts";
import { decodeIdentity, encodeIdentity, type Identity, newIdentity } from "../../src/node/identity.ts";
import { text } from "./control_arbitraries.ts";

const count = fc.maxSafeNat();
const peers = fc.array(
  fc.record({ number: count, memberId: count, name: text, addresses: fc.array(text, { maxLength: 2 }) }),
  { maxLength: 2 },
);
const identity: fc.Arbitrary<Identity> = fc.record({
  state: fc.constantFrom("new" as const, "member" as const, "removed" as const),
  name: text,
  number: count,
  certificate: text,
  privateKey: text,
  publicKey: text,
  meshId: text,
  meshName: text,
  memberId: count,
  trust: fc.array(text, { maxLength: 2 }),
  authorityHash: text,
  peers,
  genesis: fc.array(fc.nat(255), { maxLength: 5 }),
  certifiedWallMs: count,
  recoveryEpoch: fc.constant(0),
  leftBehind: fc.constant([]),
});
const recovered = fc.record({ recoveryEpoch: fc.constantFrom(0x100_0001, 0xffff_ffff), leftBehind: peers });

const GOOD = newIdentity({ name: "a", number: 1, certificate: "c", privateKey: "p", publicKey: "q" });
/** Every field of the newer format, as the file has them. */
const STORED = JSON.parse(new TextDecoder().decode(encodeIdentity({ ...GOOD, recoveryEpoch: 0x100_0001 })));

function assertDamaged(bytes: Uint8Array, what?: string): void {
  const error = assertThrows(() => decodeIdentity(bytes), SennitError, "identity.json", what) as SennitError;
  assertEquals(error.code, "DATA_DAMAGED");
}

Deno.test("An identity is read back as it was written", () => {
  fc.assert(fc.property(identity, recovered, (given, epoch) => {
    assertEquals(decodeIdentity(encodeIdentity(given)), given);
    assertEquals(decodeIdentity(encodeIdentity({ ...given, ...epoch })), { ...given, ...epoch });
  }));
});

Deno.test("An identity with a recovery epoch is of a format that software without epochs refuses", () => {
  assertEquals([STORED.format, STORED.recoveryEpoch], [2, 0x100_0001]);
  const plain = JSON.parse(new TextDecoder().decode(encodeIdentity(GOOD)));
  assertEquals([plain.format, "recoveryEpoch" in plain], [1, false]);
});

Deno.test("A new identity is of no mesh", () => {
  assertEquals([GOOD.state, GOOD.meshId, GOOD.memberId, GOOD.peers, GOOD.trust], ["new", "", 0, [], []]);
  assertEquals(decodeIdentity(encodeIdentity(GOOD)), GOOD);
});

Deno.test("An identity file that is cut short anywhere is DATA_DAMAGED and names the file", () => {
  const bytes = encodeIdentity(GOOD);
  // The last byte is the line's end.
  for (let length = 0; length < bytes.length - 1; length++) assertDamaged(bytes.subarray(0, length));
});

Deno.test("Garbage in place of an identity file is DATA_DAMAGED", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (garbage) => assertDamaged(garbage)));
  fc.assert(fc.property(fc.json(), (json) => assertDamaged(encodeText(json))));
});

for (const field of Object.keys(STORED)) {
  Deno.test(`An identity file without ${field}, or with something else in its place, is DATA_DAMAGED`, () => {
    const { [field]: _, ...rest } = STORED;
    assertDamaged(encodeText(JSON.stringify(rest)), "missing");
    const wrong = ["trust", "peers", "genesis", "leftBehind"].includes(field)
      ? [null, "x", {}, [null], [[]], [{ name: 1 }]]
      : [null, true, {}, [], ["x"], typeof STORED[field] === "number" ? "1" : 1.5];
    for (const value of wrong) {
      assertDamaged(encodeText(JSON.stringify({ ...STORED, [field]: value })), JSON.stringify(value));
    }
  });
}

Deno.test("An identity of a state, a number or a format that this version does not know is DATA_DAMAGED", () => {
  const peer = { number: 1, memberId: 2, name: "b", addresses: ["h:1"] };
  const wrong: Record<string, unknown>[] = [
    { state: "gone" },
    { format: 3 },
    { recoveryEpoch: 0x1_0000_0000 },
    { number: -1 },
    { memberId: 1.5 },
    { trust: [1] },
    { genesis: [256] },
    { genesis: [-1] },
    { peers: [{ ...peer, number: "1" }] },
    { peers: [{ ...peer, memberId: -1 }] },
    { peers: [{ ...peer, addresses: [1] }] },
    { peers: [{ ...peer, addresses: "h:1" }] },
    { leftBehind: [{ ...peer, addresses: "h:1" }] },
  ];
  for (const each of wrong) {
    assertDamaged(encodeText(JSON.stringify({ ...STORED, ...each })), JSON.stringify(each));
  }
  assertEquals(decodeIdentity(encodeText(JSON.stringify({ ...STORED, peers: [peer] }))).peers, [peer]);
});
