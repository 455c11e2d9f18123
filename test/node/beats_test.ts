/** Beats between the nodes of silent groups: who is told, who is missed, and what a round costs. */
import { assert, assertEquals } from "@std/assert";
import type { MemberId } from "../../src/core/ids.ts";
import { Beats } from "../../src/node/beats.ts";
import type { Group } from "../../src/node/group.ts";
import { simpleConfiguration } from "../../src/raft/mod.ts";

const T = 100;
const SELF = 1 as MemberId;
const ids = (...members: number[]) => members as MemberId[];

/** Says how often it was looked at. */
class FakeGroup {
  looks = 0;
  wakes = 0;
  silent = true;
  constructor(readonly leader: MemberId, members: readonly number[]) {
    const configuration = simpleConfiguration(members as MemberId[]);
    const count = () => this.looks++;
    const isSilent = () => this.silent;
    this.raft = {
      get quiesced() {
        count();
        return isSilent();
      },
      configuration,
      wake: () => void this.wakes++,
    };
  }
  readonly raft: unknown;
}

class World {
  readonly memberId = SELF;
  readonly boot = 7;
  readonly settings = { raft: { electionTimeoutMs: T, heartbeatIntervalMs: T / 4 } };
  told: number[] = [];
  readonly beats = new Beats(this);

  sendBeat(to: MemberId): void {
    this.told.push(to);
  }
  wake(): void {}

  look(group: FakeGroup, now: number): void {
    this.beats.look(group as unknown as Group, now);
  }
  /** To whom beats went at `now`. */
  round(now: number): number[] {
    this.told = [];
    this.beats.work(now);
    return [...new Set(this.told)].sort((a, b) => a - b);
  }
}

Deno.test("Beats go from a leader to all others, and from these to the leader, once for all groups they share", () => {
  const world = new World();
  assertEquals([world.beats.deadline(), world.round(0)], [Infinity, []]);
  world.look(new FakeGroup(SELF, [1, 2, 3]), 0);
  world.look(new FakeGroup(SELF, [1, 2, 3]), 0);
  world.look(new FakeGroup(4 as MemberId, [1, 4, 5]), 0);
  assertEquals(world.round(0), [2, 3, 4]);
  assertEquals(world.told.length, 3);
  assertEquals([world.beats.deadline(), world.round(T / 4 - 1)], [T / 4, []]);
  assertEquals(world.round(T / 4), [2, 3, 4]);
});

Deno.test("Beats wake the groups of a node that is not heard of, or that has started anew, and no others", () => {
  const world = new World();
  const [led, followed, other] = [
    new FakeGroup(SELF, [1, 2]),
    new FakeGroup(2 as MemberId, [1, 2, 3]),
    new FakeGroup(3 as MemberId, [1, 2, 3]),
  ];
  for (const group of [led, followed, other]) world.look(group!, 0);
  const wakes = () => [led, followed, other].map((group) => group!.wakes);
  for (const member of ids(2, 3)) world.beats.heard(member, 1, 50);
  world.round(149);
  assertEquals(wakes(), [0, 0, 0]);
  world.beats.heard(3 as MemberId, 1, 150);
  world.round(T + 80);
  assertEquals(wakes(), [1, 1, 0]);
  // Another incarnation of its leader's node knows nothing of the silence.
  world.beats.heard(3 as MemberId, 2, T + 81);
  assertEquals(wakes(), [1, 1, 1]);
  assertEquals(world.round(10 * T), []);
  assertEquals(world.beats.deadline(), Infinity);
});

Deno.test("Beats end for a group that wakes, that is closed, or whose members change", () => {
  const world = new World();
  const [woken, closed, changed] = [2, 3, 4].map((leader) =>
    new FakeGroup(leader as MemberId, [1, 2, 3, 4, 5])
  ) as [FakeGroup, FakeGroup, FakeGroup];
  for (const group of [woken, closed, changed]) world.look(group, 0);
  woken.silent = false;
  world.look(woken, 1);
  world.beats.forget(closed as unknown as Group);
  (changed as { leader: MemberId }).leader = 5 as MemberId;
  world.look(changed, 1);
  assertEquals(world.round(1), [5]);
});

Deno.test("Beats of a thousand silent groups look at none of them while their nodes are there", () => {
  const world = new World();
  const groups = Array.from({ length: 1000 }, (_, at) => new FakeGroup(1 + at % 3 as MemberId, [1, 2, 3]));
  for (const group of groups) world.look(group, 0);
  const before = groups.reduce((sum, { looks }) => sum + looks, 0);
  for (let now = 0; now < 100 * T; now += T / 4) {
    for (const member of ids(2, 3)) world.beats.heard(member, 1, now);
    assertEquals(world.round(now), [2, 3]);
    assertEquals(world.told.length, 2);
  }
  assertEquals(groups.reduce((sum, { looks }) => sum + looks, 0), before);
  assert(groups.every(({ wakes }) => wakes === 0));
});
