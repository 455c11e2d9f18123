/** Samples of what a recording is made of: the head of a segment, an encrypted block, and a record of each kind. */
import { equalBytes } from "../../src/core/bytes.ts";
import type { Token } from "../../src/core/ids.ts";
import { type Rec, RecordingKey, RecordReader, RecordWriter } from "../../src/recording/mod.ts";
import { blockAt, BlockCipher, decodeHead, encodeHead } from "../../src/recording/segment.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const bytesFrom = (first: number, count: number) => Uint8Array.from({ length: count }, (_, at) => first + at);
const key = new RecordingKey(bytesFrom(1, 32));
const salt = bytesFrom(40, 16);
const plain = bytesFrom(60, 50);

/** Few and made up, so that a new setting changes nothing here. */
const settings = { name: "node-é", number: 5, listenAddress: "127.0.0.1:0", certificates: null };

const RECORDS: { readonly [Kind in Rec["kind"]]: Rec & { readonly kind: Kind } } = {
  origin: { kind: "origin", origin: { version: "0.0.1", settings: settings as never } },
  start: { kind: "start", incarnation: 300 },
  deliver: {
    kind: "deliver",
    event: { kind: "frame", connection: 2 ** 40 as Token, bytes: bytesFrom(100, 3) },
  },
  call: {
    kind: "call",
    token: 9 as Token,
    call: {
      kind: "kv-put",
      key: "a long key that is longer than what is kept",
      value: plain,
      expectedVersion: null,
    },
  },
  turn: { kind: "turn" },
  stop: { kind: "stop" },
  end: { kind: "end", outputs: 0xfedc_ba98 },
  threw: { kind: "threw", message: "frame" },
  state: { kind: "state", hash: bytesFrom(130, 32) },
  monotonic: { kind: "monotonic", value: 1234.5 },
  wall: { kind: "wall", value: 1_700_000_000_004 },
  draw: { kind: "draw", value: 0x8765_4321 },
  buffered: { kind: "buffered", value: 70_000 },
  "key-hash": { kind: "key-hash", value: "abc" },
};

function write(records: Iterable<Rec>): Bytes {
  const writer = new RecordWriter();
  for (const record of records) writer.write(record);
  return writer.view();
}

function* readAll(bytes: Bytes): Generator<Rec> {
  const reader = new RecordReader([bytes]);
  for (let record = reader.next(); record !== null; record = reader.next()) yield record;
}

export const RECORDING_SAMPLES = [
  ["recording segment head", {
    write: () =>
      encodeHead({
        format: 1,
        take: 2,
        segment: 3,
        firstBlock: 0x1_0000_0004,
        salt,
        keyCheck: key.check(salt),
      }),
    rewrite: (bytes: Bytes) => encodeHead(decodeHead(bytes)),
  }],
  ["recording block", {
    write: () => new BlockCipher(key.derive(salt)).encrypt(0x1_0000_0005, true, plain),
    rewrite(bytes: Bytes) {
      const cipher = new BlockCipher(key.derive(salt));
      const block = blockAt(bytes, 0)!;
      const read = cipher.decrypt(block);
      if (!equalBytes(read, plain)) throw new Error("It was encrypted otherwise");
      return cipher.encrypt(block.number, block.mayCut, read);
    },
  }],
  ["recording records", {
    write: () => write(Object.values(RECORDS)),
    rewrite: (bytes: Bytes) => write(readAll(bytes)),
  }],
] as const;
