/**
 * Every format of links and disks: the bytes that were once written must be read by today's code, and written again
 * as they were; those of an older build, named `sample @version`, are read and mean the same. A new format or kind gets a sample in samples.ts and its bytes by `deno task fixtures`, which adds and
 * never changes: what was released stays readable.
 */
import { assertEquals } from "@std/assert";
import { fromHex, toHex } from "../../src/core/bytes.ts";
import { SinkFile } from "../../src/cli/sink_file.ts";
import { readFixtures } from "./fixtures.ts";
import { SAMPLES } from "./samples.ts";

const FIXTURES = readFixtures();

for (const [name, hex] of FIXTURES) {
  const [sampleName, older] = name.split(" @");
  Deno.test(`${name}: the bytes of the fixture are read, and written ${older ? "as today" : "again as they were"}`, () => {
    const sample = SAMPLES.get(sampleName!);
    if (sample === undefined) {
      throw new Error("A fixture keeps its sample: what was released is read for ever");
    }
    // The sample says what the bytes mean: both ends of the codec changed alike would else go unseen.
    const today = toHex(sample.write());
    assertEquals(toHex(sample.rewrite(fromHex(hex))), today);
    if (older === undefined) assertEquals(today, hex);
  });
}

Deno.test("Every sample has its fixture: `deno task fixtures` adds what is missing", () => {
  assertEquals([...SAMPLES.keys()].filter((name) => !FIXTURES.has(name)), []);
});

Deno.test("A sink file of format 1 is read, and the same batches are written the same", async () => {
  const hex = (await Deno.readTextFile(new URL("./fixtures/sink_v1.hex", import.meta.url))).replaceAll(
    /\s/g,
    "",
  );
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${folder}/old`, fromHex(hex));
    const old = await SinkFile.open(`${folder}/old`);
    assertEquals(old.nextOffset, 9);
    old.close();
    const sink = await SinkFile.open(`${folder}/new`);
    await sink.store([
      { firstOffset: 3, messages: [new Uint8Array([1, 2, 3]), new Uint8Array(0)] },
      { firstOffset: 8, messages: [new Uint8Array([4])] },
    ]);
    sink.close();
    assertEquals(toHex(await Deno.readFile(`${folder}/new`)), hex);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
