import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Sequence } from "../../src/core/ids.ts";
import { type AckLevel, type Mesh, SennitError } from "../../src/mod.ts";
import { encodeRecordBatch } from "../../src/stream/mod.ts";
import { Meshes, refusal, until } from "./meshes.ts";

/** Flips one bit of a file. */
async function flip(path: string, at: number): Promise<void> {
  const bytes = await Deno.readFile(path);
  bytes[at]! ^= 0x10;
  await Deno.writeFile(path, bytes);
}

async function segmentOf(folder: string): Promise<{ path: string; size: number }> {
  for await (const { name } of Deno.readDir(`${folder}/wal`)) {
    const path = `${folder}/wal/${name}`;
    return { path, size: (await Deno.stat(path)).size };
  }
  throw new Error("There is no segment");
}

/** Where `text` stands in a file, the first time. */
async function find(path: string, text: string): Promise<number> {
  const bytes = await Deno.readFile(path);
  const wanted = new TextEncoder().encode(text);
  for (let at = bytes.indexOf(wanted[0]!); at >= 0; at = bytes.indexOf(wanted[0]!, at + 1)) {
    if (wanted.every((byte, i) => bytes[at + i] === byte)) return at;
  }
  throw new Error(`"${text}" is not in ${path}`);
}

const troubleOf = async (mesh: Mesh) => (await mesh.status()).groups[0]?.trouble ?? "no group is open";

Deno.test("a bit that flipped in a header is found at the start, and said with file and way out", () =>
  Meshes.with(async (meshes) => {
    const a = await meshes.start("a");
    await a.seed({ meshName: "test" });
    for (let at = 0; at < 40; at++) await a.kv.put(`k${at}`, "x".repeat(1000));
    await meshes.stop(a);
    const { path } = await segmentOf(`${meshes.folder}/a`);
    const at = await find(path, "WALB") + 30;
    await flip(path, at);
    const error = await refusal("DATA_DAMAGED", () => meshes.start("a"));
    assertMatch(error.message, /wal\/.*byte \d+.*evict/);
    await flip(path, at);
    const again = await meshes.start("a");
    assertEquals((await again.kv.get("k39"))!.value.length, 1000);
  }));

Deno.test("a node that lost a header comes back on an empty folder as a new member, with everything the others hold", () =>
  Meshes.with(async (meshes) => {
    const [a, b, c] = await meshes.form("a", "b", "c");
    for (let at = 0; at < 20; at++) await a!.kv.put(`k${at}`, "x".repeat(1000));
    const before = (await c!.status()).memberId;
    await meshes.stop(c!);
    const { path } = await segmentOf(`${meshes.folder}/c`);
    await flip(path, await find(path, "WALB") + 30);
    await refusal("DATA_DAMAGED", () => meshes.start("c"));
    await a!.evict("c");
    await Deno.remove(`${meshes.folder}/c`, { recursive: true });
    const again = await meshes.start("c");
    await again.join(await a!.invite());
    assertEquals((await again.kv.get("k19"))!.value.length, 1000);
    assert((await again.status()).memberId > before);
    await until("it votes again", async () => {
      const { members } = await b!.status();
      return members.find(({ name }) => name === "c")?.role === "voter";
    });
  }));

Deno.test("entries that one node's disk has lost are fetched from the others, written back, and all is there", () =>
  Meshes.with(async (meshes) => {
    const [a, b, c] = await meshes.form("a", "b", "c");
    for (let at = 0; at < 40; at++) await a!.kv.put(`k${at}`, `value-${at}-` + "x".repeat(1000));
    await meshes.stop(c!);
    const { path } = await segmentOf(`${meshes.folder}/c`);
    for (const at of [10, 11, 25]) await flip(path, await find(path, `value-${at}-`) + 100);
    const again = await meshes.start("c");
    await until("c has repaired its log", async () => (await troubleOf(again)) === "");
    assertEquals((await again.kv.get("k25"))!.value.length, 1009);
    // What was repaired is on its own disk now: alone, it has no trouble reading it.
    await meshes.stop(again);
    await meshes.stop(a!);
    await meshes.stop(b!);
    const alone = await meshes.start("c");
    await until("c has applied what it knows to be committed", async () => {
      const { applied, commit } = (await alone.status()).groups[0]!;
      return applied === commit && commit > 30;
    });
  }));

