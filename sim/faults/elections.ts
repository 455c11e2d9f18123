/**
 * Elections in states that are rare and short, each brought about in several steps: among members of which some hold a joint
 * configuration, and with words on the way that were said in a term which is over.
 */
import { CONTROL_GROUP, type MemberId } from "../../src/core/ids.ts";
import type { GroupInspection } from "../../src/node/inspection.ts";
import { majorityOf } from "../../src/raft/mod.ts";
import type { Host } from "../host.ts";
import type { Regime } from "../regime.ts";
import { type Calls, NOBODY } from "../workloads/clients.ts";
import type { World } from "../world.ts";
import type { FaultKind } from "./kinds.ts";
import type { MachineFaults } from "./machines.ts";
import { type Faults, NOTHING_TO_UNDO, type Strike, type Undo } from "./strike.ts";
import type { WireFaults } from "./wires.ts";

/** How long a state is waited for in which a voter can be cut off, and how often that is looked at. */
const LURKING_ELECTIONS = 10;
const JOINT_LOOK_MS = 50;
/** In which a substitute listens and catches up. */
const CATCH_UP_ELECTIONS = 10;
/** How long the leader is silent: others miss it, are patient for one timeout more, and elect twice. */
const SILENT_ELECTIONS = 5;
/** Joint elections that no majority of the old voters can win. */
const MINORITY_PER_MILLION = 700_000;
/** Words that are late to the leader; else those from it. */
const TO_LEADER_PER_MILLION = 500_000;
/** How long handing over there and back may take. */
const HANDOVER_ELECTIONS = 4;
const LOOK_MS = 2;
/** Looks until a handover that has not come about is asked for again. */
const LOOKS_UNTIL_ASKED_AGAIN = 40;
const PATIENCE_MS = 100;
/** Longer than a strike waits; it lets go of the disk before. */
const HUNG_MS = 3_600_000;

/** Of the control group. */
interface Voters {
  /** To be replaced; not the leader. */
  readonly away: Host;
  readonly left: readonly Host[];
  /** Members that do not vote. */
  readonly spares: readonly Host[];
}

export class ElectionFaults implements Faults {
  readonly #world: World;
  readonly #regime: Regime;
  readonly #machines: MachineFaults;
  readonly #wires: WireFaults;
  readonly #calls: Calls;
  /** Two at a time would keep each other from it. */
  #isJointUnderWay = false;

  constructor(world: World, regime: Regime, machines: MachineFaults, wires: WireFaults, calls: Calls) {
    this.#world = world;
    this.#regime = regime;
    this.#machines = machines;
    this.#wires = wires;
    this.#calls = calls;
  }

  inject(kind: FaultKind, strike: Strike): Undo | null {
    if (kind === "joint-election") {
      return this.#replaceVoter(strike, (voters) => this.#silenceJointly(strike, voters));
    }
    if (kind === "elect-removed") {
      return this.#replaceVoter(strike, (voters) => this.#electRemoved(strike, voters));
    }
    if (kind === "late-words") return this.#delayWords(strike, this.#there);
    return null;
  }

