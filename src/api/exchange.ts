/**
 * One side of a bidirectional stream of requests and responses at the server: requests are taken in while few enough
 * are outstanding, so that a fast client is slowed by flow control and never fills the node's memory.
 */
import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { Access } from "./access.ts";
import { serviceErrorOf } from "./failure.ts";
import type { Gate } from "./gate.ts";

export const OUTSTANDING_REQUESTS_LIMIT = 1024;
export const OUTSTANDING_BYTES_LIMIT = 16 * 1024 * 1024;

export class Exchange<Request, Response> {
  readonly #call: ServerDuplexStream<Request, Response>;
  readonly #take: (request: Request) => void;
  #requests = 0;
  #bytes = 0;
  #ended = false;
  #closed = false;
  /** The client does not take its responses as fast as they come. */
  #clogged = false;

  /** `take` starts a request: `begin` first, then `finish` exactly once. */
  constructor(call: ServerDuplexStream<Request, Response>, take: (request: Request) => void) {
    this.#call = call;
    this.#take = take;
  }

  /** Reads requests once the gate has let the caller in, until the client ends or goes away. */
  async run(gate: Gate, access: Access): Promise<void> {
    this.#call.on("error", () => this.#closed = true);
    this.#call.on("cancelled", () => this.#closed = true);
    try {
      await gate.admit(this.#call, access);
    } catch (error) {
      this.#call.emit("error", serviceErrorOf(error));
      return;
    }
    this.#call.on("end", () => {
      this.#ended = true;
      this.#endWhenDone();
    });
    this.#call.on("data", (request: Request) => {
      try {
        this.#take(request);
      } catch (error) {
        this.#call.emit("error", serviceErrorOf(error));
      }
    });
  }

  /** A request of so many bytes is under way. */
  begin(bytes: number): void {
    this.#requests++;
    this.#bytes += bytes;
    if (this.#full || this.#clogged) this.#call.pause();
  }

  /** Its response. */
  finish(bytes: number, response: Response): void {
    const wasFull = this.#full;
    this.#requests--;
    this.#bytes -= bytes;
    if (this.#closed) return;
    if (!this.#call.write(response)) this.#clog();
    if (wasFull && !this.#full && !this.#clogged) this.#call.resume();
    this.#endWhenDone();
  }

  /** Reads no more until what was written has left: a client that asks and never listens is slowed as well. */
  #clog(): void {
    if (this.#clogged) return;
    this.#clogged = true;
    this.#call.pause();
    this.#call.once("drain", () => {
      this.#clogged = false;
      if (!this.#full) this.#call.resume();
    });
  }

  get #full(): boolean {
    return this.#requests >= OUTSTANDING_REQUESTS_LIMIT || this.#bytes >= OUTSTANDING_BYTES_LIMIT;
  }

  #endWhenDone(): void {
    if (this.#ended && this.#requests === 0 && !this.#closed) this.#call.end();
  }
}
