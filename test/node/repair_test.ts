import { assertEquals, assertMatch } from "@std/assert";
import type { GroupId, Index, MemberId, Term } from "../../src/core/ids.ts";
import { REPAIR_REQUESTS_LIMIT } from "../../src/core/limits.ts";
import type { Group } from "../../src/node/group.ts";
import type { NodeMessage } from "../../src/node/node_messages.ts";
import { Repair, type RepairHost } from "../../src/node/repair.ts";
import { FIRST_BATCH_AT } from "../../src/wal/batch.ts";
import { readBatchHeader, segmentName } from "../../src/wal/format.ts";
import { at, content, entries, group, inTerm, LogDriver } from "../wal/log_driver.ts";
import { MemoryDisk } from "../wal/memory_disk.ts";

const ME = 1 as MemberId;
const GROUP = group(1);
const PATH = `wal/${segmentName(1)}`;

/** A log of `count` entries of which the disk has lost those of `lost`. */
function damagedDisk(count: number, lost: readonly number[]): MemoryDisk {
  const disk = new MemoryDisk();
  const driver = LogDriver.open(disk, { segmentBytes: 1 << 20 });
  driver.wal.openGroup(GROUP, 1);
  driver.settle();
  for (let i = 1; i <= count; i++) {
    driver.wal.appendEntries(GROUP, 1, entries(i, 1, content(i, 100)));
    driver.settle();
  }
  const bytes = disk.content(PATH).slice();
  let start = FIRST_BATCH_AT;
  for (let i = 0; i <= count; i++) {
    const header = readBatchHeader(bytes, start, PATH)!;
    const payloadAt = start + header.headerBytes;
    if (lost.includes(i)) bytes[payloadAt + 9]! ^= 4;
    start = payloadAt + header.payloadBytes;
  }
  disk.plant(PATH, bytes);
  return disk;
}

/** A node of which only what repair sees is there: its log, its peers, its group. */
class FakeNode implements RepairHost {
  readonly driver: LogDriver;
  readonly memberId = ME;
  readonly reachable = new Set<MemberId>();
  readonly sent: { to: MemberId; message: NodeMessage }[] = [];
  readonly woken: Group[] = [];
  readonly notes: string[] = [];
  readonly repair: Repair;
  leads = false;
  commit = 0;
  resigned = 0;
  readonly letGo: number[] = [];

  constructor(disk: MemoryDisk, peers: readonly number[]) {
    this.driver = LogDriver.open(disk, { cacheBytes: 0 });
    for (const peer of peers) this.reachable.add(peer as MemberId);
    this.repair = new Repair(this);
  }

  get wal() {
    return this.driver.wal;
  }
  group(id: GroupId): Group | null {
    if (id !== GROUP) return null;
    const configuration = { incoming: [1, 2, 3], outgoing: [], learners: [4] };
    const status = { configuration, commit: this.commit };
    const raft = { status: () => status, resign: () => this.resigned++ };
    const letGo = (index: number) => this.letGo.push(index);
    return { generation: 1, name: "g", isLeader: this.leads, raft, letGo } as unknown as Group;
  }
  wake(woken: Group): void {
    this.woken.push(woken);
  }
  sendNode(to: MemberId, message: NodeMessage): boolean {
    this.sent.push({ to, message });
    return true;
  }
  memberName(id: MemberId): string {
    return `m${id}`;
  }
  fetchState(): void {}
  note(text: string): void {
    this.notes.push(text);
  }

  /** Whom entries were asked for since the last call: [member, index]. */
  asked(): [number, number][] {
    const asked = this.sent.filter(({ message }) => message.kind === "fetch-entry");
    this.sent.length = 0;
    return asked.map(({ to, message }) => [to, (message as { index: number }).index]);
  }
  answer(from: number, index: number, bytes: Uint8Array | null, now: number, term = 1): void {
    this.repair.fetched(from as MemberId, {
      kind: "fetched-entry",
      group: GROUP,
      generation: 1,
      index: at(index),
      term: inTerm(term),
      content: bytes,
    }, now);
  }
  /** One turn; then everything becomes durable. */
  turn(now: number): void {
    this.repair.work(now);
    this.driver.settle();
  }
  damaged(index: number): boolean {
    return this.wal.entry(GROUP, at(index))!.damaged;
  }
}

