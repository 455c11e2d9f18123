import { assertEquals } from "@std/assert";
import { SennitError } from "../../src/core/errors.ts";
import type { Flow } from "../../src/core/flow.ts";
import type { GroupId, Lsn } from "../../src/core/ids.ts";
import type { NodeCompletion } from "../../src/node/completions.ts";
import type { Group } from "../../src/node/group.ts";
import { Removals, type RemovalsHost } from "../../src/node/removals.ts";

const GROUP = 5 as GroupId;
const ERROR = new SennitError("STREAM_CLOSED", "gone");

/** A node of which only what removals see is there; files are as durable as they look. */
class FakeNode implements RemovalsHost {
  readonly closed: GroupId[] = [];
  readonly dropped: GroupId[] = [];
  files: number[] = [GROUP, GROUP, 7];
  durableLsn = 0 as Lsn;
  isIdle = true;
  isBroken = false;
  hosted = true;
  readonly removals = new Removals(this);

  readonly wal = ((fake: FakeNode) => ({
    isClosed: (group: GroupId) => fake.closed.includes(group),
    closeGroup(group: GroupId) {
      fake.closed.push(group);
      return 3 as Lsn;
    },
    get durableLsn() {
      return fake.durableLsn;
    },
  }))(this);
  readonly snapshotFiles = {
    removeAll: (isGone: (group: GroupId, generation: number) => boolean) => this.#removeAll(isGone),
  };

  // deno-lint-ignore require-yield
  *#removeAll(isGone: (group: GroupId, generation: number) => boolean): Flow<void, never> {
    this.files = this.files.filter((group) => !isGone(group as GroupId, 0));
  }

  group(id: GroupId): Group | null {
    return this.hosted && id === GROUP ? { id, snapshots: this.#snapshots } as unknown as Group : null;
  }
  readonly #snapshots = ((fake: FakeNode) => ({
    get isIdle() {
      return fake.isIdle;
    },
  }))(this);
  dropGroup(group: Group): void {
    this.dropped.push(group.id);
    this.hosted = false;
  }
  run<Result>(
    flow: Flow<Result, NodeCompletion>,
    done: (result: Result) => void,
    failed: (error: unknown) => void,
  ): void {
    if (this.isBroken) return failed(new Error("the disk refuses"));
    const { value } = flow.next();
    done(value as Result);
  }
  reach(): void {}
}

Deno.test("A dropped group's snapshots go once its tombstone is durable and nothing is written to them any more", () => {
  const node = new FakeNode();
  node.isIdle = false;
  node.removals.begin(GROUP, ERROR);
  assertEquals([node.dropped, node.closed, node.removals.size], [[GROUP], [GROUP], 1]);
  node.removals.work();
  assertEquals(node.files.length, 3, "a crash now would leave a log without its snapshot");
  node.durableLsn = 3 as Lsn;
  node.removals.work();
  assertEquals(node.files.length, 3, "one may be half-written");
  node.isIdle = true;
  node.isBroken = true;
  node.removals.work();
  assertEquals([node.files.length, node.removals.size], [3, 1]);
  node.isBroken = false;
  node.removals.work();
  assertEquals([node.files, node.removals.size], [[7], 0]);
});

Deno.test("A group goes once, also where it is not open here, and one that was just opened is closed", () => {
  const node = new FakeNode();
  node.hosted = false;
  let closed = 0;
  const opened = { id: GROUP, snapshots: { isIdle: true }, close: () => closed++ } as unknown as Group;
  node.removals.begin(GROUP, ERROR, opened);
  node.removals.begin(GROUP, ERROR);
  assertEquals([node.dropped, node.closed, node.removals.size, closed], [[], [GROUP], 1, 1]);
});
