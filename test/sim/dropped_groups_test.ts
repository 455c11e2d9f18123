/** The checker of groups that go: it is fed histories in which one goes too early, comes back, or leaves something behind. */
import { assertEquals, assertThrows } from "@std/assert";
import { DroppedGroups } from "../../sim/checkers/dropped_groups.ts";
import { SafetyViolation } from "../../sim/checkers/verdict.ts";
import type { FiledGroup } from "../../sim/checkers/wal_files.ts";
import { NO_ORIGIN } from "../../src/core/origin.ts";
import type { NodeInspection } from "../../src/node/inspection.ts";
import { EntryKind } from "../../src/raft/mod.ts";
import { encodeStreamCommand } from "../../src/stream/mod.ts";
import { LogDriver } from "../wal/log_driver.ts";
import { content, group as groupId } from "../wal/log_driver.ts";
import { MemoryDisk } from "../wal/memory_disk.ts";

const GROUP = 7;
const CLOSE = encodeStreamCommand({ kind: "close", origin: NO_ORIGIN });

function violates(act: () => void, says: string): void {
  const error = assertThrows(act, SafetyViolation, says);
  assertEquals(error.checker, "dropped-groups");
}

/** Two members of a group whose log says at entry 5 that the stream is closed. */
class History {
  readonly dropped = new Set<number>();
  readonly checker = new DroppedGroups((group) => this.dropped.has(group));

  constructor() {
    this.checker.applied(GROUP, 5, EntryKind.Command, CLOSE);
    this.look(1, 5);
    this.look(2, 5);
  }

  /** `applied` null: the member does not have the group. */
  look(member: number, applied: number | null, incarnation = 1, state = "member"): void {
    const groups = applied === null ? [] : [{ group: GROUP, name: "s", applied }];
    const node = { memberId: member, state, groups } as unknown as NodeInspection;
    this.checker.look(`n${member}`, incarnation, node);
  }
  drop(forced = false): void {
    this.dropped.add(GROUP);
    this.checker.dropped({ group: GROUP, name: "s", forced, members: [1, 2] });
  }
}

Deno.test("a member that leaves a group before the control log says so is caught, and one that stops is not", () => {
  violates(() => new History().look(1, null), "does not say that it is dropped");
  const history = new History();
  history.look(1, null, 2);
  history.look(2, null, 1, "failed");
  history.drop();
  history.look(1, 5, 3);
  history.look(1, null, 3);
  assertEquals([history.checker.inputs, history.checker.endInputs], [1, 2]);
});

Deno.test("a drop before all members have applied the end is caught, unless an operator forced it", () => {
  const behind = new History();
  behind.checker.dropped({ group: GROUP, name: "s", forced: true, members: [1, 2, 3] });
  violates(
    () => behind.checker.dropped({ group: GROUP, name: "s", forced: false, members: [1, 2, 3] }),
    "member 3 has applied 0",
  );
  const open = new DroppedGroups(() => true);
  violates(
    () => open.dropped({ group: GROUP, name: "s", forced: false, members: [] }),
    "never said that it is closed",
  );
});

Deno.test("a group that was durably gone and is there again is caught; what a crash undid is not", () => {
  const history = new History();
  history.drop();
  history.look(1, null);
  history.look(1, 5, 2);
  history.look(1, null, 2);
  const files = new Map<number, FiledGroup>();
  assertEquals(history.checker.hasLetGo(1, GROUP), false);
  history.checker.lookAtDisk("n1", files);
  assertEquals([1, 2, 9].map((member) => history.checker.hasLetGo(member, GROUP)), [true, false, true]);
  violates(() => history.look(1, 0, 3), "is there again");
});

Deno.test("a tombstone that was durable and is there no more is caught", () => {
  const history = new History();
  history.drop();
  history.look(1, 5);
  history.look(1, null);
  const look = (...closed: number[]) => history.checker.lookAtDisk("n1", new Map(), new Set(closed));
  look();
  look(GROUP);
  look(GROUP, GROUP + 1);
  history.checker.lookAtDisk("n1", null, null);
  violates(() => look(GROUP + 1), "tombstone");
});

Deno.test("what a dropped group leaves on a disk is caught: its log, its outbox, its snapshots", () => {
  const disk = new MemoryDisk();
  const driver = LogDriver.open(disk);
  const segments = () =>
    disk.paths.filter((path) => path.startsWith("wal/")).map((path) => disk.content(path));
  const history = new History();
  const dropped = [{ group: GROUP, name: "s", forced: false, members: [1, 2] }];
  const judge = (member: number, snapshots: readonly string[] = []) =>
    history.checker.checkFinal("n", member, dropped, { segments: segments(), snapshots });
  driver.wal.openGroup(groupId(GROUP), 0);
  driver.settle();
  violates(() => judge(1), "its log");
  judge(9);
  driver.wal.closeGroup(groupId(GROUP), 0);
  driver.settle();
  judge(1, ["0000000000000008-0000000000000000-0000000000000003.snapshot"]);
  violates(() => judge(2, ["0000000000000007-0000000000000000-0000000000000003.snapshot"]), "its snapshot");
  driver.wal.appendOutbox(1, groupId(GROUP), 0, content(1, 10));
  driver.settle();
  violates(() => judge(1), "its outbox");
  driver.wal.releaseOutbox(1);
  driver.wal.flush();
  driver.settle();
  judge(1);
  assertEquals(history.checker.diskInputs, 5);
});
