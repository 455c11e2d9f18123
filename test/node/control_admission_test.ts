import { assertEquals } from "@std/assert";
import { assert } from "../../src/core/assert.ts";
import type { MemberId, NodeNumber } from "../../src/core/ids.ts";
import { INVITATIONS_LIMIT, MEMBERS_LIMIT } from "../../src/core/limits.ts";
import type { Admission } from "../../src/node/control_commands.ts";
import { ControlState } from "../../src/node/control_state.ts";
import { admission, candidate, ControlLog, OPEN } from "./control_log.ts";

const KEY: Admission = { policy: "KEY_REQUIRED", joinKeyHash: "h" };
const KEYLESS: Admission = { policy: "KEY_REQUIRED", joinKeyHash: "" };
const CLOSED: Admission = { policy: "CLOSED", joinKeyHash: "h" };
const B = candidate("b", 12);

/** The invitation "good" holds until 2000; the request comes at 1000 unless said otherwise. */
const ADMISSIONS: readonly (readonly [string, Admission, Parameters<typeof admission>[1], string])[] = [
  ["G4: OPEN admits without key", OPEN, {}, ""],
  ["OPEN admits with an invitation", OPEN, { invitation: "good" }, ""],
  ["OPEN does not admit with an unknown invitation", OPEN, { invitation: "bad" }, "INVITATION_INVALID"],
  ["an invitation holds up to its last millisecond", OPEN, { invitation: "good", wallMs: 2000 }, ""],
  ["an expired invitation does not admit", OPEN, { invitation: "good", wallMs: 2001 }, "INVITATION_INVALID"],
  ["G5: KEY_REQUIRED admits with the right key", KEY, { key: "h" }, ""],
  ["G5: KEY_REQUIRED refuses a wrong key", KEY, { key: "other" }, "JOIN_REFUSED"],
  ["G5: KEY_REQUIRED refuses without key", KEY, {}, "JOIN_REFUSED"],
  ["an invitation does not replace the key", KEY, { invitation: "good" }, "JOIN_REFUSED"],
  ["an invitation and the key admit", KEY, { invitation: "good", key: "h" }, ""],
  ["the key does not replace a bad invitation", KEY, { invitation: "bad", key: "h" }, "INVITATION_INVALID"],
  ["KEY_REQUIRED without a key admits nobody", KEYLESS, { key: "" }, "JOIN_REFUSED"],
  ["G6: CLOSED admits nobody", CLOSED, {}, "JOIN_REFUSED"],
  ["G6: CLOSED admits nobody, whatever is shown", CLOSED, { invitation: "good", key: "h" }, "JOIN_REFUSED"],
];

for (const [what, policy, shown, expected] of ADMISSIONS) {
  Deno.test(`Admission: ${what}`, () => {
    const log = new ControlLog().found(policy);
    log.apply({ kind: "add-invitation", invitationHash: "good", expiresWallMs: 2000 });
    assertEquals(log.refusal(admission(B, shown)), expected);
    assertEquals(log.state.memberByName("b") !== null, expected === "");
  });
}

Deno.test("G1: the genesis makes the founder the first member, active under the mesh's id, name and policy", () => {
  const log = new ControlLog().found(KEY);
  const { state } = log;
  assertEquals([state.meshId, state.meshName, state.trust], ["mesh", "test", ["authority"]]);
  assertEquals(state.admission, KEY);
  assertEquals(state.members(), [{ ...candidate("a", 11), memberId: 1 as MemberId, leaving: "no" }]);
  assertEquals(state.share(1 as MemberId), new Uint8Array([1, 2]));
  assertEquals(state.hasAuthority, true);
});

Deno.test("Whoever is admitted gets the index of the entry as its id", () => {
  const log = new ControlLog().found();
  log.state.skip(2 as never);
  log.entries.push(new Uint8Array());
  assertEquals(log.member("b", 12), 3 as MemberId);
  assertEquals(log.member("c", 13), 4 as MemberId);
  assertEquals(log.state.members().map(({ name }) => name), ["a", "b", "c"]);
});