Deno.test("Repair asks one member after the other until one holds the entry, and writes it back", () => {
  const disk = damagedDisk(5, [3]);
  const node = new FakeNode(disk, [2, 3, 7]);
  node.turn(0);
  assertEquals(node.asked(), [[2, 3]]);
  assertMatch(node.repair.troubleOf(GROUP), /^entry 3 is damaged .* fetched from other members$/);
  node.answer(2, 3, null, 10);
  node.turn(10);
  assertEquals(node.asked(), [[3, 3]]); // Member 7 is not of this group.
  node.turn(20);
  assertEquals([node.asked(), node.damaged(3)], [[], true]);
  node.answer(3, 3, content(3, 100), 30);
  assertEquals(node.damaged(3), true); // Not before it is durable.
  node.turn(30);
  assertEquals(node.damaged(3), false);
  node.turn(31);
  assertEquals([node.repair.size, node.repair.repaired, node.woken.length], [0, 1, 1]);
  assertEquals(node.repair.troubleOf(GROUP), "");
  assertEquals(LogDriver.open(disk).recovery.groups[0]!.entries.filter((entry) => entry.damaged), []);
});

Deno.test("Repair takes no content but the one that was written, and goes on asking", () => {
  const node = new FakeNode(damagedDisk(5, [3]), [2, 3]);
  node.turn(0);
  node.answer(2, 3, content(4, 100), 10);
  node.answer(2, 3, content(3, 99), 10);
  node.answer(3, 3, content(3, 100), 10, 2); // Of another term: another entry.
  node.turn(10);
  assertEquals(node.damaged(3), true);
  assertEquals(node.asked(), [[2, 3], [3, 3]]);
  node.answer(3, 3, content(3, 100), 20);
  node.turn(20);
  assertEquals(node.damaged(3), false);
});

Deno.test("Repair asks again when nobody answers, and says when nobody in reach holds an entry", () => {
  const node = new FakeNode(damagedDisk(2, [1]), [2, 3]);
  node.turn(0);
  node.turn(node.repair.deadline());
  assertEquals(node.asked(), [[2, 1], [3, 1]]);
  node.turn(node.repair.deadline());
  assertEquals(node.asked(), []);
  assertMatch(node.repair.troubleOf(GROUP), /no member in reach holds what is missing$/);
  assertEquals(node.letGo, [1]);
  const next = node.repair.deadline();
  assertEquals(Number.isFinite(next), true);
  node.turn(next);
  assertEquals(node.asked(), [[2, 1]]);
});

Deno.test("Repair asks for what nobody had after all that somebody may have", () => {
  const many = Array.from({ length: REPAIR_REQUESTS_LIMIT }, (_, i) => i + 1);
  const [ninth, tenth] = [REPAIR_REQUESTS_LIMIT + 1, REPAIR_REQUESTS_LIMIT + 2];
  const node = new FakeNode(damagedDisk(tenth + 2, [...many, ninth, tenth]), [2, 3]);
  node.turn(0);
  for (const peer of [2, 3]) {
    for (const index of many) node.answer(peer, index, null, 0);
    node.turn(0);
  }
  node.asked();
  node.turn(1000);
  assertEquals(node.asked().slice(0, 3), [[3, ninth], [3, tenth], [2, 1]]);
});

Deno.test("Repair asks at once whom a session came up with", () => {
  const node = new FakeNode(damagedDisk(2, [1]), []);
  node.turn(0);
  node.turn(1);
  assertEquals(node.asked(), []);
  node.reachable.add(2 as MemberId);
  node.repair.reached();
  node.turn(2);
  assertEquals(node.asked(), [[2, 1]]);
});

Deno.test("Repair lets others lead where an entry may never have left this node, and only there", () => {
  for (const [commit, leads, resigned] of [[0, true, 1], [2, true, 0], [0, false, 0]] as const) {
    const node = new FakeNode(damagedDisk(3, [2]), [2]);
    node.commit = commit;
    node.leads = leads;
    node.turn(0);
    node.answer(2, 2, null, 1);
    node.turn(1);
    assertEquals(node.resigned, resigned, `commit ${commit}, leads ${leads}`);
  }
});

