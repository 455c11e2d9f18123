/** All checkers of a run: what is looked at after every event, and what is judged at its end. */
import type { MemberId } from "../../src/core/ids.ts";
import type { GroupInspection, NodeInspection, Observer } from "../../src/node/inspection.ts";
import type { RecoveryPlan } from "../../src/node/mod.ts";
import { ControlLog } from "../control_log.ts";
import { ROT_KINDS } from "../faults/kinds.ts";
import { readRecordBatchHeader } from "../../src/stream/mod.ts";
import type { Host } from "../host.ts";
import type { CallObserver } from "../workloads/clients.ts";
import type { Effects } from "../workloads/effects.ts";
import type { KvHistory } from "../workloads/history.ts";
import { Accounts } from "./accounts.ts";
import { Answers } from "./answers.ts";
import { AppliedOnce } from "./applied_once.ts";
import { Bounds } from "./bounds.ts";
import { CheckQuorum } from "./check_quorum.ts";
import { CommitRule } from "./commit_rule.ts";
import { Commitment } from "./commitment.ts";
import { ConfigurationRule } from "./configuration_rule.ts";
import { DeadSessions } from "./dead_sessions.ts";
import { DeliveryCheck } from "./delivery.ts";
import { DroppedGroups } from "./dropped_groups.ts";
import { DurableLog } from "./durable_log.ts";
import { ElectionSafety } from "./election_safety.ts";
import { Elected } from "./elected.ts";
import { FrameIntegrity } from "./frame_integrity.ts";
import { FreshReads } from "./fresh_reads.ts";
import { GroupLog } from "./group_logs.ts";
import { groupKey } from "./keys.ts";
import { LastLook } from "./last_look.ts";
import { LaterTerm } from "./later_term.ts";
import { LeaseRule, type LocalClock, type LocalTime } from "./lease_rule.ts";
import { Linearizability } from "./linearizability.ts";
import { Handovers } from "./handovers.ts";
import { LogKept } from "./log_kept.ts";
import { LogMatching } from "./log_matching.ts";
import { MatchRule } from "./match_rule.ts";
import { MembershipCheck } from "./membership.ts";
import { Monotonicity } from "./monotonicity.ts";
import { Notices } from "./notices.ts";
import { Promises } from "./promises.ts";
import { raftMessages } from "./raft_messages.ts";
import { ReadNames } from "./read_names.ts";
import { Releases } from "./releases.ts";
import { SaidCommitted } from "./said_committed.ts";
import { SaidQueued } from "./said_queued.ts";
import { type CommittedFacts, SnapshotFiles } from "./snapshot_files.ts";
import { Silence } from "./silence.ts";
import { StableLeadership } from "./stable_leadership.ts";
import { StateEquality } from "./state_equality.ts";
import { StickyVotes } from "./sticky_votes.ts";
import { StreamModel } from "./stream_model.ts";
import { Subscribers } from "./subscribers.ts";
import { TermOrigin } from "./term_origin.ts";
import { Seeking } from "./seeking.ts";
import { TurnsEnd } from "./turns_end.ts";
import { VoteRule } from "./vote_rule.ts";
import { type FiledGroup, readWalFiles, type WalFiles, WalReading } from "./wal_files.ts";
import { Watches } from "./watches.ts";

export { SafetyViolation } from "./verdict.ts";

/** A member, and the configuration by which it counts votes. */
export type Counted = Pick<GroupInspection, "memberId" | "configuration">;

/** Of a node's data folder. */
const WAL_FOLDER = "wal";
const SNAPSHOT_FOLDER = "snapshots";

export class Checkers {
  /** What a verdict can name besides "liveness" and "crash". */
  static readonly NAMES: readonly string[] = [
    "bounded-sizes",
    "frame-integrity",
    "membership",
    "term-origin",
    "vote-rule",
    "log-kept",
    "configuration-rule",
    "stable-leadership",
    "said-committed",
    "said-queued",
    "lease-rule",
    "election-safety",
    "promises-kept",
    "commit-rule",
    "log-matching",
    "monotonicity",
    "committed-immutable",
    "committed-on-quorum",
    "leader-completeness",
    "state-equality",
    "delivery",
    "acknowledged-durable",
    "stream-order",
    "exactly-once",
    "linearizability",
    "fresh-reads",
    "durable-log",
    "watch-complete",
    "elected",
    "stream-model",
    "seeking",
    "later-term",
    "turns-end",
    "match-rule",
    "read-names",
    "sticky-votes",
    "applied-once",
    "snapshot-files",
    "silence",
    "dropped-groups",
    "answers",
    "handovers",
    "notices",
    "releases",
    "dead-sessions",
    "check-quorum",
    "subscribers",
    "accounts",
  ];

