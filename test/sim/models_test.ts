/** Checkers that tell by a model what clients and members must see, on evidence made by hand. */
import { assertEquals, assertThrows } from "@std/assert";
import { ByteWriter } from "../../src/core/bytes.ts";
import type { Lsn, MemberId } from "../../src/core/ids.ts";
import { type ControlCommand, encodeControlCommand } from "../../src/node/control_commands.ts";
import { encodeRecordBatch, encodeStreamCommand, type StreamCommand } from "../../src/stream/mod.ts";
import { writeBatchHeader, writeFileHeader } from "../../src/wal/format.ts";
import { DeliveryCheck } from "../../sim/checkers/delivery.ts";
import { readWalFiles } from "../../sim/checkers/wal_files.ts";
import { DurableLog } from "../../sim/checkers/durable_log.ts";
import { Elected } from "../../sim/checkers/elected.ts";
import { FreshReads } from "../../sim/checkers/fresh_reads.ts";
import type { GroupLog } from "../../sim/checkers/group_logs.ts";
import { StreamModel } from "../../sim/checkers/stream_model.ts";
import { SafetyViolation } from "../../sim/checkers/verdict.ts";
import { Watches } from "../../sim/checkers/watches.ts";
import { Effects } from "../../sim/workloads/effects.ts";

function violates(checker: string, body: () => unknown): void {
  assertEquals(assertThrows(body, SafetyViolation).checker, checker);
}

Deno.test("fresh reads catch an answer from before what was applied when it was asked", () => {
  const checker = new FreshReads();
  checker.applied(0, 7);
  checker.asked(1);
  checker.asked(2);
  checker.asked(3);
  checker.applied(0, 9);
  checker.applied(4, 100); // Another group.
  checker.answered(1, "n1", 7);
  checker.lost(3);
  checker.answered(3, "n1", 0);
  assertEquals(checker.inputs, 1);
  violates("fresh-reads", () => checker.answered(2, "n2", 6));
});

Deno.test("the stream model catches a member that makes something else of its log", () => {
  const origin = { member: 1 as MemberId, boot: 1, request: 1 };
  const command = (fields: Record<string, unknown>) =>
    encodeStreamCommand({ origin, ...fields } as unknown as StreamCommand);
  const batch = (epoch: number, baseSequence: number) =>
    encodeRecordBatch(
      { producerId: 1, epoch, baseSequence: baseSequence as never, ulid: new Uint8Array(16) },
      [new Uint8Array(1), new Uint8Array(2)],
    );
  const move = (epoch: number, offset: number) =>
    command({ kind: "move-offsets", moves: [{ member: 2, subscription: "s", epoch, offset }] });
  const log = [
    command({ kind: "open-producer", producer: "p" }),
    batch(1, 1),
    batch(1, 1), // Again: a duplicate.
    batch(1, 5), // Nothing came before it.
    command({ kind: "open-producer", producer: "p" }),
    batch(1, 3), // Fenced.
    batch(2, 3),
    command({ kind: "open-subscription", member: 2, subscription: "s" }),
    command({ kind: "open-subscription", member: 3, subscription: "s" }),
    move(1, 3),
    command({ kind: "open-subscription", member: 2, subscription: "s" }),
    move(1, 4), // Fenced.
  ];
  const model = () => {
    const checker = new StreamModel(() => [{ member: 2, name: "s" }]);
    for (const [i, bytes] of log.entries()) checker.applied(9, 0, i + 1, 0, bytes);
    return checker;
  };
  // Another member's subscription, opened while the first one has processed nothing.
  const late = { member: 3, name: "s", epoch: 1, offset: 0 };
  const look =
    (nextOffset: number, epoch: number, offset: number, other: unknown[] = [late], base = 0) => () => {
      const checker = model();
      const subscriptions = () => [{ member: 2, name: "s", epoch, offset }, ...other];
      const stream = { name: "x", group: 9, nextOffset, firstOffset: base === 0 ? 0 : 2, subscriptions };
      const stand = { generation: 0, applied: log.length, base, isInstalling: false } as never;
      checker.check("n1", 1, stand, stream as never, true);
      return checker.inputs;
    };
  assertEquals(look(4, 2, 3)(), 1);
  // Nothing is dropped that somebody has not processed.
  violates("stream-model", look(4, 2, 3, [late], 2));
  violates("stream-model", look(6, 2, 3));
  violates("stream-model", look(4, 2, 4));
  violates("stream-model", look(4, 1, 3));
  violates("stream-model", look(4, 2, 3, []));
  violates("stream-model", look(4, 2, 3, [{ ...late, offset: 3 }]));
  violates("stream-model", look(4, 2, 3, [late, { ...late, name: "t" }]));
  violates("stream-model", look(4, 2, 3, [late], 7)); // Its log begins behind the second batch.
});