Deno.test("where the others have cut their logs behind a lost entry, a state that it is part of takes its place", () =>
  Meshes.with(async (meshes) => {
    const settings = { snapshotEntries: 20 };
    const [a, b, c] = [
      await meshes.start("a", { settings }),
      await meshes.start("b", { settings }),
      await meshes.start("c"),
    ];
    await a.seed({ meshName: "test" });
    for (const other of [b, c]) await other.join(await a.invite());
    await until(
      "all vote",
      async () => (await a.status()).members.filter(({ role }) => role === "voter").length === 3,
    );
    for (let at = 0; at < 120; at++) await a.kv.put(`k${at % 40}`, `value-${at}-` + "x".repeat(200));
    await until("c knows everything to be committed", async () => {
      const [own, leading] = [(await c.status()).groups[0]!, (await a.status()).groups[0]!];
      return own.commit === leading.commit;
    });
    await meshes.stop(c);
    const { path } = await segmentOf(`${meshes.folder}/c`);
    await flip(path, await find(path, "value-9-") + 100);
    const again = await meshes.start("c");
    await until("c has applied what is committed", async () => {
      const { applied, commit } = (await again.status()).groups[0]!;
      return applied === commit && commit > 100;
    });
    assertEquals(new TextDecoder().decode((await again.kv.get("k9"))!.value).slice(0, 9), "value-89-");
  }));

Deno.test("an entry that no member in reach holds is waited for, and said", () =>
  Meshes.with(async (meshes) => {
    const a = await meshes.start("a");
    await a.seed({ meshName: "test" });
    for (let at = 0; at < 20; at++) await a.kv.put(`k${at}`, `value-${at}-` + "x".repeat(1000));
    await meshes.stop(a);
    const { path } = await segmentOf(`${meshes.folder}/a`);
    await flip(path, await find(path, "value-7-") + 100);
    const again = await meshes.start("a");
    await until(
      "it says what it misses",
      async () =>
        /^entry \d+ is damaged on the disk of this node: no member in reach holds/.test(
          await troubleOf(again),
        ),
    );
  }));

Deno.test("a queued batch that only its source had and lost holds the later ones back, until it is published again", () =>
  Meshes.with(async (meshes) => {
    const [a, b] = await meshes.form("a", "b");
    await a!.openStream("s", { targets: ["a", "b"] });
    const opened = await a!.face.call({ kind: "producer-open", stream: "s", producer: "p" });
    if (opened.kind !== "producer") throw new Error(opened.kind);
    const { producerId, epoch } = opened;
    const batch = (sequence: number) =>
      encodeRecordBatch(
        { producerId, epoch, baseSequence: sequence as Sequence, ulid: new Uint8Array(16) },
        [new TextEncoder().encode(`message-${sequence}-` + "x".repeat(300))],
      );
    const publish = (mesh: Mesh, sequence: number, level: AckLevel) =>
      mesh.face.call({ kind: "publish", stream: "s", batch: batch(sequence), level });
    await publish(a!, 1, "COMMITTED");
    const addresses = [a!.address, b!.address];
    await meshes.stop(b!);
    for (const sequence of [2, 3]) await publish(a!, sequence, "QUEUED");
    await meshes.stop(a!);
    const { path } = await segmentOf(`${meshes.folder}/a`);
    await flip(path, await find(path, "message-2-") + 50);
    const again = await meshes.start("a", { listen: addresses[0]! });
    const trouble = async () => (await again.status()).groups.find(({ name }) => name === "s")?.trouble ?? "";
    await until("a says what is lost", async () => /damaged on the disk of this node/.test(await trouble()));
    await refusal("DATA_DAMAGED", () => publish(again, 4, "QUEUED"));
    await refusal("NOT_READY", () => publish(again, 2, "QUEUED"));
    await until("the batch is whole", async () => !/damaged/.test(await trouble()));
    await meshes.start("b", { listen: addresses[1]! });
    const told: unknown[] = [];
    for (const sequence of [2, 3, 4]) {
      // It finds out first what was asked for before it was started.
      await until(`message ${sequence} is taken`, async () => {
        const reply = await publish(again, sequence, "COMMITTED").catch((error) => error);
        const isTaken = codeOf(reply) !== "NOT_READY";
        if (isTaken) told.push(reply);
        return isTaken;
      });
    }
    assertEquals(told.map((reply) => (reply as { firstOffset: number }).firstOffset), [1, 2, 3]);
  }));

