import { assertEquals } from "@std/assert";
import type { GroupId, MemberId } from "../../src/core/ids.ts";
import { Closings, type ClosingsHost } from "../../src/node/closings.ts";
import { type ControlCommand, decodeControlCommand } from "../../src/node/control_commands.ts";
import type { ControlState } from "../../src/node/control_state.ts";
import { FOURTH_FEATURE_LEVEL, THIRD_FEATURE_LEVEL } from "../../src/node/feature_level.ts";
import type { NodeMessage } from "../../src/node/node_messages.ts";
import type { StreamHost } from "../../src/node/stream_host.ts";

const SELF = 1 as MemberId;
const GROUP = 9 as GroupId;

/** A member of a closed stream's group, of which only what closings see is there. */
class FakeMember implements ClosingsHost {
  readonly memberId = SELF;
  readonly streams = new Map<GroupId, StreamHost>();
  readonly sent: { to: MemberId; message: NodeMessage }[] = [];
  readonly proposed: ControlCommand[] = [];
  readonly closings = new Closings(this);
  /** Ends the last proposal without a result. */
  fail = () => {};
  featureLevel = FOURTH_FEATURE_LEVEL;
  hasEnded = true;
  isSettled = true;
  leader = SELF;
  term = 3;
  reaches = true;
  configuration: { incoming: number[]; outgoing: number[]; learners: number[] } = {
    incoming: [1, 2, 3],
    outgoing: [],
    learners: [],
  };
  commit = 10;

  constructor() {
    const read = <Key extends keyof this>(key: Key) => ({ get: () => this[key] });
    const raft = Object.defineProperties({
      status: () => ({ commit: this.commit, configurationIndex: 5, configuration: this.configuration }),
    }, { term: read("term") });
    const group = Object.defineProperties({ id: GROUP, raft }, {
      leader: read("leader"),
      isLeader: { get: () => this.leader === SELF },
    });
    const stream = Object.defineProperties({ group }, {
      hasEnded: read("hasEnded"),
      isSettled: read("isSettled"),
    });
    this.streams.set(GROUP, stream as unknown as StreamHost);
  }

  readonly requests: ClosingsHost["requests"] = {
    submit: (_group, encode, _now, _done, failed) => {
      this.proposed.push(decodeControlCommand(encode({ member: SELF, boot: 1, request: 1 })));
      this.fail = () => failed(undefined as never);
    },
  };
  sendNode(to: MemberId, message: NodeMessage): boolean {
    if (this.reaches) this.sent.push({ to, message });
    return this.reaches;
  }
  look(now = 0): boolean {
    const control = { featureLevel: this.featureLevel } as ControlState;
    return this.closings.look(this.streams.get(GROUP)!, control, now);
  }
  hears(...members: number[]): void {
    for (const member of members) this.closings.heard(member as MemberId, GROUP);
  }
}

Deno.test("A closed stream is dropped once every member of its group has said that it has applied the end, and once", () => {
  const leader = new FakeMember();
  leader.configuration.learners = [4];
  assertEquals(leader.look(), true, "the others have said nothing");
  leader.hears(2, 3);
  leader.look();
  assertEquals(leader.proposed, [], "who listens counts too");
  leader.hears(4);
  leader.look();
  leader.look();
  assertEquals(leader.proposed.map((each) => each.kind === "drop-stream" && [each.group, each.forced]), [[
    GROUP,
    false,
  ]]);
  leader.fail();
  leader.look();
  assertEquals(leader.proposed.length, 2, "what was lost is said again");
});

Deno.test("Nobody is dropped before its own end, its callers' answers, a committed configuration and the fourth level", () => {
  const cases: [string, (member: FakeMember) => void, boolean][] = [
    ["something is not processed", (member) => member.hasEnded = false, false],
    ["a caller waits for an answer", (member) => member.isSettled = false, true],
    ["whom the group counts is not committed", (member) => member.commit = 4, true],
    ["an earlier build may be there", (member) => member.featureLevel = THIRD_FEATURE_LEVEL, false],
  ];
  for (const [why, prepare, again] of cases) {
    const leader = new FakeMember();
    leader.hears(2, 3);
    prepare(leader);
    assertEquals([leader.look(), leader.proposed], [again, []], why);
  }
});

Deno.test("A member tells its leader, again where it may not have heard, and a new one at once", () => {
  const member = new FakeMember();
  member.leader = 2 as MemberId;
  member.reaches = false;
  member.look(0);
  assertEquals(member.sent, [], "nobody was there to be told");
  member.reaches = true;
  const told: number[] = [];
  for (let now = 1; now < 8000; now++) {
    const before = member.sent.length;
    member.look(now);
    if (member.sent.length > before) told.push(now);
  }
  assertEquals(told, [1, 1001, 3001, 7001], "less and less often");
  assertEquals(member.sent[0], { to: 2 as MemberId, message: { kind: "ended", group: GROUP } });
  member.term = 4;
  member.look(8000);
  member.leader = 3 as MemberId;
  member.look(8001);
  assertEquals(member.sent.slice(4).map(({ to }) => to), [2, 3]);
  member.leader = 0 as MemberId;
  assertEquals([member.look(9001), member.sent.length], [true, 6]);
});

Deno.test("What is said of a group that is not here is not kept", () => {
  const member = new FakeMember();
  member.closings.heard(2 as MemberId, 77 as GroupId);
  member.hears(2, 3);
  member.closings.forget(GROUP);
  member.look();
  assertEquals(member.proposed, [], "what was heard went with the group");
});