Deno.test("what a member says to be queued is fenced by no later session that was opened there", () => {
  const open = (member: number) => {
    const origin = { member: member as MemberId, boot: 1, request: 1 };
    return encodeStreamCommand({ kind: "open-producer", origin, producer: "p" });
  };
  const fields = { producerId: 1, epoch: 1, baseSequence: 1 as never, ulid: new Uint8Array(16) };
  const batch = encodeRecordBatch(fields, [new Uint8Array(1)]);
  const told = (log: Uint8Array[], before: number) => {
    const checker = new StreamModel(() => []);
    for (const [i, bytes] of log.entries()) {
      if (i === before) checker.queued(4, 9, { ...fields, count: 1 });
      checker.applied(9, 0, i + 1, 0, bytes);
    }
    if (before === log.length) checker.queued(4, 9, { ...fields, count: 1 });
    return checker.queuedInputs;
  };
  assertEquals(told([open(4), batch, open(4)], 1), 1);
  // Committed before it was said, and then fenced.
  assertEquals(told([open(4), batch, open(4)], 2), 1);
  // Another node's sessions do not wait for what is queued here.
  assertEquals(told([open(4), open(5), batch], 1), 1);
  violates("stream-model", () => told([open(4), open(4), batch], 1));
  violates("stream-model", () => told([open(4), open(4)], 2));
});

/** Two messages of one producer at offsets 0 and 1, acknowledged, with a consumer of each mode that has seen them. */
function delivered(): Effects {
  const effects = new Effects();
  effects.send("s", ["p/1", "p/2"]);
  effects.acknowledge("s", ["p/1", "p/2"], "COMMITTED", 0);
  const consumer = { stream: "s", node: "n1", subscription: "default" };
  effects.consumers.push(
    {
      ...consumer,
      mode: "sink",
      nextOffset: 2,
      effects: ["p/1", "p/2"],
      seen: new Map(),
      asked: new Set(),
      acknowledgedOffset: 2,
      isRetired: false,
    },
    {
      ...consumer,
      mode: "acknowledge",
      nextOffset: 0,
      effects: [],
      seen: new Map([[0, 1], [1, 3]]),
      asked: new Set([0, 1]),
      acknowledgedOffset: 2,
      isRetired: false,
    },
  );
  return effects;
}

function final(change: (effects: Effects) => void): () => void {
  const effects = delivered();
  change(effects);
  return () => new DeliveryCheck().checkFinal(effects, () => true);
}

Deno.test("delivery accepts what is whole, at least once where that is promised", () => {
  const checker = new DeliveryCheck();
  checker.checkFinal(delivered(), () => false);
  assertEquals([checker.inputs, checker.sinkInputs, checker.acknowledgeInputs], [2, 2, 2]);
});

Deno.test("delivery catches an acknowledged message that is nowhere", () => {
  violates(
    "acknowledged-durable",
    final((effects) => {
      effects.send("s", ["p/3"]);
      effects.acknowledge("s", ["p/3"], "QUEUED", -1);
    }),
  );
});

