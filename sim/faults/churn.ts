/**
 * Membership that changes while everything else goes on: nodes join late, leave, are evicted alive or dead, come back with
 * the disk that they had (which nobody may let in) or under their name on an empty one (a new member), move to another
 * address, and leaderships are handed over.
 *
 * Whatever is lost then is Sennit's fault: a node is taken away for good only where the mesh and every stream keep a quorum
 * that is, or comes, back; one task at a time, done once no group counts on who was removed.
 */
import type { Call } from "../../src/node/calls.ts";
import type { NodeSettings } from "../../src/node/settings.ts";
import type { ControlLog } from "../control_log.ts";
import type { Host } from "../host.ts";
import type { Workload } from "../workload.ts";
import type { World } from "../world.ts";
import type { FaultKind } from "./kinds.ts";
import type { MachineFaults } from "./machines.ts";
import type { Operator, Script } from "./operator.ts";
import { lifeOf } from "../workloads/lives.ts";
import { type Faults, NOTHING_TO_UNDO, type Strike, type Undo } from "./strike.ts";
import type { WireFaults } from "./wires.ts";

/** A mesh keeps so many members, and a group of a stream that loses one; one that leaves by itself hands over before. */
const MEMBERS_LEFT = 2;
const INVITATION_VALID_MS = 3_600_000;
const RETRY_MS = 200;
const USED_PER_MILLION = 500_000;
/** Until an operator believes that what should have happened did not. */
const LOOK_MS = 100;
/** Members that leave while a group that is to do without them cannot agree on that. */
const STALLS_PER_MILLION = 800_000;
/** How long it may take to remove a member and to let it in anew, and how long another hears of that from itself alone. */
const REPLACE_MS = 8_000;
const UNHEARD_MS = 4_000;
const STREAM_RETENTION_BYTES = 64 * 1024 * 1024;
const STREAMS_LIMIT = 5;
/** Streams of a run that are closed, and of those the ones that are dropped at once, whatever they hold. */
const CLOSES_LIMIT = 4;
const DISCARDS_PER_MILLION = 250_000;
/** Where a member is away nobody waits for it so often. */
const IMPATIENT_PER_MILLION = 700_000;
/** Streams that are opened under the name of one that is gone, where there is one. */
const REOPENS_PER_MILLION = 500_000;
/** Streams that ask for a replica beside source and targets. */
const BORROWS_PER_MILLION = 500_000;

interface Task {
  readonly what: string;
  readonly script: Script;
}

/** What the run knows of the mesh that it has built. */
export interface Mesh {
  readonly control: ControlLog;
  settingsOf(host: Host, port: number): NodeSettings;
  /** True where the disk of the member is durably rid of a group that was dropped. */
  hasLetGo(member: number, group: number): boolean;
}

export class ChurnFaults implements Faults {
  readonly #world: World;
  readonly #workload: Workload;
  readonly #mesh: Mesh;
  readonly #control: ControlLog;
  readonly #machines: MachineFaults;
  readonly #wires: WireFaults;
  readonly #operator: Operator;
  #lastPort = 7000;
  /** Who moved last, and how far the control log was when it had its address. */
  #lastMove: { readonly host: Host; readonly index: number } | null = null;
  /** A token that has let somebody in; "" before. */
  #usedToken = "";
  #streams = 0;
  #closes = 0;

  constructor(
    world: World,
    workload: Workload,
    mesh: Mesh,
    machines: MachineFaults,
    wires: WireFaults,
    operator: Operator,
  ) {
    this.#world = world;
    this.#workload = workload;
    this.#mesh = mesh;
    this.#control = mesh.control;
    this.#machines = machines;
    this.#wires = wires;
    this.#operator = operator;
  }

