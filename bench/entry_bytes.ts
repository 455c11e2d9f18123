/**
 * What a node keeps in memory for each entry that it retains because somebody is away: in the write-ahead log, in the
 * consensus core and in the stream's state. Entries come from the outbox, one a batch, as at a stream's source.
 */
import v8 from "node:v8";
import { runInNewContext } from "node:vm";
import type { GroupId, Index, MemberId, Offset, Term } from "../src/core/ids.ts";
import { EntryKind } from "../src/raft/mod.ts";
import { Log } from "../src/raft/log.ts";
import { BatchIndex } from "../src/stream/batch_index.ts";
import type { Benchmark, Figure } from "./figure.ts";
import { logWithoutDisk } from "./no_disk.ts";

/** Not a power of two, where columns that grow by doubling would have nothing to spare. */
const ENTRIES = 600_000;
const ENTRY_BYTES = 100;
/** First, so that the cache is full. */
const WARM_UP_ENTRIES = 50_000;
const GROUP = 1 as GroupId;
const TERM = 1 as Term;

export const entryBytes: Benchmark = {
  name: "wal.entry_bytes",
  run: () => Promise.resolve([ofLog(), ofConsensus(), ofStream()]),
};

function ofLog(): Figure {
  const { wal, settle } = logWithoutDisk();
  wal.openGroup(GROUP, 1);
  const bytes = new Uint8Array(ENTRY_BYTES);
  const append = (index: number) => {
    wal.appendOutbox(index, GROUP, 1, bytes);
    wal.appendFromOutbox(GROUP, 1, index as Index, TERM, index);
    if (index > 1) wal.releaseOutbox(index - 1);
    wal.flush();
    settle();
  };
  for (let index = 1; index <= WARM_UP_ENTRIES; index++) append(index);
  const each = growth(() => {
    for (let i = 1; i <= ENTRIES; i++) append(WARM_UP_ENTRIES + i);
    return wal;
  });
  return figure("wal.entry_bytes", each, 24, "the write-ahead log's table, of each entry that it holds");
}

function ofConsensus(): Figure {
  const configuration = { incoming: [1 as MemberId], outgoing: [], learners: [] };
  const each = growth(() => {
    const log = new Log({ index: 0 as Index, term: 0 as Term }, configuration);
    for (let index = 1; index <= ENTRIES; index++) {
      const entry = { kind: EntryKind.Command, lengthBytes: ENTRY_BYTES, configuration: null };
      log.append({ index: index as Index, term: TERM, ...entry });
    }
    return log;
  });
  return figure("raft.entry_bytes", each, 24, "the consensus core's log, of each entry");
}

function ofStream(): Figure {
  const each = growth(() => {
    const index = new BatchIndex();
    for (let i = 1; i <= ENTRIES; i++) index.push(i as Index, 10 * i as Offset, ENTRY_BYTES);
    return index;
  });
  return figure("stream.batch_bytes", each, undefined, "the stream's index, of each retained batch");
}

function figure(name: string, value: number, goal: number | undefined, what: string): Figure {
  const rest = goal === undefined ? {} : { goal };
  return { name, value, unit: "B", better: "lower", what: `${what}; ${ENTRIES} of them`, ...rest };
}

/** By how many bytes an entry what is reachable has grown, while what `make` returns is. */
function growth(make: () => unknown): number {
  const before = reachableBytes();
  const kept = make();
  const after = reachableBytes();
  if (kept === undefined) throw new Error("Nothing was kept");
  return (after - before) / ENTRIES;
}

function reachableBytes(): number {
  v8.setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let i = 0; i < 3; i++) collect();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}