Deno.test("delivery asks less of a stream that was closed, and of one that was discarded, and catches a refusal that was none", () => {
  const queued = (effects: Effects) => {
    effects.send("s", ["p/3", "p/4"]);
    effects.acknowledge("s", ["p/3"], "QUEUED", -1);
    effects.refuse("s", ["p/4"]);
    effects.closed.add("s");
  };
  const effects = delivered();
  queued(effects);
  const checker = new DeliveryCheck();
  checker.checkFinal(effects, (_stream, id) => id !== "p/4");
  assertEquals(checker.refusedInputs, 1);
  violates("delivery", final(queued));
  const unseen = (effects: Effects) => {
    effects.send("s", ["p/3"]);
    effects.acknowledge("s", ["p/3"], "COMMITTED", 2);
    effects.closed.add("s");
  };
  violates("exactly-once", final(unseen));
  final((effects) => {
    unseen(effects);
    effects.discarded.add("s");
  })();
});

Deno.test("delivery asks the log for what was acknowledged where nobody is left who could have seen it", () => {
  const effects = delivered();
  effects.send("s", ["p/3"]);
  effects.acknowledge("s", ["p/3"], "QUEUED", -1);
  for (const consumer of effects.consumers) consumer.isRetired = true;
  new DeliveryCheck().checkFinal(effects, (_stream, id) => id === "p/3");
  violates("acknowledged-durable", () => new DeliveryCheck().checkFinal(effects, () => false));
});

Deno.test("delivery catches a duplicate, a gap and a wrong order in the stream", () => {
  violates("stream-order", final((effects) => effects.place("s", 2, "p/2")));
  violates("stream-order", final((effects) => effects.place("s", 2, "p/4")));
  violates("delivery", final((effects) => effects.place("s", 1, "p/9")));
});

Deno.test("delivery catches an effect that was made twice, not at all, or for another message", () => {
  const sink = (effects: Effects) => effects.consumers[0]!;
  violates("exactly-once", final((effects) => sink(effects).effects.push("p/2")));
  violates("exactly-once", final((effects) => sink(effects).effects.pop()));
  violates("exactly-once", final((effects) => sink(effects).effects[1] = "p/1"));
  violates("exactly-once", final((effects) => sink(effects).effects.reverse()));
  violates("exactly-once", final((effects) => effects.consumers[1]!.seen.delete(0)));
});

Deno.test("delivery catches a completion that a consumer knows nothing of", () => {
  const effects = delivered();
  effects.awaited.add("s");
  effects.send("s", ["p/3"]);
  effects.acknowledge("s", ["p/1", "p/2"], "COMPLETED", 0);
  new DeliveryCheck().check(effects);
  assertEquals(effects.counts.completed, 2);
  effects.acknowledge("s", ["p/3"], "COMPLETED", 2);
  violates("delivery", () => new DeliveryCheck().check(effects));
});

const ORIGIN = { member: 1 as MemberId, boot: 1, request: 1 };

/** A watch checker whose control log has these changes of `k`, from entry 2 on: a value, or null for a delete. */
function watched(...values: (number | null)[]): Watches {
  const checker = new Watches();
  values.forEach((value, i) => {
    const fields = value === null
      ? { kind: "kv-delete", key: "k" }
      : { kind: "kv-put", key: "k", value: Uint8Array.of(value) };
    const command = { origin: ORIGIN, expectedVersion: null, ...fields } as unknown as ControlCommand;
    checker.applied(0, i + 2, 0, encodeControlCommand(command));
  });
  return checker;
}