/** "" where it is no error. */
function codeOf(reply: unknown): string {
  return reply instanceof SennitError ? reply.code : "";
}

/** The control group's snapshots in a folder, oldest first. */
async function snapshotsOf(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(`${folder}/snapshots`)) names.push(`${folder}/snapshots/${name}`);
  return names.sort();
}

/** Puts until the log in the folder begins at a snapshot: the oldest two are not the first two any more. */
async function putUntilCut(mesh: Mesh, folder: string): Promise<void> {
  let at = 0;
  await until(`the log in ${folder} is cut`, async () => {
    for (let i = 0; i < 10; i++) await mesh.kv.put(`k${at++ % 40}`, "x".repeat(100));
    const [oldest, ...newer] = (await snapshotsOf(folder)).map((path) => Number(path.slice(-25, -9)));
    return newer.length > 0 && oldest! > 45;
  });
}

Deno.test("a damaged snapshot is no more than a longer replay where the log reaches back", () =>
  Meshes.with(async (meshes) => {
    meshes.settings = { snapshotEntries: 20 };
    const a = await meshes.start("a");
    await a.seed({ meshName: "test" });
    await putUntilCut(a, `${meshes.folder}/a`);
    await meshes.stop(a);
    const newest = (await snapshotsOf(`${meshes.folder}/a`)).at(-1)!;
    await flip(newest, 80);
    const again = await meshes.start("a");
    assertEquals((await again.kv.get("k7"))!.value.length, 100);
    assertEquals((await snapshotsOf(`${meshes.folder}/a`)).includes(newest), false);
  }));

Deno.test("G66 a damaged snapshot at which the log begins is fetched from another member", () =>
  Meshes.with(async (meshes) => {
    meshes.settings = { snapshotEntries: 20 };
    const [a, b, c] = await meshes.form("a", "b", "c");
    await putUntilCut(a!, `${meshes.folder}/c`);
    await meshes.stop(c!);
    for (let at = 0; at < 100; at++) await a!.kv.put(`k${at}`, `later ${at}`);
    for (const path of await snapshotsOf(`${meshes.folder}/c`)) await flip(path, 80);
    const { address } = a!;
    await meshes.stop(a!);
    await meshes.stop(b!);
    const again = await meshes.start("c");
    await until(
      "it says what it misses",
      async () =>
        /^snapshot \d+ is damaged on the disk of this node: no member in reach/.test(await troubleOf(again)),
    );
    await meshes.start("a", { listen: address });
    await until("a and c go on", async () => {
      try {
        return new TextDecoder().decode((await again.kv.get("k99"))?.value) === "later 99";
      } catch {
        return false;
      }
    });
    assertEquals(await troubleOf(again), "");
  }));

Deno.test("a tail that no sync covered is cut, and everything acknowledged before is there", () =>
  Meshes.with(async (meshes) => {
    const a = await meshes.start("a");
    await a.seed({ meshName: "test" });
    await a.kv.put("k", "kept");
    await meshes.stop(a);
    const { path } = await segmentOf(`${meshes.folder}/a`);
    const torn = new Uint8Array(700).map((_, at) => (at * 131) % 251);
    await Deno.writeFile(path, torn, { append: true });
    const again = await meshes.start("a");
    assertEquals(new TextDecoder().decode((await again.kv.get("k"))!.value), "kept");
    await again.kv.put("more", "x");
  }));

Deno.test("an identity file that was changed is refused by name", () =>
  Meshes.with(async (meshes) => {
    const a = await meshes.start("a");
    await a.seed({ meshName: "test" });
    await meshes.stop(a);
    const path = `${meshes.folder}/a/identity.json`;
    await Deno.writeTextFile(path, (await Deno.readTextFile(path)).slice(0, 100));
    const error = await refusal("DATA_DAMAGED", () => meshes.start("a"));
    assert(error.message.includes("identity.json"));
  }));
