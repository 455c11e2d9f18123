/** What survives on the simulated disk: synced always, un-synced sometimes, in part, or not. */
import { assert, assertEquals } from "@std/assert";
import type { Token } from "../../src/core/ids.ts";
import type { Host } from "../../sim/host.ts";
import { driveOf, emptyWorld, Keeper } from "./bench.ts";

interface Machine {
  readonly host: Host;
  readonly keeper: Keeper;
  run(submit: (token: Token) => void): void;
  content(path: string): Uint8Array | null;
}

function machine(seed: string): Machine {
  const world = emptyWorld(seed);
  const host = world.addHost("machine");
  let keeper = new Keeper(host);
  const run = (submit: (token: Token) => void) => {
    const token = keeper.token();
    submit(token);
    const isDone = () => keeper.events.some((event) => event.kind === "disk" && event.token === token);
    void driveOf(world)(isDone, "a disk operation");
  };
  return {
    host,
    get keeper() {
      return keeper;
    },
    run,
    content(path) {
      keeper = new Keeper(host, host.incarnation + 1);
      run((token) => host.disk.read(path, 0, 1 << 20, token));
      const event = keeper.events.at(-1)!;
      return event.kind === "disk" && event.ok ? event.bytes : null;
    },
  };
}

function bytes(length: number, value: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).fill(value);
}

const SEEDS = Array.from({ length: 200 }, (_, i) => String(i));

Deno.test("what was synced under a synced name survives every loss of power", () => {
  for (const seed of SEEDS) {
    const { host, run, content } = machine(seed);
    run((token) => host.disk.append("log", bytes(1500, 1), token));
    run((token) => host.disk.sync("log", token));
    run((token) => host.disk.syncFolder("", token));
    run((token) => host.disk.append("log", bytes(3000, 2), token));
    host.crash(true);
    const after = content("log")!;
    assert(after.length >= 1500, `seed ${seed}`);
    assertEquals(after.subarray(0, 1500), bytes(1500, 1));
  }
});

Deno.test("what a failed sync did not write is readable after a restart, or not, and gone when power is lost", () => {
  const readable = new Set<number>();
  for (const seed of SEEDS) {
    const { host, run, content } = machine(seed);
    run((token) => host.disk.append("log", bytes(700, 1), token));
    run((token) => host.disk.sync("log", token));
    run((token) => host.disk.syncFolder("", token));
    run((token) => host.disk.append("log", bytes(300, 2), token));
    host.disk.faults.syncFailurePerMillion = 1_000_000;
    run((token) => host.disk.sync("log", token));
    host.disk.faults.syncFailurePerMillion = 0;
    host.crash(false);
    const { length } = content("log")!;
    readable.add(length);
    run((token) => host.disk.sync("log", token));
    run((token) => host.disk.append("log", bytes(10, 3), token));
    run((token) => host.disk.sync("log", token));
    assertEquals(host.disk.counts.lies, length === 1000 ? 2 : 0);
    host.crash(true);
    const after = content("log")!;
    assertEquals(after.length, length + 10);
    assertEquals(after.subarray(0, 700), bytes(700, 1));
    assertEquals(after.subarray(700, length), bytes(length - 700, 0));
    assertEquals(after.subarray(length), bytes(10, 3));
  }
  assertEquals([...readable].sort(), [1000, 700]);
});

Deno.test("un-synced writes come back lost, kept and torn by sectors of 512 bytes", () => {
  const seen = new Set<string>();
  for (const seed of SEEDS) {
    const { host, run, content } = machine(seed);
    run((token) => host.disk.append("log", bytes(700, 1), token));
    run((token) => host.disk.sync("log", token));
    run((token) => host.disk.syncFolder("", token));
    run((token) => host.disk.append("log", bytes(3000, 2), token));
    const effect = host.crash(true)!;
    const after = content("log")!;
    if (effect.lost > 0) {
      seen.add("lost");
      assertEquals(after.length, 700);
    } else if (effect.kept > 0) {
      seen.add("kept");
      assertEquals(after.length, 3700);
      assertEquals(after.subarray(700), bytes(3000, 2));
    } else {
      const tail = after.subarray(700);
      if (tail.some((byte) => byte === 2) && tail.some((byte) => byte === 0)) seen.add("torn");
      if (tail.some((byte) => byte !== 2 && byte !== 0)) seen.add("garbage");
    }
  }
  assertEquals([...seen].sort(), ["garbage", "kept", "lost", "torn"]);
});

