/**
 * A recorded node once more: the same code is given the same inputs in the same turns, and its ports answer as they did.
 * What it does then goes nowhere; its checksum is compared after every turn, so that the first turn that differs is named,
 * and its state wherever the recorder took a hash of it.
 */
import { equalBytes, toHex } from "../src/core/bytes.ts";
import type { Crypto, Disk, Io, Network } from "../src/io/mod.ts";
import { type Callers, Node, type Observer } from "../src/node/mod.ts";
import {
  type Answer,
  type Answers,
  groupHash,
  observedCallers,
  observedCrypto,
  observedDisk,
  observedNetwork,
  type Origin,
  Outputs,
  type Rec,
  RecordReader,
  stateHash,
} from "../src/recording/mod.ts";
import { sha256 } from "./sha256.ts";

/** The node asked or did something else than it did when it was recorded. */
export class Divergence extends Error {}

export interface ReplayedGroup {
  readonly name: string;
  readonly applied: number;
  readonly commit: number;
  /** SHA-256 of its state machine's canonical bytes, hexadecimal. */
  readonly hash: string;
}

export interface ReplayReport {
  /** Null where nothing at all was recorded. */
  readonly origin: Origin | null;
  readonly turns: number;
  readonly inputs: number;
  /** Hashes of the state that were compared. */
  readonly states: number;
  /** The last state that was recorded, hexadecimal, "" for none; and in which turn. */
  readonly state: string;
  readonly stateTurn: number;
  /** After the last record, or before the node was stopped. */
  readonly endState: string;
  readonly groups: readonly ReplayedGroup[];
  /** What the node threw when it was recorded, as it does now; else null. */
  readonly threw: string | null;
  /** The first difference; null where the replay is the same. */
  readonly difference: string | null;
}

/** What is wanted of a replay besides its report. */
export interface ReplaySettings {
  /** Stops before this turn. */
  readonly untilTurn?: number;
  /** Told what the node says of itself: in which turn, and when, in milliseconds since it was made. */
  readonly onNote?: (turn: number, atMs: number, text: string) => void;
}

const NOTHING = () => {};
const SILENT_NETWORK: Network = {
  useIdentity: NOTHING,
  listen: NOTHING,
  dial: NOTHING,
  send: NOTHING,
  buffered: () => 0,
  close: NOTHING,
};
const SILENT_DISK: Disk = {
  createFolder: NOTHING,
  append: NOTHING,
  read: NOTHING,
  truncate: NOTHING,
  sync: NOTHING,
  rename: NOTHING,
  remove: NOTHING,
  list: NOTHING,
  syncFolder: NOTHING,
};
const SILENT_CRYPTO: Pick<Crypto, "sha256" | "submit"> = { sha256, submit: NOTHING };
const SILENT_CALLERS: Callers = { reply: NOTHING, push: NOTHING };

export class RecordedRun {
  readonly #records: RecordReader;
  readonly #outputs = new Outputs();
  readonly #settings: ReplaySettings;
  #next: Rec | null;
  #beganMs: number | null = null;
  #nowMs = 0;
  #node: Node | null = null;
  #origin: Origin | null = null;
  #incarnation = 0;
  #turns = 0;
  #inputs = 0;
  #states = 0;
  #state = "";
  #stateTurn = 0;
  #threw: string | null = null;
  /** What it held: a node that has stopped holds nothing any more. */
  #beforeStop: Pick<ReplayReport, "endState" | "groups"> | null = null;

  constructor(chunks: Iterable<Uint8Array>, settings: ReplaySettings = {}) {
    this.#settings = settings;
    this.#records = new RecordReader(chunks);
    this.#next = this.#records.next();
  }

  /** Runs to the end of the recording or to the first difference. Throws what is wrong with the recording itself. */
  run(): ReplayReport {
    let difference: string | null = null;
    try {
      const { untilTurn = Infinity } = this.#settings;
      while (this.#next !== null && (this.#turns + 1 < untilTurn || this.#next.kind !== "turn")) {
        this.#step(this.#take());
      }
    } catch (error) {
      if (!(error instanceof Divergence)) throw error;
      difference = error.message;
    }
    return this.#report(difference);
  }

