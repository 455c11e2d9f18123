/**
 * How long the write-ahead log takes to be recovered from 1 GiB on the disk: on the real disk port, from the first
 * read until all groups are known. Entries of 1 KiB, as many small ones are the harder case.
 */
import { Flows, TokenSource } from "../src/core/flow.ts";
import type { GroupId, Index, Term } from "../src/core/ids.ts";
import type { DiskEvent, IoEvent } from "../src/io/mod.ts";
import { DenoPlatform } from "../src/platform/mod.ts";
import { type AppendedEntry, Wal, type WalRecovery } from "../src/wal/mod.ts";
import type { Benchmark, Figure } from "./figure.ts";

const LOG_BYTES = 1024 * 1024 * 1024;
const ENTRY_BYTES = 1024;
const ENTRIES_PER_BATCH = 256;
const GROUPS = 4;
const SEGMENT_BYTES = 64 * 1024 * 1024;

export const walRestart: Benchmark = { name: "wal.restart_1gb", run: measure };

async function measure(): Promise<Figure[]> {
  const folder = await Deno.makeTempDir({ prefix: "sennit-bench-" });
  try {
    await withLog(folder, write);
    const began = performance.now();
    const entries = await withLog(folder, (_log, { groups }) => {
      let count = 0;
      for (const group of groups) count += group.entries.length;
      return Promise.resolve(count);
    });
    const seconds = (performance.now() - began) / 1000;
    if (entries !== LOG_BYTES / ENTRY_BYTES) throw new Error(`The log has lost entries: ${entries}`);
    return [{
      name: "wal.restart_1gb",
      value: seconds,
      unit: "s",
      better: "lower",
      goal: 5,
      what: `recovery of a log of 1 GiB, ${entries} entries of ${GROUPS} groups`,
    }];
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

interface Log {
  readonly wal: Wal;
  /** Flushes what was gathered and waits until it is durable. */
  flush(): Promise<void>;
}

/** Opens the log in a folder on the real disk port, for `body`. */
async function withLog<Result>(
  folder: string,
  body: (log: Log, recovery: WalRecovery) => Promise<Result>,
): Promise<Result> {
  const platform = await DenoPlatform.open({ folder });
  try {
    const tokens = new TokenSource();
    const flows = new Flows<DiskEvent>(tokens);
    const wal = new Wal(
      { folder: "wal", segmentBytes: SEGMENT_BYTES, cacheBytes: 1024 * 1024 },
      platform.io.disk,
      tokens,
    );
    let durable: () => void = () => {};
    platform.attach(1, {
      deliver: (_incarnation: number, event: IoEvent) => {
        if (event.kind !== "disk") return;
        if (!flows.resume(event.token, event)) wal.onDisk(event);
        if (!wal.busy) durable();
      },
      turn: () => {},
    });
    const recovery = await new Promise<WalRecovery>((resolve, reject) => {
      flows.start(wal.recover(), resolve, reject);
    });
    const flush = () =>
      new Promise<void>((resolve) => {
        durable = resolve;
        wal.flush();
      });
    return await body({ wal, flush }, recovery);
  } finally {
    await platform.close();
  }
}

async function write({ wal, flush }: Log): Promise<void> {
  for (let group = 1; group <= GROUPS; group++) wal.openGroup(group as GroupId, 0);
  const bytes = new Uint8Array(ENTRY_BYTES).map((_, at) => at * 7);
  const rounds = LOG_BYTES / ENTRY_BYTES / ENTRIES_PER_BATCH;
  const next = new Array<number>(GROUPS + 1).fill(1);
  for (let round = 0; round < rounds; round++) {
    const group = round % GROUPS + 1;
    const entries: AppendedEntry[] = [];
    for (let i = 0; i < ENTRIES_PER_BATCH; i++) {
      entries.push({ index: next[group]!++ as Index, term: 1 as Term, kind: 0, bytes });
    }
    wal.appendEntries(group as GroupId, 0, entries);
    await flush();
  }
}
