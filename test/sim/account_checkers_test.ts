/** Checkers of accounts, and of who is attached to a subscription, on evidence made by hand. */
import { assertEquals, assertThrows } from "@std/assert";
import { Accounts, type LogMoment } from "../../sim/checkers/accounts.ts";
import { Subscribers } from "../../sim/checkers/subscribers.ts";
import { SafetyViolation } from "../../sim/checkers/verdict.ts";
import { liveBytesOf, readWalFiles } from "../../sim/checkers/wal_files.ts";
import { encodeText } from "../../src/core/bytes.ts";
import type { Index, Token } from "../../src/core/ids.ts";
import { NO_ORIGIN } from "../../src/core/origin.ts";
import type { Call, Push, Reply } from "../../src/node/calls.ts";
import { encodeControlCommand } from "../../src/node/control_commands.ts";
import { ControlState } from "../../src/node/control_state.ts";
import type { NodeInspection, StreamInspection } from "../../src/node/inspection.ts";
import { at, content, entries, group, inTerm, LogDriver } from "../wal/log_driver.ts";
import { MemoryDisk } from "../wal/memory_disk.ts";

const SEGMENT_BYTES = 4096;

function violates(checker: string, act: () => unknown): void {
  assertEquals(assertThrows(act, SafetyViolation).checker, checker);
}

Deno.test("accounts catch a key-value that counts as larger or smaller than it is", () => {
  const state = new ControlState();
  const put = { kind: "kv-put", origin: NO_ORIGIN, key: "k", value: encodeText("value") } as const;
  state.apply(1 as Index, encodeControlCommand({ ...put, expectedVersion: null }));
  const node = (bytes: number | undefined) =>
    ({
      state: "member",
      sizes: bytes === undefined ? {} : { keyValueBytes: bytes },
      groups: [{ group: 0, applied: 1, stateBytes: () => state.encode() }],
    }) as unknown as NodeInspection;
  const look = (bytes: number | undefined) => {
    const checker = new Accounts();
    checker.checkKeyValue("n1", 1, node(bytes), false);
    return checker.inputs;
  };
  assertEquals(look(6), 1);
  assertEquals(look(undefined), 0); // An earlier build does not say.
  violates("accounts", () => look(7));
  violates("accounts", () => look(0));
});

Deno.test("accounts catch a log that says more or less than its files, or that is left to grow", () => {
  const disk = new MemoryDisk();
  const { wal, settle } = opened(disk);
  wal.openGroup(group(3), 1);
  wal.appendEntries(group(3), 1, entries(1, 1, content(1, 40), content(2, 40)));
  wal.appendOutbox(1, group(3), 1, content(3, 30));
  wal.appendFromOutbox(group(3), 1, at(3), inTerm(1), 1);
  settle();
  const files = () => readWalFiles(disk.paths.map((path) => disk.content(path)))!;
  const live = liveBytesOf(files());
  assertEquals(live, wal.status().liveBytes);
  wal.releaseOutbox(1);
  settle();
  assertEquals(liveBytesOf(files()), wal.status().liveBytes);
  const { liveBytes, bytes } = wal.status();
  const look = (walBytes: number, walLiveBytes: number, walPendingBytes = 0, diskBytes = walBytes) => {
    const checker = new Accounts();
    const sizes = { walBytes, walLiveBytes, walPendingBytes, walSegments: 1 };
    const node = { sizes, groups: [] } as unknown as NodeInspection;
    checker.checkLog("n1", node, files(), diskBytes, SEGMENT_BYTES);
    return checker.logInputs;
  };
  assertEquals(look(bytes, liveBytes), 1);
  assertEquals(look(bytes, liveBytes + 64, 1), 0); // Something is still to be written.
  violates("accounts", () => look(bytes, liveBytes + 64));
  violates("accounts", () => look(bytes + 1, liveBytes, 0, bytes));
  violates("accounts", () => look(10 * SEGMENT_BYTES, liveBytes));
});

