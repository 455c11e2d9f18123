/**
 * The replicated key-value: replicated state of the control group. A key's version is the log index of its last
 * write, so it rises with every change and never repeats.
 */
import type { ByteReader, ByteWriter } from "../core/bytes.ts";
import type { Index } from "../core/ids.ts";
import { KEY_VALUE_BYTES_LIMIT, LIST_BYTES_LIMIT } from "../core/limits.ts";
import type { KeyValue } from "./calls.ts";

/** At most; a count of the bytes would encode every key. */
const UTF8_BYTES_PER_UNIT = 3;

/** version 0: nothing was changed. */
export type KeyValueOutcome =
  | { readonly kind: "written"; readonly version: number }
  | { readonly kind: "compare-failed"; readonly version: number }
  | { readonly kind: "not-found" }
  | { readonly kind: "full" };

export class KeyValues {
  readonly #entries = new Map<string, KeyValue>();
  #bytes = 0;

  get size(): number {
    return this.#entries.size;
  }
  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): KeyValue | null {
    return this.#entries.get(key) ?? null;
  }

  put(index: Index, key: string, value: Uint8Array, expectedVersion: number | null): KeyValueOutcome {
    const old = this.#entries.get(key);
    const version = old?.version ?? 0;
    if (expectedVersion !== null && expectedVersion !== version) return { kind: "compare-failed", version };
    const grown = this.#bytes - sizeOf(old) + key.length + value.length;
    if (grown > KEY_VALUE_BYTES_LIMIT) return { kind: "full" };
    this.#bytes = grown;
    this.#entries.set(key, { key, value, version: index });
    return { kind: "written", version: index };
  }

  delete(index: Index, key: string, expectedVersion: number | null): KeyValueOutcome {
    const old = this.#entries.get(key);
    if (old === undefined) {
      return expectedVersion === null || expectedVersion === 0
        ? { kind: "not-found" }
        : { kind: "compare-failed", version: 0 };
    }
    if (expectedVersion !== null && expectedVersion !== old.version) {
      return { kind: "compare-failed", version: old.version };
    }
    this.#bytes -= sizeOf(old);
    this.#entries.delete(key);
    return { kind: "written", version: index };
  }

  /** Keys with `prefix` after `afterKey`, sorted by code units: so many, and no more than one answer carries. */
  list(prefix: string, afterKey: string, limit: number): { entries: KeyValue[]; more: boolean } {
    const keys: string[] = [];
    for (const key of this.#entries.keys()) if (key.startsWith(prefix) && key > afterKey) keys.push(key);
    keys.sort(byCodeUnits);
    const entries: KeyValue[] = [];
    let bytes = 0;
    for (const key of keys) {
      const entry = this.#entries.get(key)!;
      bytes += UTF8_BYTES_PER_UNIT * key.length + entry.value.length;
      if (entries.length === limit || (entries.length > 0 && bytes > LIST_BYTES_LIMIT)) break;
      entries.push(entry);
    }
    return { entries, more: keys.length > entries.length };
  }

  /** What differs from an earlier state, deleted keys last: null and version 0. */
  changesSince(before: KeyValues): { key: string; value: Uint8Array | null; version: number }[] {
    const changes: { key: string; value: Uint8Array | null; version: number }[] = [];
    for (const entry of this.#entries.values()) {
      if (before.get(entry.key)?.version !== entry.version) changes.push(entry);
    }
    changes.sort((a, b) => a.version - b.version);
    for (const key of [...before.#entries.keys()].sort(byCodeUnits)) {
      if (!this.#entries.has(key)) changes.push({ key, value: null, version: 0 });
    }
    return changes;
  }

  /** Sorted, so that equal contents give equal bytes whatever the order of writing. */
  write(writer: ByteWriter): void {
    const keys = [...this.#entries.keys()].sort(byCodeUnits);
    writer.u32(keys.length);
    for (const key of keys) {
      const entry = this.#entries.get(key)!;
      writer.text(key).blob(entry.value).u64(entry.version);
    }
  }

  static read(reader: ByteReader): KeyValues {
    const all = new KeyValues();
    for (let left = reader.u32(); left > 0; left--) {
      const key = reader.text();
      const entry = { key, value: reader.blob().slice(), version: reader.u64() };
      all.#entries.set(key, entry);
      all.#bytes += sizeOf(entry);
    }
    return all;
  }
}

function sizeOf(entry: KeyValue | undefined): number {
  return entry === undefined ? 0 : entry.key.length + entry.value.length;
}

function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