  inject(kind: FaultKind, strike: Strike): Undo | null {
    if (this.#operator.isBusy) return null;
    if (kind === "return-unheard") return this.#returnUnheard(strike);
    const task = this.#taskOf(kind, strike);
    if (task === null) return null;
    this.#operator.begin(task.what, this.#counted(kind, task.script));
    const stalls = kind === "leave" &&
      this.#world.prf.site(`${strike.site}/stall`).chance(STALLS_PER_MILLION);
    return (stalls ? this.#machines.stallNextChange(strike) : null) ?? NOTHING_TO_UNDO;
  }

  /** Hosts of members that nobody has asked to be removed. */
  members(): Host[] {
    return this.#world.hosts.filter((host) => this.#control.stays(host.name));
  }

  #taskOf(kind: FaultKind, strike: Strike): Task | null {
    switch (kind) {
      case "transfer-leadership":
        return this.#transfer(strike);
      case "open-stream":
        return this.#openStream(strike);
      case "close-stream":
        return this.#closeStream(strike);
      case "move": {
        const host = strike.one(this.members().filter((each) => this.#mayMove(each)));
        return host === undefined ? null : { what: `move ${host.name}`, script: this.#move(host) };
      }
      case "join": {
        const host = strike.one(
          this.#world.hosts.filter((each) => this.#control.memberByName(each.name) === null),
        );
        return host === undefined ? null : { what: `join ${host.name}`, script: this.#join(host, strike) };
      }
      case "leave": {
        const host = strike.one(this.#spareable(1).filter((each) => each.isUp));
        return host === undefined ? null : { what: `leave ${host.name}`, script: this.#leave(host, strike) };
      }
      case "evict": {
        const host = strike.one(this.#spareable(MEMBERS_LEFT));
        return host === undefined ? null : { what: `evict ${host.name}`, script: this.#evict(host, strike) };
      }
      case "evict-dead": {
        const host = strike.one(this.#spareable(MEMBERS_LEFT).filter((each) => this.#mayDie(each)));
        if (host === undefined) return null;
        return { what: `evict dead ${host.name}`, script: this.#evictDead(host, strike) };
      }
    }
    return null;
  }

  *#counted(kind: FaultKind, script: Script): Script {
    yield* script;
    this.#world.ledger.strike(kind);
  }

  /**
   * A member is removed and comes back under its name on an empty disk, while another is cut off: that hears of the new one by its
   * own word first, and of the rest a while later.
   */
  #returnUnheard(strike: Strike): Undo | null {
    const [host, other] = strike.choose(
      this.#spareable(MEMBERS_LEFT).filter((each) => this.#mayDie(each)),
      2,
    );
    if (host === undefined || other === undefined || this.members().length <= MEMBERS_LEFT + 1) return null;
    const meets = this.#wires.cutOff(other, [host]);
    const hears = this.#wires.cutOff(
      other,
      this.#wires.hosts.filter((each) => each !== other && each !== host),
    );
    this.#operator.begin(
      `replace ${host.name}`,
      this.#replace(host, strike, () => {
        meets();
        this.#world.ledger.strike(strike.kind);
        strike.later(1000 * UNHEARD_MS, () => strike.end());
      }),
    );
    strike.lengthMs += REPLACE_MS;
    return () => {
      meets();
      hears();
    };
  }

  *#replace(host: Host, strike: Strike, isBack: () => void): Script {
    yield* this.#remove(host, strike);
    yield* this.#join(host, strike);
    if (!strike.isOver) isBack();
  }

  /** Members that may be taken away for good, where so many stay of every stream's group that one is of. */
  #spareable(left: number): Host[] {
    const members = this.#control.members();
    if (members.length <= MEMBERS_LEFT) return [];
    return this.members().filter((host) => {
      const id = this.#control.memberByName(host.name)!.memberId;
      return this.#control.streams().every(({ members }) => !members.includes(id) || members.length > left);
    });
  }

  /** Where a voter has just gone, those who are left may not be able to do without another one yet. */
  #mayDie(host: Host): boolean {
    return this.#control.decidesWithout(this.#control.memberByName(host.name)!.memberId);
  }

  // Coming.

  *#join(host: Host, strike: Strike): Script {
    this.#machines.off.delete(host);
    if (host.settings !== null) {
      // What its disk says it was is over: it comes as a new member.
      if (host.isUp) this.#machines.crash(host, true, this.#world.prf.site(`${strike.site}/wipe`));
      host.disk.wipe();
      this.#world.ledger.strike("disk-wiped");
    }
    host.settings ??= this.#mesh.settingsOf(host, 7000);
    this.#machines.restart(host);
    let validMs = INVITATION_VALID_MS;
    let token = "";
    // Some try first with what has let in another: a link that was passed on.
    let tries = this.#world.prf.site(`${strike.site}/used`).chance(USED_PER_MILLION) ? this.#usedToken : "";
    for (;;) {
      const state = host.node?.inspect().state;
      if (state === "member") break;
      const via = strike.one(this.members().filter((each) => each !== host && each.isUp));
      if (state !== "empty" || via === undefined) {
        yield* pause(LOOK_MS);
        continue;
      }
      if (tries !== "") {
        this.#world.ledger.strike("invitation-used-again");
        yield { kind: "ask", host, call: { kind: "join", token: tries, joinKey: "" } };
        tries = "";
        continue;
      }
      const invitation = yield { kind: "ask", host: via, call: { kind: "invite", validMs } };
      if (invitation?.kind === "text") {
        token = invitation.text;
        const reply = yield { kind: "ask", host, call: { kind: "join", token, joinKey: "" } };
        // Clocks that jumped several times are further apart than that.
        if (reply?.kind === "failed" && reply.error.code === "INVITATION_INVALID") validMs *= 2;
        // An earlier try was admitted and forgot who it was: that member will never come.
        if (reply?.kind === "failed" && reply.error.code === "NAME_TAKEN") yield* this.#remove(host, strike);
      }
      yield* pause(RETRY_MS);
    }
    yield* until(() => this.#control.stays(host.name));
    this.#usedToken = token;
  }

  /** A stream that is opened while the mesh is in trouble, also at members that came late. */
  #openStream(strike: Strike): Task | null {
    if (this.#streams >= STREAMS_LIMIT) return null;
    const hosts = strike.choose(this.members(), strike.draws.between(2, 4));
    if (hosts.length < 2) return null;
    const gone = this.#control.dropped.map((each) => each.name).filter((each) =>
      !this.#control.hasStream(each)
    );
    const isAgain = strike.draws.chance(REOPENS_PER_MILLION) && gone.length > 0;
    const name = isAgain ? strike.draws.pick(gone) : `late-${this.#streams}`;
    this.#streams += 1;
    return { what: `open ${name}`, script: this.#open(name, hosts, strike) };
  }

  #closeStream(strike: Strike): Task | null {
    const open = this.#control.streams().filter(({ closed }) => !closed);
    if (open.length === 0 || this.#closes >= CLOSES_LIMIT) return null;
    const stream = strike.draws.pick(open);
    this.#closes += 1;
    const isAway = this.members().some((host) => !host.isUp);
    const often = isAway ? IMPATIENT_PER_MILLION : DISCARDS_PER_MILLION;
    const discard = strike.draws.chance(often) && this.#control.dropsClosed;
    const what = `${discard ? "discard" : "close"} ${stream.name}`;
    return { what, script: this.#close(stream.name, discard, strike) };
  }

  /** Done once it is closed, or gone where that is asked for; that the rest follows shows when all is healed. */
  *#close(name: string, discard: boolean, strike: Strike): Script {
    const life = lifeOf(name, this.#control.lives(name));
    const group = this.#control.groupOf(life);
    const { effects } = this.#workload;
    this.#workload.closeStream(life);
    if (discard) effects.discarded.add(life);
    const isOpen = () => this.#control.streams().some((each) => each.group === group && !each.closed);
    while (isOpen()) {
      const via = strike.one(this.members().filter((each) => each.isUp));
      if (via !== undefined) yield { kind: "ask", host: via, call: { kind: "stream-close", name, discard } };
      yield* pause(RETRY_MS);
    }
  }

  /** Who has not let go of the one before under this name may take what is said to the new one for its own. */
  *#awaitGone(name: string): Script {
    const lives = this.#control.lives(name);
    for (let life = 1; life <= lives; life++) this.#workload.endStream(lifeOf(name, life));
    const groups = this.#control.dropped.filter((each) => each.name === name).map(({ group }) => group);
    const members = () => this.members().map((host) => this.#control.memberByName(host.name)!.memberId);
    const left = () => members().filter((id) => groups.some((group) => !this.#mesh.hasLetGo(id, group)));
    yield* until(() => {
      this.#operator.lastFailure = `members ${left().join(", ")} hold the ${name} before`;
      return left().length === 0;
    });
  }

  *#open(name: string, [source, ...targets]: readonly Host[], strike: Strike): Script {
    const borrows = this.#world.prf.site(`${strike.site}/borrow`).chance(BORROWS_PER_MILLION);
    const call = (borrow: number): Call => ({
      kind: "stream-open",
      name,
      source: source!.name,
      targets: targets.map((host) => host.name),
      subscriptions: [],
      retentionBytes: STREAM_RETENTION_BYTES,
      borrow,
    });
    yield* this.#awaitGone(name);
    const lives = this.#control.lives(name);
    // Where nobody lends anything it is opened without.
    for (let tries = 0; this.#control.lives(name) === lives; tries++) {
      const via = strike.one(this.members().filter((each) => each.isUp));
      const borrow = borrows && tries % 2 === 0 ? 1 : 0;
      if (via !== undefined) yield { kind: "ask", host: via, call: call(borrow) };
      yield* pause(RETRY_MS);
    }
    const life = lifeOf(name, lives + 1);
    this.#workload.beginStream({ name: life, source: source!, targets, awaited: [] });
  }

  // Going.

  *#leave(host: Host, strike: Strike): Script {
    const id = this.#begin(host);
    while (this.#control.member(id) !== null) {
      yield { kind: "ask", host, call: { kind: "leave" } };
      this.#operator.lastFailure ||= `${this.#control.countsOn(id).join(", ")} still counts on it`;
      yield* pause(RETRY_MS);
      if (host.isUp && host.node?.inspect().state === "evicted") break;
    }
    this.#world.network.visits.removed(host);
    yield* this.#gone(id);
    yield* this.#afterwards(host, strike);
  }

  *#evict(host: Host, strike: Strike): Script {
    yield* this.#remove(host, strike);
    yield* this.#afterwards(host, strike);
  }

  /** A machine that died for good, as far as the others know. */
  *#evictDead(host: Host, strike: Strike): Script {
    this.#machines.off.add(host);
    if (host.isUp) this.#machines.crash(host, true, this.#world.prf.site(`${strike.site}/death`));
    yield* this.#remove(host, strike);
    yield* this.#afterwards(host, strike);
  }

  *#remove(host: Host, strike: Strike): Script {
    if (this.#control.memberByName(host.name) === null) return;
    const id = this.#begin(host);
    while (this.#control.member(id) !== null) {
      const via = strike.one(this.members().filter((each) => each !== host && each.isUp));
      if (via !== undefined) {
        yield { kind: "ask", host: via, call: { kind: "evict", name: host.name } };
      }
      yield* pause(RETRY_MS);
    }
    this.#world.network.visits.removed(host);
    yield* this.#gone(id);
  }

  /** From now on nobody waits for what clients at this host do. */
  #begin(host: Host): number {
    this.#workload.retire(host);
    return this.#control.memberByName(host.name)!.memberId;
  }

