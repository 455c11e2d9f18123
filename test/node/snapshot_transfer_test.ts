import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Index, MemberId, Term } from "../../src/core/ids.ts";
import { SNAPSHOT_WINDOW_CHUNKS } from "../../src/core/limits.ts";
import { SnapshotReads, SnapshotReceiver, SnapshotSender } from "../../src/node/snapshot_transfer.ts";
import { simpleConfiguration, type SnapshotChunk, type SnapshotMeta } from "../../src/raft/mod.ts";

const TO = 2 as MemberId;
const TERM = 5 as Term;

function meta(index: number): SnapshotMeta {
  return { index: index as Index, term: 3 as Term, configuration: simpleConfiguration([1 as MemberId, TO]) };
}

function stateOf(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => i * 7 + (i >> 8));
}

/** A sender and a receiver with a wire between them that a test moves, breaks and counts. */
class Wire {
  readonly chunks: { readonly chunk: SnapshotChunk; readonly bytes: Uint8Array }[] = [];
  receiver = new SnapshotReceiver();
  sender: SnapshotSender;
  carriedBytes = 0;
  done = false;
  state: Uint8Array | null = null;

  constructor(readonly chunkBytes: number) {
    this.sender = this.newSender();
  }

  newSender(): SnapshotSender {
    return new SnapshotSender(this.chunkBytes, (to, chunk, bytes) => {
      assertEquals(to, TO);
      assert(bytes.length <= this.chunkBytes, "a chunk is bounded");
      this.chunks.push({ chunk, bytes: bytes.slice() });
    });
  }

  /** Hands over the oldest chunk; its answer arrives unless `loses`. */
  move(loses = false): boolean {
    const next = this.chunks.shift();
    if (next === undefined) return false;
    this.carriedBytes += next.bytes.length;
    const { nextOffset, state } = this.receiver.take(next.chunk, next.bytes);
    if (state !== null) this.state = state;
    if (loses) return true;
    const { snapshot: { index }, stateCrc } = next.chunk;
    const reply = { kind: "snapshot-chunk-reply", term: TERM, index, stateCrc, nextOffset } as const;
    if (this.sender.answered(TO, reply) === "done") this.done = true;
    return true;
  }

  run(): void {
    while (this.move());
  }
}

Deno.test("a snapshot arrives whole, in chunks and a window of them", () => {
  for (const length of [0, 1, 99, 100, 101, 10_000]) {
    const wire = new Wire(100);
    wire.sender.begin(TO, TERM, meta(9), stateOf(length));
    assertEquals(wire.chunks.length, 1, "first it asks");
    wire.move();
    assert(wire.chunks.length <= SNAPSHOT_WINDOW_CHUNKS);
    wire.run();
    assert(wire.done);
    assertEquals(wire.state, stateOf(length));
    assertEquals([wire.carriedBytes, wire.sender.size], [length, 0]);
  }
});

Deno.test("a snapshot's transfer that broke off goes on where the receiver stands", () => {
  const wire = new Wire(100);
  wire.sender.begin(TO, TERM, meta(9), stateOf(10_000));
  for (let i = 0; i < 60; i++) wire.move();
  const before = wire.carriedBytes;
  assert(before > 5000);
  wire.chunks.length = 0;
  assertEquals(wire.sender.stateOf(9 as Index, 3 as Term)?.length, 10_000, "it need not be read again");
  wire.sender.begin(TO, TERM, meta(9), stateOf(10_000));
  wire.run();
  assertEquals(wire.state, stateOf(10_000));
  assertEquals(wire.carriedBytes, 10_000, "nothing was sent twice");
});

Deno.test("a snapshot's transfer goes on under another leader that has the same snapshot", () => {
  const wire = new Wire(100);
  wire.sender.begin(TO, TERM, meta(9), stateOf(3000));
  for (let i = 0; i < 20; i++) wire.move();
  wire.chunks.length = 0;
  wire.sender = wire.newSender();
  wire.sender.begin(TO, 6 as Term, meta(9), stateOf(3000));
  wire.run();
  assertEquals([wire.state?.length, wire.carriedBytes], [3000, 3000]);
});

Deno.test("a snapshot of other content or index starts anew", () => {
  for (const [index, length, fill] of [[9, 3000, 1], [10, 3000, 0], [9, 2999, 0]] as const) {
    const wire = new Wire(100);
    wire.sender.begin(TO, TERM, meta(9), stateOf(3000));
    for (let i = 0; i < 20; i++) wire.move();
    wire.chunks.length = 0;
    wire.sender = wire.newSender();
    const other = stateOf(length).map((byte) => byte + fill);
    wire.sender.begin(TO, TERM, meta(index), other);
    wire.run();
    assertEquals(wire.state, other);
  }
});

Deno.test("a snapshot that came damaged is fetched once more", () => {
  const wire = new Wire(100);
  wire.sender.begin(TO, TERM, meta(9), stateOf(250));
  wire.move();
  wire.chunks[1]!.bytes[3]! ^= 1;
  wire.run();
  assertEquals([wire.state, wire.done], [null, false]);
  wire.sender.begin(TO, TERM, meta(9), stateOf(250));
  wire.run();
  assertEquals(wire.state, stateOf(250));
});

Deno.test("a snapshot arrives whatever is lost, repeated or forgotten, once it is asked often enough", () => {
  const event = fc.constantFrom("move", "move", "move", "lose", "unanswered", "repeat", "break", "restart");
  fc.assert(
    fc.property(fc.nat(2000), fc.integer({ min: 1, max: 300 }), fc.array(event), (length, chunk, events) => {
      const wire = new Wire(chunk);
      const state = stateOf(length);
      wire.sender.begin(TO, TERM, meta(9), state);
      for (const each of events) {
        if (each === "move") wire.move();
        else if (each === "lose") wire.chunks.shift();
        else if (each === "unanswered") wire.move(true);
        else if (each === "repeat" && wire.chunks.length > 0) wire.chunks.push(wire.chunks[0]!);
        else if (each === "restart") wire.receiver = new SnapshotReceiver();
        else if (each === "break") {
          wire.chunks.length = 0;
          if (!wire.done) wire.sender.begin(TO, TERM, meta(9), state);
        }
        if (wire.state !== null) assertEquals(wire.state, state);
      }
      for (let tries = 0; wire.state === null; tries++) {
        assert(tries < 3);
        wire.chunks.length = 0;
        wire.sender.begin(TO, TERM, meta(9), state);
        wire.run();
      }
      assertEquals(wire.state, state);
    }),
    { numRuns: 300 },
  );
});

Deno.test("SnapshotReads reads a snapshot once for all who ask meanwhile, and does for each what it asked last", () => {
  const reads: { index: number; done: (state: Uint8Array | null) => void }[] = [];
  const snapshots = new SnapshotReads((index, done) => void reads.push({ index, done }));
  const told: string[] = [];
  const ask = (index: number, who: string, what = who) =>
    snapshots.ask(index as Index, who, (state) => void told.push(`${what} ${state?.length ?? "none"}`));
  ask(4, "a");
  for (let tries = 0; tries < 100; tries++) ask(4, "a", `a${tries}`);
  ask(4, "b");
  ask(9, "a", "later");
  assertEquals(reads.map(({ index }) => index), [4, 9]);
  reads[0]!.done(new Uint8Array(3));
  assertEquals(told, ["a99 3", "b 3"]);
  ask(4, "a", "again");
  reads[1]!.done(null);
  reads[2]!.done(new Uint8Array(5));
  assertEquals(told.slice(2), ["later none", "again 5"]);
});
