/**
 * What a watch of the key-value is shown: every change after its begin, once, in the order of the log, and true. Where a snapshot
 * took the place of changes at its node, it is shown what came of them: then the last word about each key counts (the
 * guarantees that etcd's robustness tests ask of a watch: ordered, unique, reliable, resumable).
 */
import { crc32c } from "../../src/core/crc32c.ts";
import { decodeControlCommand } from "../../src/node/control_commands.ts";
import { EntryKind } from "../../src/raft/mod.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

interface Change {
  readonly index: number;
  readonly key: string;
  /** CRC-32C of the value, -1 for a key that was deleted. */
  readonly crc: number;
}

interface Watch {
  readonly host: string;
  readonly prefix: string;
  /** Changes up to here were shown or came before its begin. */
  at: number;
  /** A snapshot jumped over changes: single ones may be missing from here on. */
  hasGap: boolean;
  /** What was shown last of each key. */
  readonly last: Map<string, number>;
}

export class Watches implements Checker {
  readonly name = "watch-complete";
  /** Changes shown. */
  inputs = 0;
  /** Watches that lived through a snapshot. */
  gaps = 0;
  readonly #changes: Change[] = [];
  readonly #versions = new Map<string, number>();
  #applied = 0;
  readonly #watches = new Map<number, Watch>();
  /** By host: up to where a snapshot took the place of its state last. */
  readonly #restored = new Map<string, number>();

  /** An entry of the control group was applied; the first time counts. */
  applied(group: number, index: number, kind: number, bytes: Uint8Array): void {
    if (group !== 0 || index <= this.#applied) return;
    this.#applied = index;
    if (kind !== EntryKind.Command) return;
    const command = decodeControlCommand(bytes);
    if (command.kind !== "kv-put" && command.kind !== "kv-delete") return;
    const { key, expectedVersion } = command;
    const version = this.#versions.get(key) ?? 0;
    if (expectedVersion !== null && expectedVersion !== version) return;
    if (command.kind === "kv-delete") {
      if (version === 0) return;
      this.#versions.delete(key);
      this.#changes.push({ index, key, crc: -1 });
    } else {
      this.#versions.set(key, index);
      this.#changes.push({ index, key, crc: crc32c(command.value) });
    }
  }

  /** A snapshot up to `index` took the place of the control state of a node. */
  restored(host: string, group: number, index: number): void {
    if (group !== 0) return;
    this.#restored.set(host, index);
    for (const watch of this.#watches.values()) {
      if (watch.host !== host || watch.hasGap) continue;
      watch.hasGap = true;
      this.gaps += 1;
    }
  }

  /** A client hears that its watch begins after `version`, which may have been on the way for long. */
  opened(token: number, host: string, prefix: string, version: number): void {
    const hasGap = version < (this.#restored.get(host) ?? 0);
    this.#watches.set(token, { host, prefix, at: version, hasGap, last: new Map() });
  }

  ended(token: number): void {
    this.#watches.delete(token);
  }

  shown(token: number, key: string, value: Uint8Array | null, version: number): void {
    const watch = this.#watches.get(token);
    if (watch === undefined) return;
    this.inputs += 1;
    const crc = value === null ? -1 : crc32c(value);
    if (watch.hasGap) this.#checkTrue(watch, key, crc, version);
    else this.#checkNext(watch, key, crc, version);
    watch.last.set(key, crc);
  }

  /** The mesh has converged: whatever was to be shown has been. */
  checkFinal(): void {
    for (const watch of this.#watches.values()) {
      if (!watch.hasGap) {
        const missed = this.#next(watch);
        if (missed !== undefined) {
          this.#fail(watch, `was never shown what entry ${missed.index} did to ${missed.key}`);
        }
        continue;
      }
      const states = new Map<string, number>();
      for (const { index, key, crc } of this.#changes) if (index > watch.at) states.set(key, crc);
      for (const [key, crc] of states) {
        if (!key.startsWith(watch.prefix) || watch.last.get(key) === crc) continue;
        // A key that came and went while nobody looked differs from nothing.
        if (crc === -1 && !watch.last.has(key)) continue;
        this.#fail(watch, `was never shown what became of ${key}`);
      }
    }
  }

  #checkNext(watch: Watch, key: string, crc: number, version: number): void {
    const next = this.#next(watch);
    if (next?.key === key && next.crc === crc && next.index === version) {
      watch.at = version;
      return;
    }
    const expected = next === undefined ? "nothing" : `${next.key} at ${next.index}`;
    this.#fail(watch, `is shown ${key} at ${version}, next is ${expected}`);
  }

  #checkTrue(watch: Watch, key: string, crc: number, version: number): void {
    const known = this.#changes.findLast((change) => change.key === key && change.index <= version);
    const isTrue = known === undefined
      ? crc === -1
      : known.crc === crc && (crc === -1 || known.index === version);
    if (!isTrue) this.#fail(watch, `is shown a ${key} at ${version} that never was`);
  }

  #next({ at, prefix }: Watch): Change | undefined {
    let low = 0;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#changes[middle]!.index <= at) low = middle + 1;
      else high = middle;
    }
    while (low < this.#changes.length && !this.#changes[low]!.key.startsWith(prefix)) low++;
    return this.#changes[low];
  }

  #fail({ host, prefix, at }: Watch, what: string): never {
    throw new SafetyViolation(
      this.name,
      `a watch of ${prefix} at ${host}, which has seen up to ${at}, ${what}`,
    );
  }
}