  /** Another may only be taken away once nobody counts on this one. */
  *#gone(id: number): Script {
    yield* until(() => {
      const left = this.#control.countsOn(id);
      if (left.length > 0) this.#operator.lastFailure = `${left.join(", ")} still counts on member ${id}`;
      return left.length === 0;
    });
  }

  /** The machine stays off, or comes back with the disk of a member that is none any more. */
  *#afterwards(host: Host, strike: Strike): Script {
    if (strike.draws.chance(600_000)) {
      this.#machines.off.delete(host);
      if (host.isUp) this.#machines.crash(host, false, this.#world.prf.site(`${strike.site}/return`));
      this.#machines.restart(host);
      this.#world.ledger.strike("old-disk-returned");
    } else {
      this.#machines.off.add(host);
      if (host.isUp) this.#machines.crash(host, false, this.#world.prf.site(`${strike.site}/off`));
    }
    yield* pause(RETRY_MS);
  }

  // Staying.

  /** Stops, and comes back under another address; done once the log has it. */
  *#move(host: Host): Script {
    const port = ++this.#lastPort;
    if (host.isUp) this.#machines.stop(host);
    host.settings = this.#mesh.settingsOf(host, port);
    this.#machines.restart(host);
    const address = host.settings.listenAddress;
    yield* until(() => this.#control.memberByName(host.name)?.addresses.includes(address) ?? true);
    this.#lastMove = { host, index: this.#control.index };
  }

  /** Two that move without having heard of each other's new address would never meet again. */
  #mayMove(host: Host): boolean {
    if (!host.isUp || this.#lastMove === null || this.#lastMove.host === host) return host.isUp;
    const control = host.node?.inspect().groups.find(({ group }) => group === 0);
    return (control?.applied ?? 0) >= this.#lastMove.index;
  }

  #transfer(strike: Strike): Task | null {
    const to = strike.one(this.members());
    const stream = strike.draws.pick(["", ...this.#control.streams().map(({ name }) => name)]);
    const via = strike.one(this.members().filter((each) => each.isUp));
    if (to === undefined || via === undefined) return null;
    return {
      what: `hand ${stream || "control"} to ${to.name}`,
      script: this.#handOver(via, stream, to.name),
    };
  }

  *#handOver(host: Host, stream: string, to: string): Script {
    yield { kind: "ask", host, call: { kind: "transfer-leadership", stream, to } };
  }
}

function* pause(ms: number): Script {
  yield { kind: "wait", ms };
}

function* until(condition: () => boolean): Script {
  while (!condition()) yield* pause(LOOK_MS);
}
