import { assertEquals } from "@std/assert";
import { assert } from "../../src/core/assert.ts";
import { isErrorCode } from "../../src/core/errors.ts";
import type { MemberId, Token } from "../../src/core/ids.ts";
import type { EnrolId, LinkEvent, Links } from "../../src/link/mod.ts";
import {
  decodeJoinRequest,
  encodeJoinReply,
  type JoinReply,
  type JoinRequest,
} from "../../src/node/enrol_messages.ts";
import { Joiner } from "../../src/node/joiner.ts";
import { candidate } from "./control_log.ts";

const REQUEST: JoinRequest = {
  candidate: candidate("b", 12),
  secret: new Uint8Array(32).fill(5),
  joinKey: "key",
};
const PEER = { trusted: true, role: "node", name: "a", number: 1, keyHash: "" } as const;
const ADMITTED: JoinReply = {
  kind: "admitted",
  meshId: "mesh",
  meshName: "test",
  memberId: 5 as MemberId,
  certificate: "c",
  trust: ["t"],
  peers: [],
  recoveryEpoch: 0,
};
const TIMEOUT_MS = 60_000;

/** A joiner over links that do as the test says. */
class Trial {
  readonly dialled: string[] = [];
  readonly hashes: (string | null)[] = [];
  readonly sent: JoinRequest[] = [];
  readonly closed: EnrolId[] = [];
  readonly joiner: Joiner;
  now = 100;

  constructor(addresses: readonly string[], authorityHash: string | null = "hash") {
    const links: Pick<Links, "dialEnrol" | "sendEnrol" | "closeEnrol"> = {
      dialEnrol: (address, hash) => {
        this.hashes.push(hash);
        return this.dialled.push(address) as Token;
      },
      sendEnrol: (id, bytes) => {
        assertEquals(id, this.session);
        this.sent.push(decodeJoinRequest(bytes));
        return true;
      },
      closeEnrol: (id) => this.closed.push(id),
    };
    this.joiner = new Joiner({
      links: links as Links,
      addresses,
      authorityHash,
      request: REQUEST,
      now: this.now,
      timeoutMs: TIMEOUT_MS,
    });
  }

  get session(): EnrolId {
    return this.dialled.length as Token;
  }
  /** Lets time pass until the joiner wants something, and lets it. */
  wake(): void {
    this.now = Math.max(this.now, this.joiner.deadline());
    this.joiner.tick(this.now);
  }
  event(event: LinkEvent): boolean {
    return this.joiner.onLink(event, this.now);
  }
  reply(reply: JoinReply): void {
    const bytes = encodeJoinReply(reply);
    assert(
      this.event({ kind: "enrol-message", id: this.session, peer: PEER, bytes, inbound: false }),
      "its own",
    );
  }
  close(code = ""): void {
    assert(this.event({ kind: "enrol-closed", id: this.session, code, reason: "gone" }), "its own");
  }
  refuse(code: string): void {
    this.reply({ kind: "refused", code, message: `said ${code}` });
  }
  /** What became of it: a code, "admitted", or "" where it goes on. */
  get end(): string {
    const { outcome } = this.joiner;
    return outcome === null ? "" : outcome.kind === "admitted" ? "admitted" : outcome.error.code;
  }
}

Deno.test("G3: a joiner dials the pinned authority, asks once the session is open, and ends with the admission", () => {
  const trial = new Trial(["a:1", "b:1"]);
  assertEquals(trial.joiner.deadline(), 100, "it begins at once");
  trial.wake();
  trial.joiner.tick(trial.now);
  assertEquals([trial.dialled, trial.hashes, trial.sent], [["a:1"], ["hash"], []]);
  assert(trial.event({ kind: "enrol-opened", id: trial.session }), "its own");
  assertEquals(trial.sent, [REQUEST]);
  trial.reply(ADMITTED);
  assertEquals(trial.joiner.outcome, {
    kind: "admitted",
    reply: ADMITTED as JoinReply & { kind: "admitted" },
  });
  assertEquals([trial.closed, trial.joiner.deadline()], [[1 as Token], Infinity]);
  trial.joiner.tick(trial.now + TIMEOUT_MS);
  assertEquals([trial.end, trial.dialled.length], ["admitted", 1]);
});

