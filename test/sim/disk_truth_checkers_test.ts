/** Checkers of what is written down or said: commands that are applied once, calls that are answered once, snapshots on the disk. */
import { assertEquals, assertThrows } from "@std/assert";
import { AppliedOnce } from "../../sim/checkers/applied_once.ts";
import { type CommittedFacts, SnapshotFiles } from "../../sim/checkers/snapshot_files.ts";
import { SafetyViolation } from "../../sim/checkers/verdict.ts";
import type { FiledGroup } from "../../sim/checkers/wal_files.ts";
import { Calls } from "../../sim/workloads/clients.ts";
import type { World } from "../../sim/world.ts";
import { crc32c } from "../../src/core/crc32c.ts";
import type { GroupId, Index, MemberId, Term, Token } from "../../src/core/ids.ts";
import { encodeControlCommand } from "../../src/node/control_commands.ts";
import type { GroupInspection } from "../../src/node/inspection.ts";
import { EntryKind } from "../../src/raft/mod.ts";
import { encodeSnapshot } from "../../src/wal/snapshots.ts";

function violates(checker: string, act: () => void): void {
  assertEquals(assertThrows(act, SafetyViolation).checker, checker);
}

Deno.test("a command that is applied twice is caught, whatever it does", () => {
  const checker = new AppliedOnce();
  const apply = (index: number, request: number, boot = 1) => {
    const origin = { member: 7 as MemberId, boot, request };
    const bytes = encodeControlCommand({ kind: "kv-delete", origin, key: "k", expectedVersion: null });
    checker.applied(0, 0, index, EntryKind.Command, bytes);
  };
  apply(1, 5);
  apply(1, 5); // By another member.
  apply(2, 6);
  apply(3, 5, 2);
  apply(4, 0);
  apply(5, 0);
  assertEquals(checker.inputs, 4);
  violates("applied-once", () => apply(6, 6));
});

Deno.test("a snapshot that says what was not committed is caught on the disk, and one that is missing", () => {
  const configuration = new Uint8Array([1, 2, 3]);
  const facts: CommittedFacts = {
    termAt: (group, _generation, index) => group === 0 && index === 9 ? 4 : undefined,
    configurationAt: () => crc32c(configuration),
  };
  const groups = [{ group: 0, generation: 0, name: "control" }] as unknown as GroupInspection[];
  const name = (index: number) =>
    `${"0".repeat(16)}-${"0".repeat(16)}-${String(index).padStart(16, "0")}.snapshot`;
  const file = (index: number, term: number, configurationBytes = configuration, named = index) => ({
    name: name(named),
    bytes: encodeSnapshot({
      group: 0 as GroupId,
      generation: 0,
      index: index as Index,
      term: term as Term,
      configurationBytes,
      state: new Uint8Array(5),
    }),
  });
  const check = (...files: ReturnType<typeof file>[]) => {
    const checker = new SnapshotFiles();
    checker.check("n1", groups, files, facts);
    return checker.inputs;
  };
  assertEquals(check(file(9, 4), file(12, 5)), 2);
  violates("snapshot-files", () => check(file(9, 3)));
  violates("snapshot-files", () => check(file(9, 4, new Uint8Array([9]))));
  violates("snapshot-files", () => check(file(9, 4, configuration, 8)));
  violates("snapshot-files", () => check({ name: name(9), bytes: file(9, 4).bytes.subarray(0, 60) }));

  const checker = new SnapshotFiles();
  const log = (base: number) => new Map([[0, { generation: 0, base } as FiledGroup]]);
  checker.checkBases("n1", groups, [file(9, 4)], log(9));
  checker.checkBases("n1", groups, [], log(0));
  checker.checkBases("n1", groups, [], null);
  violates("snapshot-files", () => checker.checkBases("n1", groups, [file(9, 4)], log(10)));
  // A later one is no begin of this log.
  violates("snapshot-files", () => checker.checkBases("n1", groups, [file(12, 5)], log(9)));
  assertEquals(checker.baseInputs, 3);
});

Deno.test("a call that is answered twice is caught, also where nobody waits for it any more", () => {
  const calls = new Calls({} as World);
  calls.onReply(1 as Token, { kind: "done" });
  calls.onReply(2 as Token, { kind: "done" });
  violates("api", () => calls.onReply(1 as Token, { kind: "done" }));
});

Deno.test("snapshot files catch what stays behind when the log begins later, or piles up beyond", () => {
  const checker = new SnapshotFiles();
  const names = (...indexes: number[]) =>
    indexes.map((index) =>
      `${[7, 0, index].map((each) => String(each).padStart(16, "0")).join("-")}.snapshot`
    );
  const look = (base: number, ...indexes: number[]) =>
    checker.checkLeft(
      "n1",
      [{ group: 7, generation: 0, name: "x", base, transferUntilMs: -Infinity } as GroupInspection],
      names(...indexes),
    );
  look(4, 4, 5, 6, 7, 8);
  look(0);
  assertEquals(checker.leftInputs, 1);
  violates("snapshot-files", () => look(4, 3, 4));
  violates("snapshot-files", () => look(4, 4, 5, 6, 7, 8, 9));

  const piles = (count: number) => {
    const indexes = Array.from({ length: count }, (_, at) => 5 + at);
    const group = { group: 7, generation: 0, name: "x", base: 4 } as GroupInspection;
    checker.checkPiled("n1", [group], names(4, ...indexes).map((name) => ({ name })));
  };
  piles(8);
  violates("snapshot-files", () => piles(9));
});