Deno.test("Repair asks for a limited number of entries at a time, and comes to all of them", () => {
  const lost = Array.from({ length: 3 * REPAIR_REQUESTS_LIMIT }, (_, i) => i + 1);
  const node = new FakeNode(damagedDisk(lost.length + 1, lost), [2]);
  const seen: number[] = [];
  for (let now = 0; seen.length < lost.length; now++) {
    node.turn(now);
    const asked = node.asked();
    assertEquals(asked.length <= REPAIR_REQUESTS_LIMIT, true);
    for (const [, index] of asked) {
      seen.push(index);
      node.answer(2, index, content(index, 100), now);
    }
  }
  node.turn(100);
  node.turn(101);
  assertEquals([seen, node.repair.size], [lost, 0]);
});

Deno.test("Repair forgets an entry that was replaced in the log", () => {
  const node = new FakeNode(damagedDisk(5, [4]), []);
  node.turn(0);
  assertEquals(node.repair.size, 1);
  node.wal.appendEntries(GROUP, 1, entries(4, 2, content(9, 10)));
  node.turn(1);
  assertEquals([node.repair.size, node.repair.repaired], [0, 0]);
});

Deno.test("Repair hears of bit rot that a read meets later", () => {
  const disk = damagedDisk(4, []);
  const node = new FakeNode(disk, [2]);
  node.turn(0);
  const bytes = disk.content(PATH).slice();
  bytes[bytes.length - 1]! ^= 1;
  disk.plant(PATH, bytes);
  node.wal.load(GROUP, at(1), at(4), 1000);
  node.driver.settle();
  node.turn(1);
  assertEquals(node.asked(), [[2, 4]]);
});

Deno.test("Repair serves what it holds under that term, read from the disk, and refuses what it has lost itself", () => {
  const node = new FakeNode(damagedDisk(4, [2]), []);
  const ask = (index: number, term = 1, generation = 1) =>
    node.repair.asked(5 as MemberId, {
      kind: "fetch-entry",
      group: GROUP,
      generation,
      index: index as Index,
      term: term as Term,
    });
  ask(3);
  ask(2);
  ask(3, 2);
  ask(3, 1, 2);
  ask(9);
  node.driver.settle();
  for (const { request, entries } of node.wal.takeLoaded()) {
    assertEquals(node.repair.loaded(request, entries), true);
  }
  const answers = node.sent.map(({ to, message }) =>
    message.kind === "fetched-entry" ? [to, message.index, message.content] : []
  );
  assertEquals(answers, [[5, 2, null], [5, 3, null], [5, 3, null], [5, 9, null], [5, 3, content(3, 100)]]);
});

Deno.test("Repair forgets what is damaged of a group that is gone, and tells who waits for it", () => {
  const node = new FakeNode(damagedDisk(4, [2, 3]), [2]);
  const told: string[] = [];
  const entry = { group: GROUP, generation: 1, index: at(2), term: inTerm(1) };
  node.repair.whole(entry, 0, () => told.push("whole"), () => {}, () => told.push("forgotten"));
  node.turn(0);
  assertEquals(node.repair.size, 2);
  node.repair.forget(group(9));
  assertEquals([node.repair.size, told], [2, []]);
  node.repair.forget(GROUP);
  assertEquals([node.repair.size, told], [0, ["forgotten"]]);
});

Deno.test("Repair reads what was whole before somebody waited for it, and fetches it where it is not any more", () => {
  const node = new FakeNode(damagedDisk(4, [2]), [2]);
  const repaired = () => {
    node.answer(2, 2, content(2, 100), 10);
    for (let i = 0; i < 3; i++) node.turn(10);
  };
  node.turn(0);
  repaired();
  assertEquals([node.repair.size, node.repair.repaired], [0, 1]);

  const told: (Uint8Array | null)[] = [];
  const wait = (index: number) => {
    const entry = { group: GROUP, generation: 1, index: at(index), term: inTerm(1) };
    node.repair.whole(entry, 20, (bytes) => told.push(bytes), () => {}, () => told.push(null));
    node.turn(20);
    node.turn(20);
  };
  const load = (isLost: boolean) => {
    const [loaded] = node.wal.takeLoaded();
    assertEquals(node.repair.loaded(loaded!.request, isLost ? [] : loaded!.entries), true);
  };
  wait(2);
  load(false);
  assertEquals(told, [content(2, 100)]);
  wait(2);
  load(true);
  assertEquals([told.length, node.repair.size], [1, 1]);
  node.turn(30);
  node.turn(30);
  load(false);
  assertEquals(told.slice(1), [content(2, 100)]);
  wait(9);
  assertEquals([told.length, told[2]], [3, null]);
  wait(2);
  node.repair.forget(GROUP);
  assertEquals(told[3], null);
});