Deno.test("Events of other sessions are not the joiner's, nor any after its end", () => {
  const trial = new Trial(["a:1"]);
  const opened = (id: number): LinkEvent => ({ kind: "enrol-opened", id: id as Token });
  assertEquals(trial.event(opened(1)), false, "nothing is dialled yet");
  trial.wake();
  assertEquals(trial.event(opened(2)), false);
  assertEquals(trial.event({ kind: "listening", address: "a:1" }), false);
  trial.reply(ADMITTED);
  assertEquals(trial.event(opened(1)), false);
});

Deno.test("Addresses that do not answer are gone through in turn, with a pause after each round", () => {
  const trial = new Trial(["a:1", "b:1", "c:1"]);
  const times: number[] = [];
  for (let i = 0; i < 7; i++) {
    trial.wake();
    times.push(trial.now);
    trial.close("UNREACHABLE");
  }
  assertEquals(trial.dialled, ["a:1", "b:1", "c:1", "a:1", "b:1", "c:1", "a:1"]);
  assertEquals(times[2], times[0], "the next address at once");
  assert(times[3]! > times[2]! && times[6]! > times[5]!, "a pause before the first one again");
});

Deno.test("A session that says nothing is given up for the next address", () => {
  const trial = new Trial(["a:1", "b:1"]);
  trial.wake();
  trial.event({ kind: "enrol-opened", id: trial.session });
  trial.wake();
  assertEquals(trial.closed, [1 as Token]);
  assert(trial.now < TIMEOUT_MS, "long before the deadline");
  trial.wake();
  assertEquals(trial.dialled, ["a:1", "b:1"]);
  assertEquals(trial.event({ kind: "enrol-closed", id: 1 as Token, code: "", reason: "late" }), false);
});

for (
  const code of [
    "NOT_READY",
    "NO_LEADER",
    "NO_QUORUM",
    "TIMEOUT",
    "OVERLOADED",
    "SHUTTING_DOWN",
    "UNREACHABLE",
  ]
) {
  Deno.test(`A refusal with ${code} is temporary: the joiner goes on, and fails with it at the deadline`, () => {
    const trial = new Trial(["a:1", "b:1"]);
    while (trial.now + 1000 < 100 + TIMEOUT_MS) {
      trial.wake();
      trial.refuse(code);
      assertEquals(trial.end, "");
    }
    assert(trial.dialled.includes("b:1"), "others are asked as well");
    trial.now = 100 + TIMEOUT_MS;
    trial.wake();
    assertEquals(trial.end, code);
    assert(trial.joiner.outcome?.kind === "failed", "it failed");
    assertEquals(trial.joiner.outcome.error.message, `said ${code}`);
  });
}

const FINAL = [
  "JOIN_REFUSED",
  "INVITATION_INVALID",
  "NAME_TAKEN",
  "NUMBER_TAKEN",
  "VERSION_MISMATCH",
  "NEWS", // Of a later version.
];
for (const code of FINAL) {
  Deno.test(`A refusal with ${code} is final`, () => {
    const trial = new Trial(["a:1", "b:1"]);
    trial.wake();
    trial.refuse(code);
    assertEquals([trial.end, trial.closed], [isErrorCode(code) ? code : "UNSUPPORTED", [1 as Token]]);
    trial.wake();
    assertEquals(trial.dialled.length, 1);
  });
}

Deno.test("An answer that is not understood is final and says so", () => {
  const trial = new Trial(["a:1"]);
  trial.wake();
  const bytes = new Uint8Array([9, 9]);
  trial.event({ kind: "enrol-message", id: trial.session, peer: PEER, bytes, inbound: false });
  assertEquals(trial.end, "VERSION_MISMATCH");
});