Deno.test("accounts catch a log that is too large and loses no segment", () => {
  const look = (checker: Accounts, nowMs: number, walBytes: number, other: Partial<LogMoment> = {}) => {
    const sizes = { walBytes, walLiveBytes: 1_000, walSegments: 9 };
    const moment = {
      host: "n1",
      incarnation: 1,
      turns: nowMs,
      nowUs: 1000 * nowMs,
      removals: 3,
      isHindered: false,
    };
    const node = { sizes, groups: [] } as unknown as NodeInspection;
    checker.checkGrowth({ ...moment, segmentBytes: SEGMENT_BYTES, ...other }, node);
  };
  const grown = () => {
    const checker = new Accounts();
    look(checker, 0, 10 * SEGMENT_BYTES);
    look(checker, 4_000, 11 * SEGMENT_BYTES);
    assertEquals(checker.grownInputs, 1);
    return checker;
  };
  violates("accounts", () => look(grown(), 6_000, 12 * SEGMENT_BYTES));
  look(grown(), 6_000, 12 * SEGMENT_BYTES, { removals: 4 });
  look(grown(), 6_000, 12 * SEGMENT_BYTES, { isHindered: true });
  look(grown(), 6_000, 12 * SEGMENT_BYTES, { incarnation: 2 });
  look(grown(), 6_000, 12 * SEGMENT_BYTES, { turns: 20 });
  look(grown(), 6_000, 2 * SEGMENT_BYTES);
});

function opened(disk: MemoryDisk) {
  const driver = LogDriver.open(disk);
  return { wal: driver.wal, settle: () => driver.settle() };
}

const SUBSCRIBE: Call = {
  kind: "subscribe",
  stream: "s",
  subscription: "a",
  fromOffset: null,
  creditBytes: 1,
};

/** One that is attached to subscription "a" of member 2 in epoch 1; `epoch`: of the log. */
function attached(epoch: number): Subscribers {
  const checker = new Subscribers((group, member, name) =>
    group === 9 && member === 2 && name === "a" ? epoch : 7
  );
  const node = () => ({ memberId: 2, streams: [{ name: "s", group: 9 }] }) as unknown as NodeInspection;
  const where = { name: "n1", incarnation: 1, turns: 5 };
  checker.asked(1 as Token, SUBSCRIBE);
  checker.answered(where, 1 as Token, { kind: "subscribed", epoch: 1, nextOffset: 0 } as Reply, node);
  return checker;
}

Deno.test("subscribers catch who is told that another one took over where nobody did", () => {
  const ended = (code: string) => ({ kind: "subscription-ended", error: { code } }) as unknown as Push;
  const checker = attached(2);
  checker.pushed(1 as Token, ended("SUBSCRIPTION_FENCED"));
  assertEquals(checker.fencedInputs, 1);
  attached(1).pushed(1 as Token, ended("STREAM_CLOSED"));
  violates("subscribers", () => attached(1).pushed(1 as Token, ended("SUBSCRIPTION_FENCED")));
});

Deno.test("subscribers catch who stays attached although its node knows of a later one", () => {
  const stream = (epoch: number) =>
    ({
      name: "s",
      group: 9,
      subscriptions: () => [{ member: 2, name: "b", epoch: 9 }, { member: 2, name: "a", epoch }],
    }) as unknown as StreamInspection;
  const look = (checker: Subscribers, turns: number, applied: number, epoch: number, incarnation = 1) =>
    checker.check({ name: "n1", incarnation, turns }, applied, stream(epoch));
  const checker = attached(2);
  look(checker, 6, 10, 1);
  look(checker, 7, 10, 1); // Nothing has changed.
  assertEquals(checker.inputs, 1);
  look(checker, 8, 11, 2);
  look(checker, 9, 11, 2); // Told when the turn is over.
  violates("subscribers", () => look(checker, 10, 11, 2));
  const left = attached(2);
  left.asked(2 as Token, { kind: "cancel", target: 1 as Token });
  const restarted = attached(2);
  for (const turns of [8, 9, 10]) {
    look(left, turns, 11, 2);
    look(restarted, turns, 11, 2, 2);
  }
});
