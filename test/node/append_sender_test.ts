import { assertEquals } from "@std/assert";
import type { GroupId, Index, MemberId, Term } from "../../src/core/ids.ts";
import { AppendSender } from "../../src/node/append_sender.ts";
import { EntryKind, type Outgoing } from "../../src/raft/mod.ts";
import type { LoadedEntry } from "../../src/wal/mod.ts";

const GROUP = 0 as GroupId;
const TERM = 2 as Term;

/** A log of one term whose contents are all on the disk, and what was asked for and sent. */
class Disk {
  readonly loads: string[] = [];
  readonly sent: string[] = [];
  readonly sender: AppendSender;
  #last: number;

  constructor(last: number) {
    this.#last = last;
    const entry = (_group: GroupId, index: Index) =>
      index > this.#last
        ? null
        : { term: TERM, kind: EntryKind.Command, bytes: null, crc: 0, damaged: false } as never;
    const load = (_group: GroupId, first: Index, last: Index) => this.loads.push(`${first}-${last}`);
    this.sender = new AppendSender(GROUP, { entry, load } as never, (to, append, bytes) => {
      this.sent.push(`${to}: ${append.previousIndex}+${bytes.length}, commit ${append.commit}`);
    });
  }

  truncate(last: number): void {
    this.#last = last;
  }
  loaded(request: number, first: number, last: number): void {
    const entries: LoadedEntry[] = [];
    for (let index = first; index <= last; index++) {
      entries.push({
        index: index as Index,
        term: TERM,
        kind: EntryKind.Command,
        bytes: new Uint8Array([index]),
      });
    }
    this.sender.loaded(request, entries);
  }
}

function append(to: number, first: number, last: number, commit = 0): Outgoing {
  const entries = [];
  for (let index = first; index <= last; index++) {
    entries.push({
      index: index as Index,
      term: TERM,
      kind: EntryKind.Command,
      lengthBytes: 1,
      configuration: null,
    });
  }
  const message = {
    kind: "append",
    term: TERM,
    previousIndex: first - 1 as Index,
    previousTerm: TERM,
    commit: commit as Index,
    entries,
  } as const;
  return { to: to as MemberId, message, afterToken: 0 };
}

Deno.test("an append that is repeated while its entries are read waits for that read, and leaves as it was said last", () => {
  const disk = new Disk(9);
  for (let commit = 0; commit < 50; commit++) disk.sender.send(append(4, 5, 5, commit));
  disk.sender.send(append(4, 5, 6, 99));
  assertEquals(disk.loads, ["5-5"]);
  assertEquals(disk.sender.size, 1);
  disk.loaded(1, 5, 5);
  assertEquals(disk.sent, ["4: 4+1, commit 49"]);
  assertEquals(disk.sender.size, 0);
});

Deno.test("each member and each part of the window is read for by itself", () => {
  const disk = new Disk(9);
  disk.sender.send(append(4, 5, 6));
  disk.sender.send(append(4, 7, 8));
  disk.sender.send(append(6, 5, 6));
  assertEquals(disk.loads, ["5-6", "7-8", "5-6"]);
  disk.loaded(2, 7, 8);
  disk.loaded(3, 5, 6);
  assertEquals(disk.sent, ["4: 6+2, commit 0", "6: 4+2, commit 0"]);
  assertEquals([disk.sender.has(1), disk.sender.has(2)], [true, false]);
});

Deno.test("an append whose entries are not in the log any more, or could not be read, is not sent", () => {
  const disk = new Disk(9);
  disk.sender.send(append(4, 5, 6));
  disk.sender.loaded(1, null);
  disk.sender.send(append(4, 5, 6));
  disk.truncate(4);
  disk.loaded(2, 5, 5);
  disk.sender.send(append(4, 5, 6));
  assertEquals(disk.loads.length, 2);
  assertEquals(disk.sent, []);
});
