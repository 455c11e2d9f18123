import { assertEquals } from "@std/assert";
import { SennitError } from "../../src/core/errors.ts";
import type { MemberId } from "../../src/core/ids.ts";
import { Absences } from "../../src/node/absences.ts";
import { refuseWhileCritical } from "../../src/node/critical.ts";

const id = (number: number) => number as MemberId;

/** What is said after `awayMs` of a mesh of which these are away, seen by member 1; "" where nothing is refused. */
function said(
  members: number,
  away: readonly number[],
  awayMs: number,
  leaving: readonly number[] = [],
): string {
  const all = Array.from({ length: members }, (_, at) => ({
    memberId: id(at + 1),
    name: `n${at + 1}`,
    leaving: leaving.includes(at + 1) ? "evicted" : "no",
  }));
  const absences = new Absences();
  const reachable = all.map(({ memberId }) => memberId).filter((member) =>
    member !== 1 && !away.includes(member)
  );
  absences.look(all, new Set(reachable), 1_000);
  try {
    refuseWhileCritical(all, id(1), absences, 100, 1_000 + awayMs);
    return "";
  } catch (error) {
    if (!(error instanceof SennitError)) throw error;
    return `${error.code} ${/\(.*\)/.exec(error.message)?.[0]}`;
  }
}

Deno.test("G69 half of the members away for eight election timeouts are critical, fewer or shorter are not", () => {
  assertEquals(said(4, [3, 4], 800), "MESH_CRITICAL (n3, n4)");
  assertEquals(said(4, [3, 4], 799), "");
  assertEquals(said(5, [4, 5], 10_000), "");
  assertEquals(said(2, [2], 10_000), "MESH_CRITICAL (n2)");
  assertEquals(said(1, [], 10_000), "");
});

Deno.test("G69 who is being removed counts no more, neither as away nor as a member", () => {
  assertEquals(said(5, [3, 4, 5], 10_000), "MESH_CRITICAL (n3, n4, n5)");
  assertEquals(said(5, [3, 4, 5], 10_000, [3, 4]), "");
});
