/**
 * The records of a recording, in the order in which things happened: what came in, what a port answered at once, and
 * after everything that the node was made to do a checksum of what it did. A replay gives the same in the same order.
 */
import type { Token } from "../core/ids.ts";
import { ByteReader, ByteWriter } from "../core/bytes.ts";
import { DecodeError } from "../core/errors.ts";
import type { IoEvent } from "../io/mod.ts";
import type { Call, NodeSettings } from "../node/mod.ts";
import { readVarint, ValueReader, ValueWriter, writeVarint } from "./values.ts";

export const STATE_HASH_BYTES = 32;

/** What stands at the head of a recording. */
export interface Origin {
  /** Of the build that recorded. */
  readonly version: string;
  readonly settings: NodeSettings;
}

/** What a port answered at once: the name of the question, and the answer. */
export interface Answers {
  readonly monotonic: number;
  readonly wall: number;
  readonly draw: number;
  readonly buffered: number;
  readonly "key-hash": string;
}
export type Answer = {
  [Kind in keyof Answers]: { readonly kind: Kind; readonly value: Answers[Kind] };
}[keyof Answers];

export type Rec =
  /** The node is made. */
  | { readonly kind: "origin"; readonly origin: Origin }
  | { readonly kind: "start"; readonly incarnation: number }
  | { readonly kind: "deliver"; readonly event: IoEvent }
  | { readonly kind: "call"; readonly token: Token; readonly call: Call }
  | { readonly kind: "turn" }
  | { readonly kind: "stop" }
  /** Ends `origin`, `start`, `turn` and `stop`: CRC-32C of what the node did in it. */
  | { readonly kind: "end"; readonly outputs: number }
  /** Instead of `end`. */
  | { readonly kind: "threw"; readonly message: string }
  | { readonly kind: "state"; readonly hash: Uint8Array }
  | Answer;

/** Its place is its number in the format: only ever appended to. */
const KINDS: readonly Rec["kind"][] = [
  "origin",
  "start",
  "deliver",
  "call",
  "turn",
  "stop",
  "end",
  "threw",
  "state",
  "monotonic",
  "wall",
  "draw",
  "buffered",
  "key-hash",
];
const NUMBERS = new Map(KINDS.map((kind, number) => [kind, number]));

/** Gathers records until they are taken. */
export class RecordWriter {
  readonly #writer = new ByteWriter(64 * 1024);
  readonly #values = new ValueWriter(this.#writer);

  get length(): number {
    return this.#writer.length;
  }
  /** Lent until the next record. */
  view(): Uint8Array<ArrayBuffer> {
    return this.#writer.view();
  }
  reset(): void {
    this.#writer.reset();
  }

  write(record: Rec): void {
    const writer = this.#writer;
    writer.u8(NUMBERS.get(record.kind)!);
    switch (record.kind) {
      case "origin":
        return this.#values.value(record.origin);
      case "start":
        return writeVarint(writer, record.incarnation);
      case "deliver":
        return this.#values.value(record.event);
      case "call":
        writeVarint(writer, record.token);
        return this.#values.value(record.call);
      case "turn":
      case "stop":
        return;
      case "end":
        return void writer.u32(record.outputs);
      case "threw":
        return this.#values.string(record.message);
      case "state":
        return void writer.raw(record.hash);
      case "monotonic":
      case "wall":
        return void writer.f64(record.value);
      case "draw":
        return void writer.u32(record.value);
      case "buffered":
        return writeVarint(writer, record.value);
      case "key-hash":
        return this.#values.string(record.value);
    }
  }
}

/** Reads the records of whole chunks, from the recording's first on. Throws `DecodeError`. */
export class RecordReader {
  readonly #values = new ValueReader();
  readonly #chunks: Iterator<Uint8Array>;
  #reader = new ByteReader(new Uint8Array(0));

  constructor(chunks: Iterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.iterator]();
  }

  /** Null at the end. */
  next(): Rec | null {
    while (this.#reader.remaining === 0) {
      const { value, done } = this.#chunks.next();
      if (done === true) return null;
      this.#reader = new ByteReader(value);
    }
    return this.#read(this.#reader);
  }

  #read(reader: ByteReader): Rec {
    const number = reader.u8();
    const kind = KINDS[number];
    if (kind === undefined) throw new DecodeError(`Unknown kind of record: ${number}`);
    switch (kind) {
      case "origin":
        return { kind, origin: this.#values.value(reader) as Origin };
      case "start":
        return { kind, incarnation: readVarint(reader) };
      case "deliver":
        return { kind, event: this.#values.value(reader) as IoEvent };
      case "call":
        return { kind, token: readVarint(reader) as Token, call: this.#values.value(reader) as Call };
      case "turn":
      case "stop":
        return { kind };
      case "end":
        return { kind, outputs: reader.u32() };
      case "threw":
        return { kind, message: this.#values.string(reader) };
      case "state":
        return { kind, hash: reader.raw(STATE_HASH_BYTES) };
      case "monotonic":
      case "wall":
        return { kind, value: reader.f64() };
      case "draw":
        return { kind, value: reader.u32() };
      case "buffered":
        return { kind, value: readVarint(reader) };
      case "key-hash":
        return { kind, value: this.#values.string(reader) };
    }
  }
}