Deno.test("An invitation is used once", () => {
  const log = new ControlLog().found();
  log.apply({ kind: "add-invitation", invitationHash: "x", expiresWallMs: 9000 });
  assertEquals(log.refusal(admission(B, { invitation: "x" })), "");
  assertEquals(log.refusal(admission(candidate("c", 13), { invitation: "x" })), "INVITATION_INVALID");
});

Deno.test("An invitation is not used up by a candidate that is refused", () => {
  const log = new ControlLog().found(KEY);
  log.apply({ kind: "add-invitation", invitationHash: "x", expiresWallMs: 9000 });
  assertEquals(log.refusal(admission(B, { invitation: "x" })), "JOIN_REFUSED");
  assertEquals(
    log.refusal(admission(candidate("a", 12, "another key"), { invitation: "x", key: "h" })),
    "NAME_TAKEN",
  );
  assertEquals(log.refusal(admission(B, { invitation: "x", key: "h" })), "");
});

Deno.test("The oldest invitation gives way where there are too many", () => {
  const log = new ControlLog().found();
  for (let i = 0; i <= INVITATIONS_LIMIT; i++) {
    log.apply({ kind: "add-invitation", invitationHash: `i${i}`, expiresWallMs: 9000 });
  }
  assertEquals(log.refusal(admission(B, { invitation: "i0" })), "INVITATION_INVALID");
  assertEquals(log.refusal(admission(B, { invitation: "i1" })), "");
});

Deno.test("The same candidate that asks twice gets the same member id, however the policy has changed", () => {
  const log = new ControlLog().found();
  log.apply({ kind: "add-invitation", invitationHash: "x", expiresWallMs: 9000 });
  const first = log.admit(B, { invitation: "x" });
  log.apply({ kind: "set-admission", admission: CLOSED });
  const second = log.admit(B, { invitation: "x", wallMs: 99_999 });
  assert(first.kind === "admitted" && second.kind === "admitted", "both are admitted");
  assertEquals([first.again, second.again], [false, true]);
  assertEquals(second.member, first.member);
  assertEquals(log.state.members().length, 2);
});

const TAKEN = [
  ["a name of another key is taken", candidate("b", 99, "another key"), "NAME_TAKEN"],
  ["a number of another name is taken", candidate("c", 12), "NUMBER_TAKEN"],
  ["the founder's name is taken", candidate("a", 99, "another key"), "NAME_TAKEN"],
  ["the founder's number is taken", candidate("c", 11), "NUMBER_TAKEN"],
] as const;

for (const [what, who, code] of TAKEN) {
  Deno.test(`Admission: ${what}`, () => {
    const log = new ControlLog().found();
    log.member("b", 12);
    assertEquals(log.refusal(admission(who)), code);
  });
}

Deno.test("A member on its way out keeps its name and number until it is gone, then they are free", () => {
  const log = new ControlLog().found();
  const member = log.member("b", 12);
  log.apply({ kind: "begin-removal", member, evicted: true });
  assertEquals(log.refusal(admission(B)), "NAME_TAKEN");
  assertEquals(log.refusal(admission(candidate("c", 12))), "NUMBER_TAKEN");
  log.apply({ kind: "finish-removal", member });
  const back = log.admit(B);
  assert(back.kind === "admitted", "it may come again");
  assert(back.member.memberId > member && !back.again, "as another member");
});

Deno.test("A83: the mesh has a limit of members", () => {
  const log = new ControlLog().found();
  for (let i = 2; i <= MEMBERS_LIMIT; i++) {
    const result = log.admit(candidate(`n${i}`, 1000 + i));
    assertEquals(result.kind, "admitted");
  }
  assertEquals(log.refusal(admission(candidate("one-more", 1))), "OVERLOADED");
  assertEquals(log.state.members().length, MEMBERS_LIMIT);
  const copy = ControlState.decode(log.state.encode());
  assertEquals(copy.members(), log.state.members());
  assertEquals(copy.member(7 as MemberId)?.number, 1007 as NodeNumber);
});