Deno.test("watches catch a change that is not shown, shown twice, or never was", () => {
  const begin = () => {
    const checker = watched(1, 2, null, 3);
    checker.opened(9, "n1", "k", 2);
    checker.shown(9, "k", Uint8Array.of(2), 3);
    return checker;
  };
  const whole = begin();
  whole.shown(9, "k", null, 4);
  violates("watch-complete", () => whole.checkFinal());
  whole.shown(9, "k", Uint8Array.of(3), 5);
  whole.checkFinal();
  assertEquals(whole.inputs, 3);
  violates("watch-complete", () => begin().shown(9, "k", Uint8Array.of(3), 5));
  violates("watch-complete", () => begin().shown(9, "k", Uint8Array.of(2), 3));
  violates("watch-complete", () => begin().shown(9, "k", Uint8Array.of(7), 4));
});

Deno.test("watches ask after a snapshot for the last word about each key", () => {
  const begin = () => {
    const checker = watched(1, 2, 3);
    checker.opened(9, "n1", "k", 1);
    checker.restored("n1", 0, 4);
    return checker;
  };
  // The word of its begin may be on the way while the snapshot comes.
  const late = watched(1, 2, 3);
  late.restored("n1", 0, 4);
  late.opened(9, "n1", "k", 1);
  late.shown(9, "k", Uint8Array.of(3), 4);
  late.checkFinal();
  violates("watch-complete", () => begin().checkFinal());
  violates("watch-complete", () => begin().shown(9, "k", Uint8Array.of(9), 4));
  const told = begin();
  told.shown(9, "k", Uint8Array.of(3), 4);
  told.checkFinal();
  const gone = begin();
  gone.ended(9);
  gone.checkFinal();
  assertEquals([told.gaps, told.inputs], [1, 1]);
});

Deno.test("who leads by fewer votes than a majority is caught, and who stands without a vote", () => {
  const shape = {
    group: 0,
    generation: 0,
    name: "control",
    memberId: 1,
    term: 5,
    commit: 3,
    role: "leader",
    configuration: { incoming: [1, 2, 3, 4], outgoing: [], learners: [6] },
    votes: () => [],
  };
  const log = { configurationIndexes: [2] } as unknown as GroupLog;
  const vote = (from: number, term = 5, granted = true) => ({
    envelope: { group: 0, generation: 0, from, to: 1 },
    message: { kind: "vote-reply", term, granted },
  });
  const grant = (checker: Elected, from: number, term: number, granted = true) =>
    checker.heard(vote(from, term, granted) as never);
  const elected = new Elected();
  for (const from of [2, 3]) grant(elected, from, 5);
  elected.check(shape as never, log);
  assertEquals(elected.inputs, 1);
  const byTwo = new Elected();
  grant(byTwo, 2, 5);
  grant(byTwo, 3, 4); // Of another term.
  grant(byTwo, 4, 5, false);
  grant(byTwo, 6, 5); // No voter.
  violates("elected", () => byTwo.check(shape as never, log));
  const learner = { ...shape, memberId: 6, role: "pre-candidate" };
  violates("elected", () => new Elected().check(learner as never, log));
  // Its removal is not committed yet.
  new Elected().check(learner as never, { configurationIndexes: [4] } as unknown as GroupLog);
  const removed = new Elected();
  for (const from of [1, 2, 3]) {
    removed.heard({ ...vote(from), envelope: { ...vote(from).envelope, to: 6 } } as never);
  }
  removed.check(
    { ...learner, role: "leader" } as never,
    { configurationIndexes: [4] } as unknown as GroupLog,
  );
  violates("elected", () => removed.check({ ...learner, role: "leader" } as never, log));
});

/** One segment of one batch that holds these records and no content. */
function segment(
  records: readonly (readonly [kind: number, ...fields: [size: 1 | 4 | 8, value: number][]])[],
): Uint8Array {
  const body = new ByteWriter();
  for (const [kind, ...fields] of records) {
    body.u8(kind);
    for (const [size, value] of fields) {
      size === 1 ? body.u8(value) : size === 4 ? body.u32(value) : body.u64(value);
    }
  }
  const file = new ByteWriter();
  writeFileHeader(file, 1);
  const fields = {
    segment: 1,
    lsn: 1 as Lsn,
    offset: file.length,
    payloadBytes: 0,
    payloadCrc: 0,
    previousCrc: 0,
  };
  writeBatchHeader(file, { ...fields, headRecords: 0, records: records.length }, body.view());
  return file.take();
}