Deno.test("a name that was not synced may be lost, and a rename is never half done", () => {
  let lost = 0;
  for (const seed of SEEDS) {
    const { host, run, content } = machine(seed);
    run((token) => host.disk.append("old", bytes(10, 1), token));
    run((token) => host.disk.sync("old", token));
    run((token) => host.disk.syncFolder("", token));
    run((token) => host.disk.append("new", bytes(10, 2), token));
    run((token) => host.disk.sync("new", token));
    run((token) => host.disk.rename("new", "old", token));
    host.crash(true);
    const after = content("old")!;
    assert(after[0] === 1 || after[0] === 2, "the one or the other");
    if (after[0] === 1) lost += 1;
    else assertEquals(content("new"), null, "the renamed file has one name");
  }
  assert(lost > 20 && lost < 180, `the rename was lost in ${lost} of 200`);
});

Deno.test("a sync under way at the crash may have become durable without saying so", () => {
  let durable = 0;
  for (const seed of SEEDS) {
    const { host, keeper, run, content } = machine(seed);
    run((token) => host.disk.append("log", bytes(10, 1), token));
    run((token) => host.disk.syncFolder("", token));
    host.disk.sync("log", keeper.token());
    durable += host.crash(true)!.silentSyncs;
    content("log");
  }
  assert(durable > 40 && durable < 160, `${durable} of 200`);
});

Deno.test("a process that dies alone leaves the page cache, and durable is no more than before", () => {
  const { host, run, content } = machine("1");
  run((token) => host.disk.append("log", bytes(10, 1), token));
  assertEquals(host.crash(false), null);
  assertEquals(content("log"), bytes(10, 1));
  let survived = 0;
  for (const seed of SEEDS) {
    const other = machine(seed);
    other.run((token) => other.host.disk.append("log", bytes(600, 1), token));
    other.run((token) => other.host.disk.syncFolder("", token));
    other.host.crash(false);
    other.content("log");
    other.host.crash(true);
    if (other.content("log")?.length === 600) survived += 1;
  }
  assert(survived > 20 && survived < 180, `${survived} of 200`);
});

Deno.test("a full disk refuses by name and has room again", () => {
  const { host, keeper, run, content } = machine("1");
  run((token) => host.disk.append("log", bytes(100, 1), token));
  host.disk.faults.capacityBytes = 150;
  run((token) => host.disk.append("log", bytes(100, 2), token));
  const refused = keeper.events.at(-1)!;
  assert(refused.kind === "disk" && !refused.ok && refused.code === "FULL");
  host.disk.faults.capacityBytes = Infinity;
  run((token) => host.disk.append("log", bytes(1, 3), token));
  assertEquals(content("log")!.length, 101);
});

Deno.test("a file whose sync failed is of no use until it is replaced", () => {
  const { host, keeper, run } = machine("1");
  const last = () => {
    const event = keeper.events.at(-1)!;
    return event.kind === "disk" && event.ok;
  };
  run((token) => host.disk.append("log", bytes(100, 1), token));
  host.disk.faults.syncFailurePerMillion = 1_000_000;
  run((token) => host.disk.sync("log", token));
  assertEquals(last(), false);
  host.disk.faults.syncFailurePerMillion = 0;
  run((token) => host.disk.sync("log", token));
  assertEquals(last(), false);
  run((token) => host.disk.append("log", bytes(100, 1), token));
  assertEquals(last(), false);
  run((token) => host.disk.remove("log", token));
  run((token) => host.disk.append("log", bytes(100, 1), token));
  assertEquals(last(), true);
});
