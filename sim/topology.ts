/** The wires between hosts, one for each direction: how long they take, what they lose, and whether they are cut. */
import type { Draws, Prf } from "./prf.ts";

/** One direction from one host to another. */
export class Wire {
  latencyUs = 500;
  jitterMeanUs = 100;
  bytesPerMs = 100_000;
  /** Frames that are lost and sent again by the transport: those behind them wait. */
  lossPerMillion = 0;
  /** Frames upon which the connection breaks. */
  cutPerMillion = 0;
  dialFailurePerMillion = 0;
  /** Frames of which some bits are flipped. */
  corruptPerMillion = 0;
  /** Added while the wire is clogged. */
  clogUs = 0;
  /** How many faults cut it at present; open at 0. */
  cuts = 0;
  readonly jitterDraws: Draws;
  readonly lossDraws: Draws;
  readonly cutDraws: Draws;
  readonly corruptDraws: Draws;
  readonly dialDraws: Draws;
  /** Frames that were put on it. */
  frames = 0;
  readonly #prf: Prf;
  readonly #name: string;

  constructor(prf: Prf, name: string) {
    this.#prf = prf;
    this.#name = name;
    this.jitterDraws = this.drawsOf("jitter");
    this.lossDraws = this.drawsOf("loss");
    this.cutDraws = this.drawsOf("cut");
    this.corruptDraws = this.drawsOf("corrupt");
    this.dialDraws = this.drawsOf("dial");
  }

  /** Draws of something that happens on this wire; `event` is its number where it has draws of its own. */
  drawsOf(what: string, event?: number): Draws {
    return this.#prf.site(`${what}/${this.#name}${event === undefined ? "" : `/${event}`}`);
  }
}

export class Topology {
  readonly #prf: Prf;
  readonly #nameOf: (host: number) => string;
  readonly #wires = new Map<number, Wire>();

  constructor(prf: Prf, nameOf: (host: number) => string) {
    this.#prf = prf;
    this.#nameOf = nameOf;
  }

  wire(from: number, to: number): Wire {
    const key = from * 256 + to;
    let wire = this.#wires.get(key);
    if (wire === undefined) {
      wire = new Wire(this.#prf, `${this.#nameOf(from)}>${this.#nameOf(to)}`);
      this.#wires.set(key, wire);
    }
    return wire;
  }

  isOpen(from: number, to: number): boolean {
    return this.wire(from, to).cuts === 0;
  }

  all(): Iterable<Wire> {
    return this.#wires.values();
  }
}