  /** Places of node code that were passed, and how often. */
  readonly marks: Record<string, number> = {};
  readonly election = new ElectionSafety();
  readonly leases = new LeaseRule();
  readonly matching = new LogMatching();
  readonly matches = new MatchRule();
  readonly readNames = new ReadNames();
  readonly once = new AppliedOnce();
  readonly snapshots = new SnapshotFiles();
  readonly sticky = new StickyVotes();
  readonly silence = new Silence();
  readonly answers = new Answers();
  readonly handovers = new Handovers();
  readonly quorums = new CheckQuorum();
  readonly notices = new Notices();
  readonly releases = new Releases();
  readonly sessions = new DeadSessions();
  readonly commitment = new Commitment();
  readonly commitRule = new CommitRule();
  readonly promises = new Promises();
  readonly termOrigin = new TermOrigin();
  readonly voteRule = new VoteRule();
  readonly kept = new LogKept();
  readonly configurations = new ConfigurationRule();
  readonly stability = new StableLeadership();
  readonly said = new SaidCommitted();
  readonly queued = new SaidQueued();
  readonly elected = new Elected();
  readonly watches = new Watches();
  readonly durable = new DurableLog();
  readonly reads = new FreshReads();
  readonly streams: StreamModel = new StreamModel((group) => this.control.requiredOf(group));
  readonly subscribers = new Subscribers((group, member, name) => this.streams.epochOf(group, member, name));
  readonly accounts = new Accounts();
  readonly equality = new StateEquality();
  readonly monotonicity = new Monotonicity();
  readonly bounds = new Bounds();
  readonly turns = new TurnsEnd();
  readonly seeking = new Seeking();
  readonly laterTerm = new LaterTerm();
  readonly integrity = new FrameIntegrity();
  readonly control = new ControlLog();
  readonly membership = new MembershipCheck(this.control);
  readonly linearizability = new Linearizability();
  readonly delivery = new DeliveryCheck();
  /** How each host's node counted in the control group when it was last looked at. */
  readonly counted = new Map<Host, Counted>();
  readonly gone = new DroppedGroups((group) => this.control.isDropped(group));
  /** Drops that `gone` was told of. */
  #drops = 0;
  /** Of the control log's, those that were passed on. */
  #removals = 0;
  #admissions = 0;
  /** Where each member was last seen. */
  readonly #hosts = new Map<number, Host>();
  /** By a member's own clock. */
  readonly #clock: LocalClock = (member) => {
    const host = this.#hosts.get(member);
    if (host === undefined || !host.isUp) return null;
    return timeOf(host);
  };
  /** The last start of a member's node that is down; null where it is up, or was never seen. */
  readonly #downAs = (member: MemberId): number | null => {
    const host = this.#hosts.get(member);
    return host === undefined || host.isUp ? null : host.incarnation;
  };
  readonly #facts: CommittedFacts = {
    termAt: (group, generation, index) => this.commitment.termAt(group, generation, index),
    configurationAt: (group, generation, index) => this.configurations.committedAt(group, generation, index),
  };
  /** Group to member to the log as it was last seen. */
  readonly #logs = new Map<string, Map<number, GroupLog>>();
  readonly #looks = new Map<Host, Map<number, LastLook>>();
  readonly #readings = new Map<Host, WalReading>();

  /** What a host's node tells while it runs. */
  observer(host: Host): Observer {
    const { marks, commitment, configurations, control, durable, once, said, reads, streams, watches, gone } =
      this;
    const { membership, releases } = this;
    const tellControl = () => {
      const { dropped, removals, admissions } = control;
      while (this.#drops < dropped.length) gone.dropped(dropped[this.#drops++]!);
      while (this.#removals < removals.length) releases.removed(removals[this.#removals++]!);
      while (this.#admissions < admissions.length) membership.admission(admissions[this.#admissions++]!);
    };
    return {
      applied(group, generation, index, term, kind, bytes) {
        commitment.applied(host.name, group, generation, index, term, kind, bytes);
        configurations.applied(group, generation, index, kind, bytes);
        once.applied(group, generation, index, kind, bytes);
        said.applied(group, index, kind, bytes);
        gone.applied(group, index, kind, bytes);
        control.applied(group, index, kind, bytes);
        tellControl();
        reads.applied(group, index);
        watches.applied(group, index, kind, bytes);
        streams.applied(group, generation, index, kind, bytes);
      },
      restored(group, generation, index) {
        watches.restored(host.name, group, index);
        durable.replaced(host.name);
        host.world.note(host, `restored group ${group}/${generation} up to ${index}`);
        host.world.ledger.strike("snapshot-installed");
      },
      reach(mark) {
        marks[mark] = (marks[mark] ?? 0) + 1;
      },
      note(text) {
        host.world.note(host, text);
      },
    };
  }

  /** What one send took arrived; what is damaged of it is not taken. */
  arrived(bytes: Uint8Array): void {
    const frames = raftMessages(bytes);
    this.promises.heard(frames);
    for (const frame of frames) {
      this.elected.heard(frame);
      this.answers.heard(frame);
      this.handovers.heard(frame);
      this.quorums.heard(frame, this.#clock);
      this.leases.heard(frame, this.#clock);
      this.sticky.heard(frame, this.#clock);
      this.laterTerm.heard(frame, this.#clock);
      this.readNames.heard(frame);
      const { envelope: { group, generation, from }, message } = frame;
      if (message.kind !== "vote") continue;
      this.termOrigin.announced(group, generation, message.term);
      this.voteRule.asked(group, generation, message.term, from, message);
    }
  }

  /** Looks at one host after its turn. Returns the node's state. */
  look(host: Host): string {
    const { node } = host;
    if (node === null) return "down";
    const inspection = node.inspect();
    this.bounds.check(inspection);
    this.bounds.checkVoters(inspection, host.settings!.votersLimit);
    this.turns.check(host.name, host.overdueWishes);
    this.seeking.check(inspection);
    this.integrity.check(host);
    this.membership.check(host.name, inspection);
    this.membership.checkSessions(host.name, inspection, timeOf(host));
    this.gone.look(host.name, host.incarnation, inspection);
    // What a paused node has not been told of yet may keep it from handing on what it holds.
    const isSettled = host.disk.isSettled && (inspection.sizes["inputs"] ?? 0) === 0;
    const now = timeOf(host);
    if ((inspection.sizes["inputs"] ?? 0) === 0) {
      this.sessions.check(host.name, host.world.network.endsOf(host), now, host.settings!.idleTimeoutMs);
    }
    for (const group of inspection.groups) this.#lookAt(host, group, isSettled, now);
    const { disk } = host;
    const { groups } = inspection;
    const hasRotted = [...ROT_KINDS].some((kind) => host.world.ledger.get(kind).struck > 0);
    if (this.durable.isDue(host.name, host.incarnation, groups.length, disk.removals)) {
      let reading = this.#readings.get(host);
      if (reading === undefined) this.#readings.set(host, reading = new WalReading());
      const files = reading.read(disk.durableFiles(WAL_FOLDER));
      const logs = files?.groups ?? null;
      const told = (group: GroupInspection) => this.promises.told(group);
      this.durable.check(host.name, groups, logs, told, hasRotted);
      this.gone.lookAtDisk(host.name, logs, files?.closed ?? null);
      this.#lookAtSnapshots(host, groups, logs);
      this.#checkLog(host, inspection, files);
    }
    this.accounts.checkKeyValue(host.name, host.incarnation, inspection, false);
    this.#checkGrowth(host, inspection, hasRotted);
    for (const stream of inspection.streams) {
      const group = inspection.groups.find((each) => each.group === stream.group);
      if (group !== undefined) {
        this.streams.check(host.name, host.incarnation, group, stream, !hasRotted);
        this.subscribers.check(host, group.applied, stream);
      }
    }
    return inspection.state;
  }

  #lookAtSnapshots(
    { name, disk, world }: Host,
    groups: readonly GroupInspection[],
    logs: ReadonlyMap<number, FiledGroup> | null,
  ): void {
    // One that the disk has damaged is no more, and says what nobody wrote.
    if (world.ledger.get("damaged-snapshot").struck > 0) return;
    const files = disk.durableFiles(SNAPSHOT_FOLDER);
    this.snapshots.check(name, groups, files, this.#facts);
    this.snapshots.checkPiled(name, groups, files);
    this.snapshots.checkBases(name, groups, files, logs);
  }

  #lookAt(host: Host, group: GroupInspection, isSettled: boolean, now: LocalTime): void {
    const { name, incarnation } = host;
    this.#hosts.set(group.memberId, host);
    const last = this.#lastLook(host, group);
    const log = last.isSame(incarnation, isSettled, group) ? null : this.#log(group);
    const first = log === null ? 0 : this.#lookAtLog(host, group, log);
    // What these judge by changes without a change of the group: the time, what was heard of it, what others do.
    this.stability.check(group);
    const { electionTimeoutMs } = host.settings!.raft;
    this.leases.check(group, now.ms, electionTimeoutMs, this.#clock);
    this.sticky.check(group, now, electionTimeoutMs, this.#clock);
    this.laterTerm.check(group, now);
    this.silence.check(incarnation, group);
    this.answers.check(group);
    this.handovers.check(group, now, electionTimeoutMs);
    this.quorums.check(group, now, electionTimeoutMs);
    const isDiskFull = host.disk.faults.capacityBytes !== Infinity;
    this.notices.check(group, now, electionTimeoutMs, this.#downAs, isDiskFull);
    last.told ??= this.promises.told(group);
    this.promises.check(group, last.told);
    if (log === null) return;
    this.commitRule.check(name, incarnation, group);
    this.durable.checkInstall(name, group);
    if (first <= log.last) this.matching.check(group, log, first);
    this.monotonicity.check(name, incarnation, group, isSettled);
    // Who acknowledges an entry and lets go of a dropped group in the same turn is never seen to hold it.
    if (!this.control.isDropped(group.group)) {
      this.commitment.check(name, incarnation, group, log, (member) => this.#logsOf(group).get(member));
      this.matches.check(group, log, (member) => this.#logsOf(group).get(member));
    }
    this.equality.check(name, incarnation, group, false);
    if (group.group === 0) this.counted.set(host, group);
  }

  /** Takes over what is new in the member's log and returns the first index that is. */
  #lookAtLog({ name, incarnation }: Host, group: GroupInspection, log: GroupLog): number {
    this.kept.check(incarnation, group, log);
    const first = log.update(group);
    this.termOrigin.check(group);
    this.voteRule.check(incarnation, group, log);
    this.configurations.check(name, incarnation, group, log);
    this.said.named(group);
    this.releases.check(group, log);
    this.election.check(group);
    this.elected.check(group, log);
    this.durable.leads(name, group);
    return first;
  }

  /** An operator went on without a majority. */
  recovered(plan: RecoveryPlan): void {
    this.membership.isRecovered = true;
    this.releases.isRecovered = true;
    for (const { group, generation, term, forced } of plan.groups) {
      if (!forced) continue;
      this.configurations.forced(group, generation, term);
      this.termOrigin.announced(group, generation, term);
    }
  }

  /** What clients ask and are answered. */
  callObserver(): CallObserver {
    const { reads, queued, streams, subscribers } = this;
    const saidQueued = ({ node }: Host, stream: string, batch: Uint8Array) => {
      const { memberId, streams: shown } = node!.inspect();
      const group = shown.find(({ name }) => name === stream)?.group;
      if (group !== undefined) streams.queued(memberId, group, readRecordBatchHeader(batch));
    };
    return {
      asked(_host, token, call) {
        subscribers.asked(token, call);
        if (call.kind === "kv-get") reads.asked(token);
        if (call.kind === "publish" && call.level === "QUEUED") {
          queued.asked(token, call.stream, call.batch);
        }
      },
      answered(host, token, reply) {
        subscribers.answered(host, token, reply, () => host.node!.inspect());
        const durable = () => host.disk.durableFiles(WAL_FOLDER).map(({ bytes }) => bytes);
        const said = queued.answered(host.name, token, reply, durable);
        if (said !== null) saidQueued(host, said.stream, said.batch);
        if (reply.kind !== "value") return reads.lost(token);
        const control = host.node?.inspect().groups.find((group) => group.group === 0);
        if (control !== undefined) reads.answered(token, host.name, control.applied);
      },
      lost(token) {
        reads.lost(token);
        queued.lost(token);
        subscribers.lost(token);
      },
      pushed(token, push) {
        subscribers.pushed(token, push);
      },
    };
  }

  /** After convergence. */
  final(hosts: readonly Host[], history: KvHistory, effects: Effects): void {
    for (const host of hosts) {
      const inspection = host.node?.inspect();
      for (const group of inspection?.groups ?? []) {
        this.equality.check(host.name, host.incarnation, group, true);
      }
      if (inspection !== undefined) {
        this.accounts.checkKeyValue(host.name, host.incarnation, inspection, true);
        const segments = host.disk.durableFiles(WAL_FOLDER).map(({ bytes }) => bytes);
        this.#checkLog(host, inspection, readWalFiles(segments));
      }
      this.#checkLeft(host);
      this.#checkSnapshotsLeft(host);
    }
    this.membership.checkFinal();
    this.delivery.checkFinal(
      effects,
      (stream, id) => this.said.isApplied(stream, id),
      (stream, id) => this.streams.holds(this.control.groupOf(stream), id),
    );
    this.linearizability.check(history);
    this.watches.checkFinal();
  }

  #checkGrowth(host: Host, inspection: NodeInspection, hasRotted: boolean): void {
    const { name, incarnation, turns, disk, world: { nowUs } } = host;
    const isHindered = hasRotted || disk.faults.capacityBytes !== Infinity || disk.faults.hungUntilUs > nowUs;
    const segmentBytes = host.settings!.walSegmentBytes;
    const { removals } = disk;
    const moment = { host: name, incarnation, turns, nowUs, removals, isHindered, segmentBytes };
    this.accounts.checkGrowth(moment, inspection);
  }

  /** What a node says of its log, where nothing is under way and nothing waits to be learned. */
  #checkLog({ name, disk, settings }: Host, inspection: NodeInspection, files: WalFiles | null): void {
    if (files === null || !disk.isSettled || (inspection.sizes["inputs"] ?? 0) > 0) return;
    const bytes = disk.durableFiles(WAL_FOLDER).reduce((sum, file) => sum + file.bytes.length, 0);
    this.accounts.checkLog(name, inspection, files, bytes, settings!.walSegmentBytes);
  }

  #checkSnapshotsLeft({ name, node, disk }: Host): void {
    const inspection = node?.inspect();
    if (inspection === undefined || !disk.isSettled || (inspection.sizes["inputs"] ?? 0) > 0) return;
    const names = disk.durableFiles(SNAPSHOT_FOLDER).map((file) => file.name);
    this.snapshots.checkLeft(name, inspection.groups, names);
  }

  /** What dropped groups have left on the disk of a member. */
  #checkLeft({ name, disk }: Host): void {
    const member = this.control.memberByName(name);
    if (member === null) return;
    const segments = disk.durableFiles(WAL_FOLDER).map(({ bytes }) => bytes);
    const snapshots = disk.durableFiles(SNAPSHOT_FOLDER).map((file) => file.name);
    this.gone.checkFinal(name, member.memberId, this.control.dropped, { segments, snapshots });
  }

  /** Evidence given to each. */
  counts(): Record<string, number> {
    return {
      "bounded-sizes": this.bounds.inputs,
      "bounded-sizes-voters": this.bounds.voterInputs,
      "check-quorum": this.quorums.inputs,
      "committed-immutable": this.commitment.inputs,
      "commit-rule": this.commitRule.inputs,
      "committed-on-quorum": this.commitment.countInputs,
      "acknowledged-durable": this.delivery.inputs,
      answers: this.answers.inputs,
      "applied-once": this.once.inputs,
      "configuration-rule": this.configurations.inputs,
      "configuration-changes": this.configurations.changeInputs,
      "configuration-joint-steps": this.configurations.jointInputs,
      "configuration-steps": this.configurations.stepInputs,
      "election-safety": this.election.inputs,
      "election-safety-followers": this.election.followerInputs,
      "frame-integrity": this.integrity.inputs,
      "exactly-once": this.delivery.sinkInputs,
      "leader-completeness": this.commitment.leaderInputs,
      "lease-rule": this.leases.inputs,
      linearizability: this.linearizability.inputs,
      "log-kept": this.kept.inputs,
      "log-kept-restarts": this.kept.restarted,
      membership: this.membership.inputs,
      "membership-removals": this.membership.removedInputs,
      "membership-sessions": this.membership.sessionInputs,
      "dead-sessions": this.sessions.inputs,
      handovers: this.handovers.inputs,
      "handovers-campaigns": this.handovers.campaignInputs,
      "notices-disks": this.notices.diskInputs,
      notices: this.notices.inputs,
      releases: this.releases.configurationInputs,
      "log-matching": this.matching.inputs,
      "match-rule": this.matches.inputs,
      monotonicity: this.monotonicity.inputs,
      "monotonicity-restarts": this.monotonicity.restarts,
      "none-lost": this.delivery.acknowledgeInputs,
      "promises-kept": this.promises.inputs,
      "dropped-groups": this.gone.inputs,
      "dropped-groups-ends": this.gone.endInputs,
      "dropped-groups-disks": this.gone.diskInputs,
      "refused-as-closed": this.delivery.refusedInputs,
      "durable-log": this.durable.inputs,
      "durable-log-ends": this.durable.endInputs,
      "durable-log-installs": this.durable.installInputs,
      elected: this.elected.inputs,
      "elected-candidates": this.elected.candidates,
      accounts: this.accounts.inputs,
      "accounts-logs": this.accounts.logInputs,
      "accounts-growth": this.accounts.grownInputs,
      subscribers: this.subscribers.inputs,
      "subscribers-fenced": this.subscribers.fencedInputs,
      "watch-complete": this.watches.inputs,
      "fresh-reads": this.reads.inputs,
      "read-names": this.readNames.inputs,
      "said-committed": this.said.inputs,
      "said-queued": this.queued.inputs,
      silence: this.silence.inputs,
      "snapshot-files": this.snapshots.inputs,
      "snapshot-files-bases": this.snapshots.baseInputs,
      "snapshot-files-left": this.snapshots.leftInputs,
      "stable-leadership": this.stability.inputs,
      "state-equality": this.equality.inputs,
      "sticky-votes": this.sticky.inputs,
      "sticky-votes-asked": this.sticky.askedInputs,
      "sticky-votes-silent": this.sticky.silentInputs,
      "stream-model": this.streams.inputs,
      "stream-model-first": this.streams.firstInputs,
      "stream-model-queued": this.streams.queuedInputs,
      "turns-end": this.turns.inputs,
      seeking: this.seeking.inputs,
      "later-term": this.laterTerm.inputs,
      "term-origin": this.termOrigin.inputs,
      "vote-rule": this.voteRule.inputs,
    };
  }

  #lastLook(host: Host, group: GroupInspection): LastLook {
    let looks = this.#looks.get(host);
    if (looks === undefined) this.#looks.set(host, looks = new Map());
    let last = looks.get(group.group);
    if (last?.generation !== group.generation || last.memberId !== group.memberId) {
      looks.set(group.group, last = new LastLook(group));
    }
    return last;
  }

  #log(group: GroupInspection): GroupLog {
    const logs = this.#logsOf(group);
    let log = logs.get(group.memberId);
    if (log === undefined) logs.set(group.memberId, log = new GroupLog());
    return log;
  }

  #logsOf({ group, generation }: GroupInspection): Map<number, GroupLog> {
    const key = groupKey(group, generation);
    let logs = this.#logs.get(key);
    if (logs === undefined) this.#logs.set(key, logs = new Map());
    return logs;
  }
}

/** By the host's own clock. */
function timeOf(host: Host): LocalTime {
  return { ms: host.io.clock.monotonicMs(), incarnation: host.incarnation, turns: host.turns };
}
