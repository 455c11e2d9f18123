import { assertEquals } from "@std/assert";
import { ExpectedMembers } from "../../src/node/expected_members.ts";
import type { IdentityPeer } from "../../src/node/identity.ts";

const NOBODY = 0;
const NO_CHANGES = { candidates: [], removals: [], addresses: [] };

function peer(number: number, memberId: number): IdentityPeer {
  return { number, memberId, name: `n${number}`, addresses: [`n${number}:7000`] };
}

function idsAmong(expected: ExpectedMembers, members: readonly IdentityPeer[], applied: number): number[] {
  return expected.among(members, applied, NOBODY).map(({ memberId }) => memberId).sort((a, b) => a - b);
}

Deno.test("a member that this node was told of takes the place of an earlier one with its number", () => {
  const expected = new ExpectedMembers();
  expected.tell([peer(4, 191), peer(7, 173)]);
  assertEquals(idsAmong(expected, [peer(3, 2), peer(4, 5)], 8), [2, 173, 191]);
  // What is applied says that it came and went.
  assertEquals(idsAmong(expected, [peer(3, 2), peer(7, 173)], 200), [2, 173]);
  // An older word does not take back a newer one.
  expected.tell([peer(4, 180)]);
  assertEquals(idsAmong(expected, [peer(3, 2), peer(4, 5)], 8), [2, 173, 191]);
});

Deno.test("a node that asked twice keeps its first id", () => {
  const expected = new ExpectedMembers();
  expected.read({ ...NO_CHANGES, candidates: [peer(4, 50), peer(4, 60)] });
  assertEquals(idsAmong(expected, [], 0), [50]);
  assertEquals(idsAmong(expected, [peer(4, 50)], 55), [50]);
});

Deno.test("who the log removes makes way for who it admits with the same number afterwards", () => {
  const expected = new ExpectedMembers();
  const removals = [{ index: 40, memberId: 5 }];
  expected.read({ ...NO_CHANGES, candidates: [peer(4, 39), peer(4, 50)], removals });
  assertEquals(idsAmong(expected, [peer(4, 5)], 30), [50]);
});

Deno.test("nobody expects itself, and where a member is later is tried beside where it is known to be", () => {
  const expected = new ExpectedMembers();
  expected.tell([peer(4, 50)]);
  assertEquals(expected.among([peer(5, 6)], 7, 50).map(({ memberId }) => memberId), [6]);
  expected.read({ ...NO_CHANGES, addresses: [{ index: 9, memberId: 6, addresses: ["elsewhere:1"] }] });
  assertEquals(expected.addressesOf(peer(5, 6), 8), ["n5:7000", "elsewhere:1"]);
  assertEquals(expected.addressesOf(peer(5, 6), 9), ["n5:7000"]);
});
