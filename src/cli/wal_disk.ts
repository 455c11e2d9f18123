/**
 * The disk port over the files of a stopped node, for looking at them: reads are real, and whatever would change a file is
 * said to be done and is not. So recovery runs as it does at a start, and a torn tail stays for the node to cut.
 */
import { type Flow, Flows, TokenSource } from "../core/flow.ts";
import type { Token } from "../core/ids.ts";
import type { Disk, DiskEvent, FileEntry } from "../io/mod.ts";

const NO_BYTES = new Uint8Array(0);

export class ReadingDisk implements Disk {
  readonly #folder: string;
  #done: DiskEvent[] = [];

  constructor(folder: string) {
    this.#folder = folder;
  }

  createFolder(_path: string, token: Token): void {
    this.#succeed(token);
  }
  append(_path: string, _bytes: Uint8Array<ArrayBuffer>, token: Token): void {
    this.#succeed(token);
  }
  truncate(_path: string, _length: number, token: Token): void {
    this.#succeed(token);
  }
  sync(_path: string, token: Token): void {
    this.#succeed(token);
  }
  rename(_from: string, _to: string, token: Token): void {
    this.#succeed(token);
  }
  remove(_path: string, token: Token): void {
    this.#succeed(token);
  }
  syncFolder(_path: string, token: Token): void {
    this.#succeed(token);
  }

  read(path: string, offset: number, length: number, token: Token): void {
    try {
      this.#succeed(token, readAt(`${this.#folder}/${path}`, offset, length));
    } catch (error) {
      const code = error instanceof Deno.errors.NotFound ? "NOT_FOUND" : "FAILED";
      const message = `Cannot read ${path}: ${(error as Error).message}`;
      this.#done.push({ kind: "disk", token, ok: false, code, message });
    }
  }

  list(path: string, token: Token): void {
    const entries: FileEntry[] = [];
    try {
      for (const { name, isFile } of Deno.readDirSync(`${this.#folder}/${path}`)) {
        if (!isFile) continue;
        entries.push({ name, sizeBytes: Deno.statSync(`${this.#folder}/${path}/${name}`).size });
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    entries.sort((a, b) => a.name < b.name ? -1 : 1);
    this.#done.push({ kind: "disk", token, ok: true, bytes: NO_BYTES, entries });
  }

  /** The oldest completion that was not taken. */
  take(): DiskEvent | null {
    return this.#done.shift() ?? null;
  }

  #succeed(token: Token, bytes: Uint8Array<ArrayBuffer> = NO_BYTES): void {
    this.#done.push({ kind: "disk", token, ok: true, bytes, entries: [] });
  }
}

/** Runs flows over a reading disk to their ends. */
export class Looker {
  readonly disk: ReadingDisk;
  readonly tokens = new TokenSource();
  readonly #flows = new Flows<DiskEvent>(this.tokens);

  constructor(folder: string) {
    this.disk = new ReadingDisk(folder);
  }

  /** Throws what the flow threw. */
  run<Result>(flow: Flow<Result, DiskEvent>): Result {
    let ended: { readonly result: Result } | { readonly error: unknown } | null = null;
    this.#flows.start(flow, (result) => ended = { result }, (error) => ended = { error });
    this.pump(() => false);
    const outcome = ended as { readonly result: Result } | { readonly error: unknown } | null;
    if (outcome === null) throw new Error("A flow waits for what a disk does not give");
    if ("error" in outcome) throw outcome.error;
    return outcome.result;
  }

  /** Hands out completions until there are none; `other` takes those that no flow waits for. */
  pump(other: (event: DiskEvent) => boolean): void {
    for (let event = this.disk.take(); event !== null; event = this.disk.take()) {
      if (!this.#flows.resume(event.token, event)) other(event);
    }
  }
}

function readAt(path: string, offset: number, length: number): Uint8Array<ArrayBuffer> {
  using file = Deno.openSync(path);
  const size = file.statSync().size;
  const bytes = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
  file.seekSync(offset, Deno.SeekMode.Start);
  let at = 0;
  while (at < bytes.length) {
    const count = file.readSync(bytes.subarray(at));
    if (count === null) return bytes.slice(0, at);
    at += count;
  }
  return bytes;
}