Deno.test("Who is sent elsewhere asks there first, and still knows the addresses it had", () => {
  const trial = new Trial(["a:1", "b:1"]);
  trial.wake();
  trial.reply({ kind: "elsewhere", addresses: ["c:1", "b:1"] });
  for (let i = 0; i < 4; i++) {
    trial.wake();
    trial.close();
  }
  assertEquals(trial.dialled, ["a:1", "c:1", "b:1", "a:1", "c:1"]);
});

Deno.test("At the deadline a joiner ends, closes its session and says that nobody answered", () => {
  const trial = new Trial(["a:1", "b:1"]);
  while (trial.end === "") trial.wake();
  assertEquals([trial.end, trial.now], ["UNREACHABLE", 100 + TIMEOUT_MS]);
  assert(trial.joiner.outcome?.kind === "failed", "it failed");
  assertEquals(trial.joiner.outcome.error.message, "No member answered at a:1, b:1");
  assertEquals(trial.closed.length, trial.dialled.length);
});

Deno.test("Where every address belongs to another mesh, the joiner gives up at once", () => {
  const trial = new Trial(["a:1", "b:1"]);
  trial.wake();
  trial.close("NOT_AUTHENTICATED");
  assertEquals(trial.end, "");
  trial.wake();
  trial.close("NOT_AUTHENTICATED");
  assertEquals(trial.end, "NOT_AUTHENTICATED");
});

const BETWEEN: Record<string, (trial: Trial) => void> = {
  "cannot be reached": (trial) => trial.close("UNREACHABLE"),
  "is not ready": (trial) => trial.refuse("NOT_READY"),
  "says nothing": (trial) => trial.wake(),
};
for (const [what, act] of Object.entries(BETWEEN)) {
  Deno.test(`Where one address belongs to another mesh and the other one ${what}, the joiner goes on`, () => {
    const trial = new Trial(["a:1", "b:1"]);
    for (let round = 0; round < 2; round++) {
      trial.wake();
      trial.close("NOT_AUTHENTICATED");
      trial.wake();
      act(trial);
      assertEquals(trial.end, "");
    }
    trial.wake();
    trial.reply(ADMITTED);
    assertEquals(trial.end, "admitted");
  });
}

Deno.test("A failure says NOT_APPLIED only where no member can have granted the request", () => {
  const outcomeOf = (act: (trial: Trial) => void): string => {
    const trial = new Trial(["a:1"]);
    trial.wake();
    trial.event({ kind: "enrol-opened", id: trial.session });
    act(trial);
    while (trial.joiner.outcome === null) {
      trial.wake();
      if (trial.joiner.outcome === null) trial.close("UNREACHABLE");
    }
    const { outcome } = trial.joiner;
    return outcome.kind === "failed" ? `${outcome.error.code} ${outcome.error.outcome}` : "admitted";
  };
  assertEquals(outcomeOf((trial) => trial.refuse("JOIN_REFUSED")), "JOIN_REFUSED NOT_APPLIED");
  assertEquals(outcomeOf((trial) => trial.refuse("NOT_READY")), "UNREACHABLE NOT_APPLIED");
  assertEquals(
    outcomeOf((trial) => trial.close("UNREACHABLE")),
    "UNREACHABLE UNKNOWN",
    "asked, then cut off",
  );
  assertEquals(outcomeOf((trial) => trial.refuse("TIMEOUT")), "UNREACHABLE UNKNOWN", "perhaps proposed");
  const elsewhere: JoinReply = { kind: "elsewhere", addresses: ["b:1"] };
  assertEquals(outcomeOf((trial) => trial.reply(elsewhere)), "UNREACHABLE UNKNOWN", "admitted, not signed");
  assertEquals(outcomeOf((trial) => trial.refuse("LATER_CODE")), "UNSUPPORTED NOT_APPLIED");
});
