/** A disk that completes everything at once and keeps nothing: what is left is what the log itself costs. */
import { Flows, TokenSource } from "../src/core/flow.ts";
import type { Token } from "../src/core/ids.ts";
import type { Disk, DiskEvent } from "../src/io/mod.ts";
import { Wal } from "../src/wal/mod.ts";

class NoDisk implements Disk {
  readonly events: DiskEvent[] = [];
  createFolder = (_path: string, token: Token) => this.#done(token);
  append = (_path: string, _bytes: Uint8Array, token: Token) => this.#done(token);
  read = (_path: string, _offset: number, _length: number, token: Token) => this.#done(token);
  truncate = (_path: string, _length: number, token: Token) => this.#done(token);
  sync = (_path: string, token: Token) => this.#done(token);
  rename = (_from: string, _to: string, token: Token) => this.#done(token);
  remove = (_path: string, token: Token) => this.#done(token);
  list = (_path: string, token: Token) => this.#done(token);
  syncFolder = (_path: string, token: Token) => this.#done(token);

  #done(token: Token): void {
    this.events.push({ kind: "disk", token, ok: true, bytes: new Uint8Array(0), entries: [] });
  }
}

/** An empty log on such a disk, and what completes all that it has submitted. */
export function logWithoutDisk(): { readonly wal: Wal; settle(): void } {
  const disk = new NoDisk();
  const tokens = new TokenSource();
  const flows = new Flows<DiskEvent>(tokens);
  const wal = new Wal({ folder: "wal", segmentBytes: 64 << 20, cacheBytes: 4 << 20 }, disk, tokens);
  const settle = () => {
    for (let event = disk.events.shift(); event !== undefined; event = disk.events.shift()) {
      if (!flows.resume(event.token, event)) wal.onDisk(event);
    }
  };
  flows.start(wal.recover(), () => {}, (error) => {
    throw error;
  });
  settle();
  return { wal, settle };
}
