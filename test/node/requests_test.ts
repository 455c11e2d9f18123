import { assertEquals } from "@std/assert";
import { SennitError } from "../../src/core/errors.ts";
import type { GroupId, Index, MemberId } from "../../src/core/ids.ts";
import { PENDING_CALLS_LIMIT } from "../../src/core/limits.ts";
import type { Origin } from "../../src/core/origin.ts";
import { BOOT, FakeRequests, GROUP, LEADER, SELF, TIMEOUT_MS } from "./fake_requests.ts";

Deno.test("A command at the leader is proposed under its origin and resolves when it is applied, once", () => {
  const host = new FakeRequests();
  host.isLeader = true;
  host.submit("x", 0);
  assertEquals(host.proposed, [], "nothing happens before work");
  host.requests.work(0);
  host.requests.work(500);
  assertEquals(host.proposed.map(({ origin }) => origin), [{ member: SELF, boot: BOOT, request: 1 }]);
  host.requests.applied(host.proposed[0]!.origin, "done");
  host.requests.applied(host.proposed[0]!.origin, "again");
  host.requests.passed(GROUP, 10 as Index);
  host.requests.work(TIMEOUT_MS * 2);
  assertEquals(host.fate("x"), "done");
  assertEquals([host.requests.size, host.proposed.length], [0, 1]);
});

Deno.test("Elsewhere a command is forwarded to the leader, once, and resolves when it is applied here", () => {
  const host = new FakeRequests();
  host.submit("x", 0);
  host.requests.work(0);
  host.requests.work(500);
  assertEquals(host.sent, [{ to: LEADER, origin: { member: SELF, boot: BOOT, request: 1 }, request: 1 }]);
  host.answer(12, 501);
  host.requests.passed(GROUP, 11 as Index);
  host.requests.work(502);
  assertEquals([host.fate("x"), host.sent.length], ["", 1]);
  host.requests.applied(host.sent[0]!.origin, "done");
  assertEquals(host.fate("x"), "done");
});

Deno.test("A command that is applied before the leader's answer comes resolves all the same", () => {
  const host = new FakeRequests();
  host.submit("x", 0);
  host.requests.work(0);
  host.requests.applied(host.sent[0]!.origin, "done");
  host.requests.passed(GROUP, 12 as Index);
  host.applied = 12 as Index;
  host.answer(12, 5);
  host.requests.work(6);
  assertEquals([host.fate("x"), host.sent.length, host.requests.size], ["done", 1, 0]);
});

Deno.test("Another's origin, or this node's from before its restart, resolves nothing", () => {
  const host = new FakeRequests();
  host.submit("x", 0);
  host.requests.work(0);
  const origin = host.sent[0]!.origin;
  const strangers: Origin[] = [
    { ...origin, member: LEADER },
    { ...origin, boot: BOOT + 1 },
    { ...origin, request: 2 },
  ];
  for (const stranger of strangers) host.requests.applied(stranger, "wrong");
  assertEquals(host.fate("x"), "");
});

Deno.test("A proposed command whose index is applied as something else is asked again", () => {
  const host = new FakeRequests();
  host.isLeader = true;
  host.submit("x", 0);
  host.requests.work(0);
  host.requests.passed(GROUP, 9 as Index);
  host.requests.passed(5 as GroupId, 99 as Index);
  host.requests.work(1);
  assertEquals(host.proposed.length, 1, "nothing is known of it yet");
  host.isLeader = false;
  host.requests.passed(GROUP, 10 as Index);
  assertEquals(host.requests.deadline(), 0, "it wants to be asked at once");
  host.requests.work(2);
  assertEquals(host.sent.map(({ origin }) => origin), [host.proposed[0]!.origin], "by the same name");
});

Deno.test("A forwarded command whose index is applied already as something else is asked again", () => {
  const host = new FakeRequests();
  host.submit("x", 0);
  host.requests.work(0);
  host.requests.passed(GROUP, 12 as Index);
  host.applied = 12 as Index;
  host.answer(12, 5);
  host.requests.work(5);
  assertEquals(host.sent.length, 2);
});

Deno.test("An answer that comes between applying and telling so does not make it be asked again", () => {
  const host = new FakeRequests();
  host.submit("x", 0);
  host.requests.work(0);
  host.applied = 12 as Index;
  host.answer(12, 5);
  host.requests.work(5);
  assertEquals(host.sent.length, 1);
  host.requests.applied(host.sent[0]!.origin, "done");
  host.requests.passed(GROUP, 12 as Index);
  assertEquals(host.fate("x"), "done");
});

Deno.test("A refusal of the leader is waited out and then asked again", () => {
  const host = new FakeRequests();
  host.submit("x", 0);
  host.requests.work(0);
  host.answer(0, 100);
  host.requests.work(100);
  assertEquals(host.sent.length, 1, "not at once");
  const retryMs = host.requests.deadline();
  assertEquals(retryMs > 100 && retryMs <= 200, true);
  host.requests.work(retryMs);
  assertEquals(host.sent.length, 2);
});

const OBSTACLES: Record<string, (host: FakeRequests) => void> = {
  "no leader is known": (host) => host.leader = 0 as MemberId,
  "there is no session to the leader": (host) => host.connected = false,
  "the group is not known here": (host) => host.known = false,
  "the core here refuses the proposal": (host) => {
    host.isLeader = true;
    host.accepts = false;
  },
};