  get #there(): Host[] {
    return this.#world.hosts.filter((host) => host.isUp && !host.isPaused);
  }

  get #electionMs(): number {
    return this.#regime.settings.raft.electionTimeoutMs;
  }

  /**
   * A voter is out of reach until another is to take its place. What that takes is waited for: that somebody leads, a voter can be
   * spared and a member is there to take its place.
   */
  #replaceVoter(strike: Strike, begin: (voters: Voters) => Undo): Undo | null {
    if (this.#isJointUnderWay) return null;
    this.#isJointUnderWay = true;
    let undo: Undo | null = null;
    const look = () => {
      const voters = this.#spareVoter(strike);
      if (voters === null) strike.later(1000 * JOINT_LOOK_MS, look);
      else undo = begin(voters);
    };
    look();
    const elections = LURKING_ELECTIONS + CATCH_UP_ELECTIONS + SILENT_ELECTIONS;
    strike.lengthMs += this.#regime.settings.voterReplaceMs + elections * this.#electionMs;
    return () => {
      this.#isJointUnderWay = false;
      undo?.();
    };
  }

  /** Null where nobody leads, no voter can be spared or nobody is there to take its place. */
  #spareVoter(strike: Strike): Voters | null {
    const there = this.#there;
    const leader = there.find((host) => groupOf(host, CONTROL_GROUP)?.role === "leader");
    if (leader === undefined) return null;
    const { incoming, outgoing } = groupOf(leader, CONTROL_GROUP)!.configuration;
    const voters = there.filter((host) => incoming.includes(memberOf(host)));
    const away = strike.one(voters.filter((host) => host !== leader));
    const isFull = voters.length === incoming.length && incoming.length >= 3 && outgoing.length === 0;
    const spares = there.filter((host) => memberOf(host) !== 0 && !voters.includes(host));
    if (away === undefined || !isFull || spares.length === 0) return null;
    return { away, left: voters.filter((host) => host !== away), spares };
  }

  /** The leader falls silent as soon as it has sent out the joint configuration, which whoever received it elects by. */
  #silenceJointly(strike: Strike, { away, left }: Voters): Undo {
    const open = this.#wires.cutOff(away);
    const isMinority = strike.draws.chance(MINORITY_PER_MILLION);
    const silent = isMinority ? left.length + 2 - majorityOf(left.length + 1) : 1;
    const stopWatching = this.#machines.awaitFirst(left, leadsJointly, (first) => {
      this.#world.ledger.strike(strike.kind);
      const silentMs = SILENT_ELECTIONS * this.#electionMs;
      const others = left.filter((host) => host !== first);
      for (const host of [first, ...others.slice(0, silent - 1)]) {
        host.pause(this.#world.nowUs + 1000 * silentMs);
      }
      strike.later(1000 * silentMs, () => strike.end());
    });
    return () => {
      stopWatching();
      open();
    };
  }

  /**
   * The voter's disk hangs, until the leader counts by a joint configuration. Then that hears from nobody else any more: who is to lose
   * its vote is the only one that has the change and can reach majorities (Ongaro's thesis, section 4.2.2), and leads until it is
   * a voter no more by what it has committed itself.
   */
  #electRemoved(strike: Strike, { away, left, spares }: Voters): Undo {
    away.disk.faults.hungUntilUs = this.#world.nowUs + 1000 * HUNG_MS;
    let open = NOTHING_TO_UNDO;
    const stopWatching = this.#machines.awaitFirst(left, leadsJointly, (leader) => {
      away.disk.release();
      open = this.#wires.cutOff(leader, [...left, ...spares].filter((host) => host !== leader));
      const look = () => {
        if (!leadsJointly(away)) return strike.later(1000 * LOOK_MS, look);
        this.#world.ledger.strike(strike.kind);
        strike.end();
      };
      look();
    });
    return () => {
      stopWatching();
      away.disk.release();
      open();
    };
  }

  /**
   * One direction of the wire between a leader and a voter holds what is on it while leadership goes to a third member, and
   * where the words are for the leader, back: then they come.
   */
  #delayWords(strike: Strike, there: readonly Host[]): Undo | null {
    const leader = strike.one(there.filter((host) => this.#ledOf(host, there).length > 0));
    if (leader === undefined) return null;
    const { group, voters } = strike.draws.pick(this.#ledOf(leader, there));
    const [late, heir] = strike.draws.shuffled(voters) as [Host, Host];
    const isToLeader = strike.draws.chance(TO_LEADER_PER_MILLION);
    const [from, to] = isToLeader ? [late, leader] : [leader, late];
    let isCut = false;
    const cut = () => {
      isCut = true;
      this.#wires.cut(from, to);
    };
    const comeThrough = () => {
      if (isCut) this.#wires.open(from, to, 1);
      isCut = false;
    };
    const isLater = (host: Host) => (groupOf(host, group.group)?.term ?? 0) > group.term;
    const handOver = () =>
      this.#handOver(strike, group, leader, heir, () => isLater(late), () => {
        const done = () => {
          this.#world.ledger.strike(strike.kind);
          strike.end();
        };
        if (isToLeader) this.#handOver(strike, group, heir, leader, () => true, done);
        else done();
      });
    strike.lengthMs = HANDOVER_ELECTIONS * this.#electionMs;
    if (isToLeader) {
      cut();
      handOver();
      return comeThrough;
    }
    // Its word to campaign is what is late: the turn that says it is waited for.
    const tells = () => isTold(groupOf(leader, group.group), memberOf(late));
    const stopWatching = this.#machines.awaitFirst([leader], tells, () => {
      cut();
      handOver();
    });
    this.#ask(group, leader, late);
    return () => {
      stopWatching();
      comeThrough();
    };
  }

  /** Groups that the host leads, each with its other voters that are there: two at least. */
  #ledOf(leader: Host, there: readonly Host[]): { group: GroupInspection; voters: Host[] }[] {
    return groupsOf(leader).filter(({ role }) => role === "leader").map((group) => {
      const { incoming } = group.configuration;
      return { group, voters: there.filter((host) => host !== leader && incoming.includes(memberOf(host))) };
    }).filter(({ voters }) => voters.length >= 2);
  }

  /** Has `from` hand `group` over to `to`, and calls `next` once that leads in a later term and `isReady`. */
  #handOver(
    strike: Strike,
    group: GroupInspection,
    from: Host,
    to: Host,
    isReady: () => boolean,
    next: () => void,
  ): void {
    const before = groupOf(from, group.group)?.term ?? 0;
    let looks = 0;
    const look = () => {
      const now = groupOf(to, group.group);
      if (now?.role === "leader" && now.term > before && isReady()) {
        next();
        return;
      }
      if (looks++ % LOOKS_UNTIL_ASKED_AGAIN === 0) this.#ask(group, from, to);
      strike.later(1000 * LOOK_MS, look);
    };
    look();
  }

  #ask({ name }: GroupInspection, from: Host, to: Host): void {
    this.#calls.make(from, { kind: "transfer-leadership", stream: name, to: to.name }, NOBODY, PATIENCE_MS);
  }
}

/** True where the host leads the control group by a joint configuration. */
function leadsJointly(host: Host): boolean {
  const control = groupOf(host, CONTROL_GROUP);
  return control?.role === "leader" && control.configuration.outgoing.length > 0;
}

/** True where a leader that hands over has just told who has all of its log, and that is `heir`. */
function isTold(group: GroupInspection | undefined, heir: MemberId): boolean {
  if (group === undefined || group.transferUntilMs === -Infinity) return false;
  return group.matches().some(({ member, match }) => member === heir && match >= group.last);
}

function groupsOf(host: Host): readonly GroupInspection[] {
  return host.node?.inspect().groups ?? [];
}

function groupOf(host: Host, group: number): GroupInspection | undefined {
  return groupsOf(host).find((each) => each.group === group);
}

/** 0 for who is none. */
function memberOf(host: Host): MemberId {
  return host.node?.inspect().memberId ?? 0 as MemberId;
}
