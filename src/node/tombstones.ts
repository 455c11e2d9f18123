/**
 * What is left of streams that were dropped: their names, so that whoever asks for one is told what became of it. That a group
 * is gone for good needs no tombstone: its id is the index of the entry that created it, is given once, and stands in the
 * directory for as long as there is a stream. So the oldest names may be forgotten.
 */
import type { ByteReader, ByteWriter } from "../core/bytes.ts";
import type { GroupId, Index } from "../core/ids.ts";
import { TOMBSTONES_LIMIT } from "../core/limits.ts";
import type { Tombstone } from "./control_records.ts";

export class Tombstones {
  /** In the order in which they were dropped. */
  readonly #byName = new Map<string, Tombstone>();

  get size(): number {
    return this.#byName.size;
  }
  find(name: string): Tombstone | null {
    return this.#byName.get(name) ?? null;
  }

  add(tombstone: Tombstone): void {
    this.#byName.delete(tombstone.name);
    this.#byName.set(tombstone.name, tombstone);
    if (this.#byName.size <= TOMBSTONES_LIMIT) return;
    const [oldest] = this.#byName.keys();
    this.#byName.delete(oldest!);
  }

  /** The name is a stream's again. */
  remove(name: string): void {
    this.#byName.delete(name);
  }

  write(writer: ByteWriter): void {
    writer.u32(this.#byName.size);
    for (const { name, group, droppedAt } of this.#byName.values()) {
      writer.text(name).u64(group).u64(droppedAt);
    }
  }

  static read(reader: ByteReader): Tombstones {
    const tombstones = new Tombstones();
    for (let left = reader.u32(); left > 0; left--) {
      const name = reader.text();
      tombstones.add({ name, group: reader.u64() as GroupId, droppedAt: reader.u64() as Index });
    }
    return tombstones;
  }
}
