import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import fc from "fast-check";
import { SennitError } from "../../src/core/errors.ts";
import { RECORD_BYTES_MIN, RecordingKey, TakeReader, TakeWriter } from "../../src/recording/mod.ts";
import { segmentsIn } from "../../src/recording/folder.ts";
import { concatBytes } from "../../src/core/bytes.ts";

async function withFolder(body: (folder: string, keyPath: string) => void): Promise<void> {
  const parent = await Deno.makeTempDir({ prefix: "sennit-take-" });
  try {
    body(`${parent}/rec`, `${parent}/key`);
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
}

function open(folder: string, keyPath: string, troubles: string[] = []): TakeWriter {
  return TakeWriter.open({
    folder,
    limitBytes: RECORD_BYTES_MIN,
    keyPath,
    key: RecordingKey.open(keyPath),
    onTrouble: ({ message }) => troubles.push(message),
  });
}

/** Chunks that can be told apart: the n-th is full of n. */
const chunk = (n: number, length: number) => new Uint8Array(length).fill(n);

function record(folder: string, keyPath: string, chunks: readonly Uint8Array<ArrayBuffer>[]): void {
  const take = open(folder, keyPath);
  for (const bytes of chunks) assert(take.sink(bytes));
  take.close();
}

function read(folder: string, keyPath: string): { chunks: Uint8Array[]; cutBytes: number } {
  const reader = TakeReader.open(folder, RecordingKey.read(keyPath), null);
  const chunks = [...reader.chunks()];
  return { chunks, cutBytes: reader.cutBytes };
}

function refusal(body: () => void): string {
  const error = assertThrows(body, SennitError);
  return `${error.code}: ${error.message}`;
}

Deno.test("a take is read back chunk by chunk, over several segments and with chunks larger than a segment", async () => {
  await withFolder((folder, keyPath) => {
    const chunks = [100, 9000, 1, 70_000, 12_000].map((length, n) => chunk(n, length));
    record(folder, keyPath, chunks);
    assert(segmentsIn(folder).length > 3);
    assertEquals(read(folder, keyPath), { chunks, cutBytes: 0 });
  });
});

Deno.test("a take that is torn anywhere gives whole chunks from its beginning", async () => {
  await withFolder((folder, keyPath) => {
    const chunks = [100, 500, 1, 300].map((length, n) => chunk(n, length));
    record(folder, keyPath, chunks);
    const { path } = segmentsIn(folder)[0]!;
    const whole = Deno.readFileSync(path);
    const counts = new Set<number>();
    for (let length = 0; length < whole.length; length++) {
      Deno.writeFileSync(path, whole.subarray(0, length));
      const isHeadTorn = length < 56;
      if (isHeadTorn) {
        assertMatch(refusal(() => read(folder, keyPath)), /^DATA_DAMAGED: .*000001\.rec cannot be read/);
        continue;
      }
      const torn = read(folder, keyPath);
      assertEquals(torn.chunks, chunks.slice(0, torn.chunks.length));
      assertEquals(torn.cutBytes > 0, !isBoundary(torn.chunks.length, length));
      counts.add(torn.chunks.length);
    }
    assertEquals(counts.size, 4);
    function isBoundary(count: number, length: number): boolean {
      return length === 56 + chunks.slice(0, count).reduce((total, { length }) => total + length + 33, 0);
    }
  });
});

Deno.test("a chunk of which only a part was written before the end is cut", async () => {
  await withFolder((folder, keyPath) => {
    record(folder, keyPath, [chunk(1, 10), chunk(2, 70_000)]);
    const segments = segmentsIn(folder);
    Deno.removeSync(segments.at(-1)!.path);
    const { chunks, cutBytes } = read(folder, keyPath);
    assertEquals(chunks, [chunk(1, 10)]);
    assert(cutBytes > 16_000);
  });
});

Deno.test("damage in the middle of a take is refused by name and not taken for a torn tail", async () => {
  await withFolder((folder, keyPath) => {
    const chunks = [100, 500, 300].map((length, n) => chunk(n, length));
    record(folder, keyPath, chunks);
    const { path } = segmentsIn(folder)[0]!;
    const whole = Deno.readFileSync(path);
    // Within the body of the second of three blocks.
    whole[56 + 133 + 200]! ^= 1;
    Deno.writeFileSync(path, whole);
    assertMatch(refusal(() => read(folder, keyPath)), /^DATA_DAMAGED: .* the block at 189 is damaged/);
  });
});

Deno.test("any flipped bit of a take is cut off or refused, and never read as something else", async () => {
  await withFolder((folder, keyPath) => {
    const chunks = [20, 30, 40].map((length, n) => chunk(n, length));
    record(folder, keyPath, chunks);
    const { path } = segmentsIn(folder)[0]!;
    const whole = Deno.readFileSync(path);
    fc.assert(fc.property(fc.nat(whole.length - 1), fc.nat(7), (at, bit) => {
      const changed = whole.slice();
      changed[at]! ^= 1 << bit;
      Deno.writeFileSync(path, changed);
      try {
        const { chunks: found } = read(folder, keyPath);
        assert(found.length < chunks.length);
        assertEquals(found, chunks.slice(0, found.length));
      } catch (error) {
        assert(error instanceof SennitError, String(error));
      }
    }));
  });
});

Deno.test("the folder keeps below its limit, the oldest segment goes first, and a replay without a beginning is refused", async () => {
  await withFolder((folder, keyPath) => {
    record(folder, keyPath, [chunk(7, 1000)]);
    const troubles: string[] = [];
    const take = open(folder, keyPath, troubles);
    for (let n = 0; n < 100; n++) {
      take.sink(chunk(n, 5000));
      const total = segmentsIn(folder).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      assert(total <= RECORD_BYTES_MIN, `${total} bytes`);
    }
    take.close();
    assertEquals(troubles.length, 1);
    assertMatch(troubles[0]!, /has reached its 262144 bytes and lost its beginning, .* --record-bytes$/);
    const segments = segmentsIn(folder);
    assert(segments[0]!.take === 2 && segments[0]!.segment > 1 && segments.length >= 14);
    assertMatch(
      refusal(() => read(folder, keyPath)),
      /^UNSUPPORTED: The beginning of take 2 was overwritten .* --record-bytes/,
    );
  });
});

Deno.test("each start is a take of its own, and an older one can still be read", async () => {
  await withFolder((folder, keyPath) => {
    record(folder, keyPath, [chunk(1, 10)]);
    record(folder, keyPath, [chunk(2, 20)]);
    assertEquals(read(folder, keyPath).chunks, [chunk(2, 20)]);
    const first = TakeReader.open(folder, RecordingKey.read(keyPath), 1);
    assertEquals([...first.chunks()], [chunk(1, 10)]);
    assertEquals(first.takes, [1, 2]);
    assertMatch(
      refusal(() => TakeReader.open(folder, RecordingKey.read(keyPath), 3)),
      /no take 3: it has 1, 2/,
    );
  });
});

Deno.test("a recording shows nothing without its key, and a wrong key is told from damage", async () => {
  await withFolder((folder, keyPath) => {
    const secret = new TextEncoder().encode("the secret of somebody ".repeat(20));
    record(folder, keyPath, [secret, secret]);
    const bytes = concatBytes(segmentsIn(folder).map(({ path }) => Deno.readFileSync(path)));
    assert(!new TextDecoder("latin1").decode(bytes).includes("secret"));
    // Equal content at different places is not seen to be equal.
    assert(bytes.length > 2 * secret.length);
    const block = (at: number) => bytes.subarray(at + 13, at + 13 + secret.length).join();
    assert(block(56) !== block(56 + secret.length + 33));
    assertEquals(Deno.statSync(keyPath).mode! & 0o777, 0o600);
    Deno.writeTextFileSync(keyPath, "ab".repeat(32));
    assertMatch(refusal(() => read(folder, keyPath)), /^PERMISSION_DENIED: .* under another key/);
    Deno.writeTextFileSync(keyPath, "not a key");
    assertMatch(refusal(() => read(folder, keyPath)), /^INVALID_ARGUMENT: .* 64 hexadecimal digits/);
  });
});

Deno.test("a folder in use, without a recording, missing or of another format is refused by name", async () => {
  await withFolder((folder, keyPath) => {
    assertMatch(
      refusal(() => TakeReader.open(folder, RecordingKey.open(keyPath), null)),
      /^NOT_FOUND: There is no folder/,
    );
    const take = open(folder, keyPath);
    assertMatch(refusal(() => open(folder, keyPath)), /^DATA_IN_USE: Another process records into/);
    take.close();
    const { path } = segmentsIn(folder)[0]!;
    const bytes = Deno.readFileSync(path);
    bytes[9] = 9;
    Deno.writeFileSync(path, bytes);
    assertMatch(refusal(() => read(folder, keyPath)), /^UNSUPPORTED: .* has format 9, this build reads 1/);
    Deno.removeSync(path);
    assertMatch(refusal(() => read(folder, keyPath)), /^NOT_FOUND: .* holds no recording: make one with/);
  });
});

Deno.test("where the folder goes away the node is told once and goes on", async () => {
  await withFolder((folder, keyPath) => {
    const errors: string[] = [];
    const take = open(folder, keyPath, errors);
    Deno.removeSync(folder, { recursive: true });
    const taken = Array.from({ length: 20 }, (_, n) => take.sink(chunk(n, 2000)));
    take.close();
    assert(taken[0] && !taken.at(-1));
    assertEquals(errors.length, 1);
    assertMatch(errors[0]!, /^Cannot record into .* any more, the node goes on without/);
  });
});