  #report(difference: string | null): ReplayReport {
    return {
      origin: this.#origin,
      turns: this.#turns,
      inputs: this.#inputs,
      states: this.#states,
      state: this.#state,
      stateTurn: this.#stateTurn,
      ...this.#beforeStop ?? this.#held(),
      threw: this.#threw,
      difference,
    };
  }

  #held(): Pick<ReplayReport, "endState" | "groups"> {
    const inspection = this.#node?.inspect();
    if (inspection === undefined) return { endState: "", groups: [] };
    const groups = inspection.groups.map((group) => ({
      name: group.name,
      applied: group.applied,
      commit: group.commit,
      hash: toHex(groupHash(group, sha256)),
    }));
    return { endState: toHex(stateHash(inspection, sha256)), groups };
  }

  #take(): Rec {
    const record = this.#next;
    if (record === null) throw new Divergence(this.#here("the recording ends within"));
    this.#next = this.#records.next();
    return record;
  }

  #step(record: Rec): void {
    switch (record.kind) {
      case "origin":
        return this.#within(() => this.#make(record.origin));
      case "start":
        this.#incarnation = record.incarnation;
        return this.#within(() => this.#node!.start(record.incarnation));
      case "turn":
        this.#turns += 1;
        return this.#within(() => this.#node!.turn(this.#incarnation));
      case "stop":
        this.#beforeStop = this.#held();
        return this.#within(() => this.#node!.stop());
      case "deliver":
      case "call":
        return this.#give(record);
      case "state":
        return this.#compareState(record.hash);
      default:
        throw new Divergence(this.#here(`the recording goes on with "${record.kind}" behind`));
    }
  }

  #make(origin: Origin): void {
    this.#origin = origin;
    const callers = observedCallers(this.#outputs, SILENT_CALLERS);
    const note = (text: string) => this.#settings.onNote?.(this.#turns, this.#nowMs, text);
    const observer: Observer = { applied: NOTHING, restored: NOTHING, reach: NOTHING, note };
    this.#node = new Node(this.#io(), origin.settings, callers, observer);
  }

  #give(record: Rec & { readonly kind: "deliver" | "call" }): void {
    this.#inputs += 1;
    if (record.kind === "call") this.#node!.call(record.token, record.call);
    else this.#node!.deliver(this.#incarnation, record.event);
  }

  /** What comes in while the node is in something is only noted by it, and so may come at any moment of that. */
  #giveWaiting(): void {
    while (this.#next?.kind === "deliver" || this.#next?.kind === "call") {
      this.#give(this.#take() as Rec & { readonly kind: "deliver" | "call" });
    }
  }

  #within(body: () => void): void {
    let thrown: string | null = null;
    try {
      body();
    } catch (error) {
      if (error instanceof Divergence) throw error;
      thrown = error instanceof Error ? error.message : String(error);
    }
    this.#giveWaiting();
    const record = this.#take();
    if (record.kind === "threw" && record.message === thrown) this.#threw = thrown;
    else if (thrown !== null) throw new Divergence(this.#here(`the node throws "${thrown}" in`));
    else if (record.kind !== "end") {
      throw new Divergence(this.#here(`the node did not go on to "${record.kind}" as recorded in`));
    } else if (record.outputs !== this.#outputs.take()) {
      throw new Divergence(this.#here("the node does something else than recorded in"));
    }
  }

  #compareState(recorded: Uint8Array): void {
    this.#states += 1;
    this.#state = toHex(recorded);
    this.#stateTurn = this.#turns;
    if (equalBytes(recorded, stateHash(this.#node!.inspect(), sha256))) return;
    throw new Divergence(this.#here("the state differs from the recorded one after"));
  }

  #answer<Kind extends keyof Answers>(kind: Kind): Answers[Kind] {
    this.#giveWaiting();
    const record = this.#take();
    if (record.kind === kind) return (record as Answer).value as Answers[Kind];
    throw new Divergence(this.#here(`the node asks for "${kind}" where "${record.kind}" was recorded, in`));
  }

  #here(what: string): string {
    return `${what} ${this.#turns === 0 ? "its start" : `turn ${this.#turns}`}`;
  }

  #io(): Io {
    const outputs = this.#outputs;
    return {
      clock: {
        monotonicMs: () => {
          const readMs = this.#answer("monotonic");
          this.#beganMs ??= readMs;
          this.#nowMs = readMs - this.#beganMs;
          return readMs;
        },
        wallMs: () => this.#answer("wall"),
        requestTurn: NOTHING,
        wakeAt: (atMs) => outputs.did("wake-at", atMs),
      },
      random: { draw: () => this.#answer("draw") },
      network: observedNetwork(outputs, SILENT_NETWORK, () => this.#answer("buffered")),
      disk: observedDisk(outputs, SILENT_DISK),
      crypto: observedCrypto(outputs, SILENT_CRYPTO, () => this.#answer("key-hash")),
    };
  }
}