for (const [what, arrange] of Object.entries(OBSTACLES)) {
  Deno.test(`Where ${what}, a command waits and is tried again, and fails as not applied`, () => {
    const host = new FakeRequests();
    arrange(host);
    host.submit("x", 0);
    for (let now = 0; now < TIMEOUT_MS; now = Math.max(now + 1, host.requests.deadline())) {
      host.requests.work(now);
    }
    assertEquals(host.fate("x"), "");
    host.requests.work(TIMEOUT_MS);
    const noLeader = what.startsWith("no leader") || what.startsWith("the group");
    assertEquals(host.fate("x"), noLeader ? "NO_LEADER NOT_APPLIED" : "TIMEOUT NOT_APPLIED");

    const other = new FakeRequests();
    arrange(other);
    other.submit("x", 0);
    other.requests.work(0);
    Object.assign(other, { known: true, leader: LEADER, connected: true, accepts: true });
    other.requests.work(other.requests.deadline());
    assertEquals(other.sent.length + other.proposed.length, 1, "it goes on once the obstacle is gone");
  });
}

Deno.test("A forwarded command without an answer is UNKNOWN at the deadline and is not forwarded twice", () => {
  const host = new FakeRequests();
  host.submit("x", 0);
  host.submit("short", 0, 10);
  for (const now of [0, 5, 10, 500, TIMEOUT_MS - 1]) host.requests.work(now);
  assertEquals([host.fate("x"), host.fate("short"), host.sent.length], ["", "TIMEOUT UNKNOWN", 2]);
  assertEquals(host.requests.deadline(), TIMEOUT_MS);
  host.requests.work(TIMEOUT_MS);
  assertEquals(host.fate("x"), "TIMEOUT UNKNOWN");
  host.requests.applied(host.sent[0]!.origin, "late");
  assertEquals(host.fate("x"), "TIMEOUT UNKNOWN");
});

Deno.test("A command that a snapshot may have swallowed is never asked again and ends UNKNOWN", () => {
  const host = new FakeRequests();
  host.isLeader = true;
  host.submit("x", 0);
  host.requests.work(0);
  host.requests.skipped(GROUP, 10 as Index);
  host.requests.passed(GROUP, 10 as Index);
  host.requests.work(1);
  assertEquals(host.proposed.length, 1);
  host.requests.work(TIMEOUT_MS);
  assertEquals(host.fate("x"), "TIMEOUT UNKNOWN");
});

Deno.test("Nor is one whose place is learnt only after the snapshot that covers it", () => {
  const host = new FakeRequests();
  host.submit("x", 0);
  host.requests.work(0);
  host.requests.skipped(GROUP, 20 as Index);
  host.applied = 20 as Index;
  host.answer(12, 5);
  host.requests.work(5);
  host.requests.passed(GROUP, 21 as Index);
  host.requests.work(6);
  assertEquals(host.sent.length, 1, "it may have been applied within the snapshot");
  host.requests.work(TIMEOUT_MS);
  assertEquals(host.fate("x"), "TIMEOUT UNKNOWN");
});

Deno.test("One whose place is beyond the snapshot goes on as ever", () => {
  const host = new FakeRequests();
  host.submit("x", 0);
  host.requests.work(0);
  host.requests.skipped(GROUP, 20 as Index);
  host.applied = 20 as Index;
  host.answer(21, 5);
  host.requests.passed(GROUP, 21 as Index);
  host.requests.work(6);
  assertEquals(host.sent.length, 2);
});

Deno.test("When the node ends, what waits fails as not applied and all else as unknown", () => {
  const host = new FakeRequests();
  host.submit("sent", 0);
  host.requests.work(0);
  host.leader = 0 as MemberId;
  host.submit("waiting", 0);
  host.requests.work(1);
  host.requests.failAll(new SennitError("SHUTTING_DOWN", "The node stops"));
  assertEquals(host.fate("sent"), "SHUTTING_DOWN UNKNOWN");
  assertEquals(host.fate("waiting"), "SHUTTING_DOWN NOT_APPLIED");
  assertEquals(host.requests.size, 0);
  host.requests.work(TIMEOUT_MS);
});

Deno.test("More calls than the limit are refused at once", () => {
  const host = new FakeRequests();
  for (let i = 0; i < PENDING_CALLS_LIMIT; i++) host.submit(`x${i}`, 0);
  host.submit("one more", 0);
  assertEquals(host.fate("one more"), "OVERLOADED NOT_APPLIED");
  assertEquals(host.requests.size, PENDING_CALLS_LIMIT);
});

Deno.test("What waits for a group that is gone fails: UNKNOWN where it was handed on, and other groups' calls wait on", () => {
  const host = new FakeRequests();
  host.submit("handed", 0);
  host.requests.work(0);
  host.submit("waiting", 1);
  const error = new SennitError("STREAM_CLOSED", "gone");
  host.requests.failGroup(77 as GroupId, error);
  assertEquals([host.fate("handed"), host.fate("waiting")], ["", ""]);
  host.requests.failGroup(GROUP, error);
  assertEquals(host.requests.size, 0);
  assertEquals([host.fate("handed"), host.fate("waiting")], [
    "STREAM_CLOSED UNKNOWN",
    "STREAM_CLOSED NOT_APPLIED",
  ]);
});
