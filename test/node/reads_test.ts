import { assertEquals } from "@std/assert";
import { SennitError } from "../../src/core/errors.ts";
import { PENDING_CALLS_LIMIT } from "../../src/core/limits.ts";
import type { Group } from "../../src/node/group.ts";
import { Reads } from "../../src/node/reads.ts";

/** A group that notes which reads are asked and answers them as the test says. */
class FakeGroup {
  readonly asked: number[] = [];
  answered: number[] = [];
  failed: number[] = [];
  readonly raft = { readIndex: (context: number) => this.asked.push(context) };
  takeReads(): number[] {
    return this.answered.splice(0);
  }
  takeFailedReads(): number[] {
    return this.failed.splice(0);
  }
}

class Trial {
  readonly group = new FakeGroup();
  readonly reads = new Reads();
  readonly log: string[] = [];

  add(name: string, now: number, timeoutMs = 1000): void {
    const failed = (error: SennitError) => this.log.push(`${name} ${error.code} ${error.outcome}`);
    this.reads.add(() => this.log.push(name), failed, now, timeoutMs);
  }
  work(now: number): boolean {
    return this.reads.work(this.group as unknown as Group, now);
  }
}

Deno.test("Reads of one turn share a round and are answered once it is confirmed, in order and once", () => {
  const trial = new Trial();
  trial.add("a", 0);
  trial.add("b", 0);
  assertEquals([trial.work(0), trial.group.asked, trial.log], [true, [1], []]);
  trial.add("c", 1);
  assertEquals([trial.work(1), trial.group.asked], [true, [1, 2]]);
  assertEquals(trial.work(2), false, "nothing is asked twice");
  trial.group.answered = [1, 1];
  trial.work(3);
  assertEquals(trial.log, ["a", "b"], "a later read does not ride on an earlier round");
  trial.group.answered = [1, 2];
  trial.work(4);
  assertEquals([trial.log, trial.reads.size], [["a", "b", "c"], 0]);
});

Deno.test("A read whose leader went is asked again after a pause under a new name", () => {
  const trial = new Trial();
  trial.add("a", 0);
  trial.work(0);
  trial.group.failed = [1];
  assertEquals(trial.work(5), false);
  const retryMs = trial.reads.deadline();
  assertEquals(retryMs > 5 && retryMs <= 105, true);
  trial.group.answered = [1];
  assertEquals(trial.work(6), false);
  assertEquals(trial.log, [], "a late answer to the old name is none");
  assertEquals([trial.work(retryMs), trial.group.asked], [true, [1, 2]]);
  trial.group.answered = [2];
  trial.work(retryMs + 1);
  assertEquals(trial.log, ["a"]);
});

Deno.test("A read that nobody confirms fails at its deadline as not applied, and a late answer finds nothing", () => {
  const trial = new Trial();
  trial.add("a", 0, 100);
  trial.add("b", 0, 200);
  trial.work(0);
  assertEquals(trial.reads.deadline(), 100);
  trial.work(99);
  assertEquals(trial.log, []);
  trial.work(100);
  assertEquals([trial.log, trial.reads.deadline()], [["a NO_LEADER NOT_APPLIED"], 200]);
  trial.group.answered = [1];
  trial.work(101);
  assertEquals(trial.log, ["a NO_LEADER NOT_APPLIED", "b"]);
  assertEquals([trial.reads.size, trial.reads.deadline()], [0, Infinity]);
});

Deno.test("A read answered in the turn of its deadline is answered", () => {
  const trial = new Trial();
  trial.add("a", 0, 100);
  trial.work(0);
  trial.group.answered = [1];
  trial.work(100);
  assertEquals(trial.log, ["a"]);
});

Deno.test("When the node ends all reads fail, and more than the limit fail at once", () => {
  const trial = new Trial();
  for (let i = 0; i < PENDING_CALLS_LIMIT; i++) trial.add("x", 0);
  assertEquals(trial.log, []);
  trial.add("one more", 0);
  assertEquals(trial.log, ["one more OVERLOADED NOT_APPLIED"]);
  trial.work(0);
  assertEquals(trial.group.asked, [1]);
  trial.reads.failAll(new SennitError("SHUTTING_DOWN", "The node stops"));
  assertEquals(trial.log.length, PENDING_CALLS_LIMIT + 1);
  trial.group.answered = [1];
  assertEquals([trial.work(1), trial.reads.size], [false, 0]);
  assertEquals(trial.log.length, PENDING_CALLS_LIMIT + 1);
});
