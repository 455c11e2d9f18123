/**
 * Linearizable reads of the control state: each asks the group for a read index, waits until that is applied here, and
 * then looks. A read changes nothing, so it is asked again where leadership changed meanwhile.
 */
import { SennitError } from "../core/errors.ts";
import { PENDING_CALLS_LIMIT } from "../core/limits.ts";
import type { Group } from "./group.ts";

const RETRY_MS = 20;

interface Read {
  readonly answer: () => void;
  readonly failed: (error: SennitError) => void;
  readonly deadlineMs: number;
  /** The name under which it is with the group; 0 while it waits to be asked again. */
  context: number;
  retryAtMs: number;
}

export class Reads {
  readonly #reads = new Set<Read>();
  /** All reads of one turn share a round of the group. */
  readonly #asked = new Map<number, Read[]>();
  #next = 1;

  get size(): number {
    return this.#reads.size;
  }

  /** `answer` is called once the state reflects everything that was committed before this call. */
  add(answer: () => void, failed: (error: SennitError) => void, now: number, timeoutMs: number): void {
    if (this.#reads.size >= PENDING_CALLS_LIMIT) {
      failed(new SennitError("OVERLOADED", `${PENDING_CALLS_LIMIT} reads wait at this node: repeat later`));
      return;
    }
    this.#reads.add({ answer, failed, deadlineMs: now + timeoutMs, context: 0, retryAtMs: now });
  }

  /** Asks for what waits; true where something was asked. */
  work(group: Group, now: number): boolean {
    if (this.#reads.size === 0) return false;
    for (const context of group.takeFailedReads()) {
      for (const read of this.#take(context)) {
        read.context = 0;
        read.retryAtMs = now + RETRY_MS;
      }
    }
    for (const context of group.takeReads()) {
      for (const read of this.#take(context)) {
        this.#reads.delete(read);
        read.answer();
      }
    }
    const round: Read[] = [];
    for (const read of this.#reads) {
      if (read.deadlineMs <= now) {
        this.#reads.delete(read);
        read.failed(
          new SennitError("NO_LEADER", "No majority of the group confirmed the read in time: repeat it"),
        );
      } else if (read.context === 0 && read.retryAtMs <= now) {
        read.context = this.#next;
        round.push(read);
      }
    }
    if (round.length === 0) return false;
    this.#asked.set(this.#next, round);
    group.raft.readIndex(this.#next++, now);
    return true;
  }

  deadline(): number {
    let earliest = Infinity;
    for (const read of this.#reads) {
      earliest = Math.min(earliest, read.deadlineMs, read.context === 0 ? read.retryAtMs : Infinity);
    }
    return earliest;
  }

  failAll(error: SennitError): void {
    for (const read of this.#reads) read.failed(error);
    this.#reads.clear();
    this.#asked.clear();
  }

  /** The reads of a round that still wait. */
  #take(context: number): Read[] {
    const round = this.#asked.get(context) ?? [];
    this.#asked.delete(context);
    return round.filter((read) => this.#reads.has(read));
  }
}
