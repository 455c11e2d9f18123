/** The agenda says what a look at every group would say, at whatever order groups are touched. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Agenda } from "../../src/node/agenda.ts";
import type { Group } from "../../src/node/group.ts";

class StandIn {
  hasWork = false;
  deadlineMs = Infinity;
  readonly raft = { deadline: () => this.deadlineMs };
}

const GROUPS = 5;

const step = fc.record({
  at: fc.nat(GROUPS - 1),
  inMs: fc.oneof(fc.constant(Infinity), fc.nat(30)),
  hasWork: fc.boolean(),
  all: fc.boolean(),
  forwardMs: fc.nat(10),
});

function asGroup(each: StandIn): Group {
  return each as unknown as Group;
}

Deno.test("Agenda names the groups that are due, in the order of their opening, and the next deadline", () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const groups = Array.from({ length: GROUPS }, () => new StandIn());
    const agenda = new Agenda();
    for (const each of groups) agenda.add(asGroup(each));
    let now = 100;
    for (const { at, inMs, hasWork, all, forwardMs } of steps) {
      groups[at]!.deadlineMs = now + inMs;
      groups[at]!.hasWork = hasWork;
      if (all) agenda.touchAll();
      else agenda.touch(asGroup(groups[at]!));
      const deadlines = groups.map((each) => each.hasWork ? now : each.deadlineMs);
      assertEquals(Math.max(now, agenda.deadline(now)), Math.max(now, Math.min(...deadlines)));
      now += forwardMs;
      const due = groups.filter((each) => each.hasWork || each.deadlineMs <= now);
      assertEquals(agenda.due(now), due.map(asGroup));
      for (const each of due) {
        each.hasWork = false;
        each.deadlineMs = now + 7;
      }
    }
  }));
});

Deno.test("Agenda knows nothing any more of what was there before clear()", () => {
  const agenda = new Agenda();
  const group = new StandIn();
  group.deadlineMs = 5;
  agenda.add(asGroup(group));
  assertEquals(agenda.deadline(0), 5);
  agenda.clear();
  agenda.touch(asGroup(group));
  assertEquals([agenda.deadline(0), agenda.due(10)], [Infinity, []]);
});

Deno.test("Agenda names a group no more that is there no longer, and those beside it as before", () => {
  const agenda = new Agenda();
  const [gone, other] = [new StandIn(), new StandIn()];
  gone.deadlineMs = 5;
  other.deadlineMs = 7;
  for (const each of [gone, other]) agenda.add(asGroup(each));
  assertEquals(agenda.deadline(0), 5);
  agenda.delete(asGroup(gone));
  agenda.touch(asGroup(gone));
  assertEquals([agenda.deadline(0), agenda.due(5), agenda.due(7)], [7, [], [asGroup(other)]]);
});
