/**
 * Stands between a node and its ports and writes down all that the node learns: events and calls with the turn that takes
 * them in, readings of clocks, draws. The node does not notice, and nothing that it does waits for the recording.
 *
 * What was gathered is handed on at the end of a turn, so that the death of the process costs the turn that it dies in.
 */
import { assert } from "../core/assert.ts";
import type { Token } from "../core/ids.ts";
import type { Inbox, Io, IoEvent } from "../io/mod.ts";
import type { Call, Callers, NodeInspection, NodeSettings } from "../node/mod.ts";
import { observedCallers, observedCrypto, observedDisk, observedNetwork, Outputs } from "./outputs.ts";
import { type Answer, type Answers, type Rec, RecordWriter } from "./records.ts";
import { stateHash } from "./state_hash.ts";

/** Inputs that wait for a turn are handed on when they are so many bytes. */
const GATHERED_LIMIT_BYTES = 256 * 1024;
const STATE_INTERVAL_MS = 500;
/** A hash of the state is taken so seldom that it costs at most one part in so many of the node's time. */
const STATE_COST_SHARE = 50;
/** A state that takes longer is hashed only once more, at the stop: a turn must not keep peers waiting. */
const STATE_COST_LIMIT_MS = 100;

/** Takes whole records, in order. False: nothing more is taken, and recording ends. */
export type RecordSink = (records: Uint8Array<ArrayBuffer>) => boolean;

/** What drives a node: the platform, a client's face, the process. */
export interface Driven extends Inbox {
  start(incarnation: number): void;
  call(token: Token, call: Call): void;
  stop(): void;
}

export class Recorder {
  readonly #records = new RecordWriter();
  readonly #outputs = new Outputs();
  readonly #sink: RecordSink;
  #isOn = true;
  /** The node is being made, or in something that ends with `end`. */
  #isWithin = true;
  #stateDueMs = -Infinity;
  /** How far its groups had applied at the last hash: a state changes by nothing else. */
  #hashedAt = "";

  constructor(sink: RecordSink, version: string, settings: NodeSettings) {
    assert(settings.machines === undefined, "an application's state machines cannot be recorded");
    this.#sink = sink;
    this.#write({ kind: "origin", origin: { version, settings } });
  }

  /** The ports that the node is made with. */
  io(io: Io): Io {
    const outputs = this.#outputs;
    return {
      clock: {
        monotonicMs: () => this.#answer("monotonic", io.clock.monotonicMs()),
        wallMs: () => this.#answer("wall", io.clock.wallMs()),
        requestTurn: () => io.clock.requestTurn(),
        wakeAt: (atMs) => {
          outputs.did("wake-at", atMs);
          io.clock.wakeAt(atMs);
        },
      },
      random: { draw: (site, n) => this.#answer("draw", io.random.draw(site, n)) },
      network: observedNetwork(
        outputs,
        io.network,
        (connection) => this.#answer("buffered", io.network.buffered(connection)),
      ),
      disk: observedDisk(outputs, io.disk),
      crypto: observedCrypto(
        outputs,
        io.crypto,
        (key) => this.#answer("key-hash", io.crypto.publicKeyHash(key)),
      ),
    };
  }

  callers(callers: Callers): Callers {
    return observedCallers(this.#outputs, callers);
  }

  /** What to drive in the place of the node, which was just made. */
  driven(node: Driven & { inspect(): NodeInspection }, io: Io): Driven {
    this.#end();
    const within = (record: Rec, body: () => void) => {
      this.#within(record, body);
      if (io.clock.monotonicMs() >= this.#stateDueMs) this.#writeState(node, io, false);
    };
    return {
      start: (incarnation) => within({ kind: "start", incarnation }, () => node.start(incarnation)),
      turn: (incarnation) => within({ kind: "turn" }, () => node.turn(incarnation)),
      stop: () => {
        // A node that has stopped holds nothing any more.
        this.#writeState(node, io, true);
        this.#within({ kind: "stop" }, () => node.stop());
        this.#stateDueMs = Infinity;
      },
      deliver: (incarnation: number, event: IoEvent) => {
        this.#write({ kind: "deliver", event });
        node.deliver(incarnation, event);
      },
      call: (token, call) => {
        this.#write({ kind: "call", token, call });
        node.call(token, call);
      },
    };
  }

  #within(record: Rec, body: () => void): void {
    this.#write(record);
    this.#isWithin = true;
    try {
      body();
    } catch (error) {
      this.#isWithin = false;
      this.#write({ kind: "threw", message: error instanceof Error ? error.message : String(error) });
      this.#flush();
      throw error;
    }
    this.#end();
  }

  #end(): void {
    this.#isWithin = false;
    this.#write({ kind: "end", outputs: this.#outputs.take() });
    this.#flush();
  }

  #writeState(node: { inspect(): NodeInspection }, { clock, crypto }: Io, isLast: boolean): void {
    if (!this.#isOn) return;
    const nowMs = clock.monotonicMs();
    this.#stateDueMs = nowMs + STATE_INTERVAL_MS;
    const inspection = node.inspect();
    const at = inspection.groups.map(({ group, generation, applied }) => `${group}/${generation}/${applied}`);
    if (at.join() === this.#hashedAt && !isLast) return;
    this.#hashedAt = at.join();
    this.#write({ kind: "state", hash: stateHash(inspection, (bytes) => crypto.sha256(bytes)) });
    this.#flush();
    const doneMs = clock.monotonicMs();
    const costMs = doneMs - nowMs;
    this.#stateDueMs = costMs > STATE_COST_LIMIT_MS
      ? Infinity
      : doneMs + Math.max(STATE_INTERVAL_MS, STATE_COST_SHARE * costMs);
  }

  #answer<Kind extends keyof Answers>(kind: Kind, value: Answers[Kind]): Answers[Kind] {
    assert(this.#isWithin, "a node asks its ports only when it is made to do something");
    this.#write({ kind, value } as Answer);
    return value;
  }

  #write(record: Rec): void {
    if (!this.#isOn) return;
    this.#records.write(record);
    if (!this.#isWithin && this.#records.length > GATHERED_LIMIT_BYTES) this.#flush();
  }

  #flush(): void {
    if (!this.#isOn || this.#records.length === 0) return;
    this.#isOn = this.#sink(this.#records.view());
    this.#records.reset();
  }
}
