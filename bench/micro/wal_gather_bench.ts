/** A batch of the write-ahead log from gathering to durable, on a disk that costs nothing: what the log itself costs. */
import type { GroupId, Index, Term } from "../../src/core/ids.ts";
import { EntryKind } from "../../src/raft/mod.ts";
import { logWithoutDisk } from "../no_disk.ts";

const GROUP = 1 as GroupId;
const TERM = 1 as Term;
const KEPT_ENTRIES = 10_000;

for (const [entries, length] of [[1, 128], [64, 128], [1, 36_000]] as const) {
  const { wal, settle } = logWithoutDisk();
  wal.openGroup(GROUP, 1);
  const bytes = new Uint8Array(length);
  let next = 1;
  Deno.bench(`Wal: a batch of ${entries} entries of ${length} bytes`, () => {
    const batch = [];
    for (let i = 0; i < entries; i++) {
      batch.push({ index: next++ as Index, term: TERM, kind: EntryKind.Command, bytes });
    }
    wal.appendEntries(GROUP, 1, batch);
    if (next % KEPT_ENTRIES < entries) wal.setBase(GROUP, 1, { index: next - 1 as Index, term: TERM });
    wal.flush();
    settle();
  });
}
