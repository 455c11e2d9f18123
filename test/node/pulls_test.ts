/** Whom an observer pulls from, and when: a driver over a raft that says what it is told to say. */
import { assert, assertEquals } from "@std/assert";
import type { MemberId } from "../../src/core/ids.ts";
import type { Group } from "../../src/node/group.ts";
import { Pulls } from "../../src/node/pulls.ts";
import { NOT_FED, type RaftPayload } from "../../src/raft/mod.ts";

const T = 100;
const ids = (...members: number[]) => members as MemberId[];

class World {
  now = 0;
  readonly memberId = 20 as MemberId;
  readonly reachable = new Set<MemberId>(ids(1, 2, 3, 10, 11));
  readonly settings = { raft: { electionTimeoutMs: T } };
  /** Members of a build that knows nothing of observers. */
  readonly old = new Set<number>();
  readonly raft = {
    isMember: false,
    leader: 0,
    role: "follower",
    quiesced: false,
    commit: 0,
    configuration: { incoming: ids(1, 2, 3), outgoing: [], learners: [] },
    pull: (from: MemberId) => void this.asked.push(from),
  };
  readonly control = { group: { raft: this.raft } as unknown as Group };
  asked: number[] = [];
  readonly pulls = new Pulls(this);

  answersPulls(member: MemberId): boolean {
    return !this.old.has(member);
  }
  wake(): void {}
  reach(): void {}

  /** Whom it asks until `now`, one after the other; a node turns when it said that it wants to. */
  until(now: number): number[] {
    this.asked = [];
    for (;;) {
      const at = Math.max(this.now, this.pulls.deadline(this.now));
      if (at > now) break;
      this.now = at;
      const before = this.asked.length;
      this.pulls.work(this.now);
      assert(before < this.asked.length || this.pulls.deadline(this.now) > this.now, "a turn gets on");
    }
    this.now = now;
    return this.asked;
  }

  /** `all`: what the one that answers has. */
  hears(from: number, distance: number, commit = this.raft.commit, all = commit): void {
    this.raft.commit = commit;
    const message = { kind: "pulled", distance, commit: all } as RaftPayload;
    this.pulls.heard(from as MemberId, message, this.now);
  }
}

Deno.test("Pulls asks a voter first, and stays with whoever answers and hears of the leader", () => {
  const world = new World();
  assertEquals(world.until(0), [3]);
  world.hears(3, 1);
  assertEquals(world.until(T / 2 - 1), []);
  assertEquals(world.until(T / 2), [3]);
  // What is new is asked for at once: there may be more.
  world.hears(3, 1, 7);
  assertEquals(world.until(world.now), [3]);
  world.hears(3, 1, 7);
  assertEquals(world.until(world.now), []);
});

Deno.test("Pulls passes over who does not answer, hears of no leader, is gone, or is of a build that cannot", () => {
  const world = new World();
  assertEquals(world.until(0), [3]);
  assertEquals(world.until(T / 2), [1]);
  world.hears(1, NOT_FED);
  assertEquals(world.until(T), [2]);
  world.hears(2, 1);
  world.reachable.delete(2 as MemberId);
  world.old.add(3);
  world.old.add(1);
  const asked = world.until(3 * T);
  assert(asked.length >= 3 && asked.every((each) => each === 10 || each === 11), `${asked}`);
  for (const member of [1, 2, 3, 10, 11]) world.old.add(member);
  assertEquals(world.until(5 * T), []);
});

Deno.test("Pulls goes back to a voter from an observer that feeds it", () => {
  const world = new World();
  for (const voter of ids(1, 2, 3)) world.reachable.delete(voter);
  const [observer] = world.until(0);
  assert(observer === 10 || observer === 11);
  world.reachable.add(2 as MemberId);
  const asked = new Set<number>();
  for (let i = 0; i < 40 && !asked.has(2); i++) {
    world.hears([...asked].at(-1) ?? observer!, 3);
    for (const each of world.until(world.now + T / 2)) asked.add(each);
  }
  assert(asked.has(2), "a voter is tried again");
});

Deno.test("Pulls leaves a member of the configuration alone while it has a leader, and looks after one that sleeps", () => {
  const world = new World();
  world.raft.isMember = true;
  world.raft.leader = 1;
  assertEquals(world.until(50 * T), []);
  world.raft.quiesced = true;
  const asked = world.until(100 * T);
  assert(asked.length >= 4 && asked.length <= 6, `${asked.length} in 50 election timeouts`);
  // Without a leader for long it may have been left behind.
  world.raft.quiesced = false;
  world.raft.leader = 0;
  world.pulls.deadline(world.now);
  assertEquals(world.until(world.now + 2 * T - 1), []);
  assert(world.until(world.now + T).length > 0);
  world.raft.role = "leader";
  world.raft.leader = 20;
  assertEquals(world.until(world.now + 50 * T), []);
});

Deno.test("Pulls goes on for a member that was left behind, though it has heard who leads, until it has everything", () => {
  const world = new World();
  world.raft.isMember = true;
  const source = world.until(3 * T).at(-1)!;
  world.raft.leader = 1;
  world.hears(source, 1, 10, 100);
  assertEquals(world.until(world.now), [source]);
  // What gets lost is asked for again, of somebody else.
  assert(world.until(world.now + T).some((each) => each !== source));
  world.hears(world.asked.at(-1)!, 1, 100, 100);
  assertEquals(world.until(world.now + 50 * T), []);
});