Deno.test("what a member says to be durable is looked for on its disk", () => {
  const open = [1, [8, 7], [8, 0]] as const;
  const hardState = (term: number, vote: number) =>
    [4, [8, 7], [8, 0], [8, term], [8, vote], [8, 0]] as const;
  const entries = (term: number, first: number, count: number) =>
    [
      5,
      [8, 7],
      [8, 0],
      [8, term],
      [8, first],
      [4, count],
      ...Array.from({ length: count }, () => [[1, 0], [4, 0], [4, 0]] as const).flat(),
    ] as const;
  const disk = segment([open, hardState(2, 1), entries(1, 1, 3), entries(2, 3, 1)] as never);
  const member = (terms: readonly number[], role = "follower", term = 2) =>
    [{
      group: 7,
      generation: 0,
      name: "s",
      memberId: 1,
      role,
      term,
      base: 0,
      last: terms.length,
      durable: terms.length,
      isInstalling: false,
      entry: (index: number) => ({ term: terms[index - 1] }),
    }] as never;
  const checker = new DurableLog();
  const filed = (segments: readonly Uint8Array[]) => readWalFiles(segments)?.groups ?? null;
  const told = (term: number, votedFor: number) => () => ({ term, voteTerm: term, votedFor });
  checker.check("n1", member([1, 1, 2], "leader"), filed([disk]), told(2, 1), false);
  // Nothing is known of a disk that has lost something; another can be read to its end.
  const cut = [disk.subarray(0, disk.length - 1)];
  const flipped = [disk.map((byte, at) => at === 100 ? byte ^ 4 : byte)];
  for (const damaged of [cut, flipped]) {
    checker.check("n1", member([1, 1, 9]), filed(damaged), told(2, 1), true);
    violates("durable-log", () => checker.check("n1", member([1, 1, 2]), filed(damaged), told(2, 1), false));
  }
  assertEquals(checker.inputs, 3);
  const checks = (groups: never, term: number, vote: number) => () =>
    new DurableLog().check("n1", groups, filed([disk]), told(term, vote), false);
  const isDue = () => checker.isDue("n1", 1, 1, 0);
  isDue();
  for (
    const [role, term, expected] of [["leader", 3, true], ["leader", 3, false], [
      "follower",
      4,
      false,
    ]] as const
  ) {
    const [leads] = member([1], role, term) as readonly unknown[];
    checker.leads("n1", leads as never);
    assertEquals(isDue(), expected);
  }
  const installs = (durable: number, isInstalling = true) =>
    checker.checkInstall("n1", { name: "s", isInstalling, durable, commit: 9 } as never);
  installs(8);
  installs(9, false);
  assertEquals(checker.installInputs, 1);
  violates("durable-log", () => installs(9));
  violates("durable-log", checks(member([1, 1, 2, 2]), 2, 1));
  violates("durable-log", checks(member([1, 1, 1]), 2, 1));
  violates("durable-log", checks(member([1, 1]), 2, 1));
  violates("durable-log", checks(member([1, 1, 2]), 3, 0));
  violates("durable-log", checks(member([1, 1, 2]), 2, 4));
  violates("durable-log", checks(member([1, 1, 2], "leader", 3), 2, 1));
  // A copy without what stood before it: whoever starts from this disk has a log with a hole.
  const [, ...copy] = entries(1, 4, 1);
  const torn = segment([open, hardState(2, 1), entries(1, 1, 2), [6, ...copy]] as never);
  violates(
    "durable-log",
    () => new DurableLog().check("n1", member([1, 1]), filed([torn]), told(2, 1), false),
  );
});
