/**
 * The nemesis: from time to time it draws one of the regime's faults, injects it, and takes it back after a while. What it
 * injects and whether anything came of it stands in the world's ledger.
 *
 * Strike n is drawn from the site `nemesis/n` alone: whether it happens at all, when within its window, what, to whom and
 * for how long. A run from which some strikes are taken has all the others where they were.
 */
import { EventKind, type Target } from "../event_queue.ts";
import type { Host } from "../host.ts";
import type { Draws } from "../prf.ts";
import type { Regime } from "../regime.ts";
import type { Workload } from "../workload.ts";
import type { World } from "../world.ts";
import { ChurnFaults, type Mesh } from "./churn.ts";
import { ClientFaults } from "./clients.ts";
import { ClockTroubles } from "./clocks.ts";
import { DiskTroubles } from "./disks.ts";
import { ElectionFaults } from "./elections.ts";
import { Histories } from "./histories.ts";
import type { FaultKind } from "./kinds.ts";
import { leads, MachineFaults } from "./machines.ts";
import { Operator } from "./operator.ts";
import { RotFaults } from "./rot.ts";
import { type Act, type Faults, Strike } from "./strike.ts";
import { WireFaults } from "./wires.ts";

/** Strikes that are planned and do happen. */
const HAPPENS_PER_MILLION = 990_000;
/** A strike falls anywhere in so many intervals after its turn: as irregular as if each came by itself. */
const WINDOW_INTERVALS = 4;
/** Of what has decayed at rest: the others find it as they read. */
const FOUND_AT_START_PER_MILLION = 500_000;
/** Until a node that ended by itself is started again. */
const SUPERVISOR_US = 200_000;

export class Nemesis implements Target {
  readonly traceId = 251;
  readonly #world: World;
  readonly #regime: Regime;
  readonly #wires: WireFaults;
  readonly #machines: MachineFaults;
  readonly #disks: DiskTroubles;
  readonly #clocks: ClockTroubles;
  readonly #histories: Histories;
  readonly #elections: ElectionFaults;
  readonly #rot: RotFaults;
  readonly #churn: ChurnFaults;
  readonly #clients: ClientFaults;
  readonly operator: Operator;
  readonly #strikes = new Set<Strike>();
  #isActive = false;
  #planned = 0;
  #supervised = 0;

  constructor(world: World, regime: Regime, workload: Workload, mesh: Mesh) {
    this.#world = world;
    this.#regime = regime;
    this.#wires = new WireFaults(world);
    this.#machines = new MachineFaults(world, regime, (host) => workload.calls.onDown(host));
    this.operator = new Operator(world, workload.calls);
    this.#churn = new ChurnFaults(world, workload, mesh, this.#machines, this.#wires, this.operator);
    this.#disks = new DiskTroubles(world, regime);
    this.#clocks = new ClockTroubles(world, regime);
    this.#histories = new Histories(world, regime, this.#machines, this.#wires, workload.calls);
    this.#elections = new ElectionFaults(world, regime, this.#machines, this.#wires, workload.calls);
    this.#rot = new RotFaults(world, this.#machines);
    this.#clients = new ClientFaults(world, workload.calls);
  }

  begin(): void {
    this.#isActive = true;
    if (this.#regime.faults.length > 0) this.#plan();
  }

  /** No more faults, and those between the hosts of `core` end now. */
  healCore(core: ReadonlySet<Host>): void {
    this.#isActive = false;
    for (const strike of [...this.#strikes]) this.#end(strike);
    this.#wires.isolate(core);
    for (const host of core) this.#repair(host);
  }

  /** The rest comes back too. */
  healAll(): void {
    this.#isActive = false;
    for (const strike of [...this.#strikes]) this.#end(strike);
    this.#wires.openAll();
    for (const host of this.#world.hosts) this.#repair(host);
  }

  /** A node that ended by itself is started again, as a supervisor does. */
  supervise(host: Host): void {
    if (host.isUp) {
      this.#machines.crash(host, false, this.#world.prf.site(`supervisor/${++this.#supervised}`));
    }
    this.#world.schedule(this.#world.nowUs + SUPERVISOR_US, this, EventKind.Restart, host.id, 0, null);
  }

  /** A process dies, and nobody starts it again before all is healed. */
  lose(host: Host): void {
    this.#world.ledger.try("loss-at-rest");
    this.#world.ledger.strike("loss-at-rest");
    this.#machines.crash(host, false, this.#world.prf.site("loss-at-rest/crash"));
  }

  /** A process dies when nothing happens, and is there again at once. */
  startAnew(host: Host): void {
    this.#world.ledger.try("start-at-rest");
    this.#world.ledger.strike("start-at-rest");
    this.#machines.crash(host, false, this.#world.prf.site(`start-at-rest/${host.name}`));
    this.#machines.restart(host);
  }

  /** Whoever leads anything, but `other`, does nothing for a while. */
  pauseLeaders(other: Host, forMs: number): void {
    for (const host of this.#world.hosts) {
      if (host !== other && host.isUp && leads(host)) {
        host.pause(this.#world.nowUs + Math.floor(1000 * forMs));
      }
    }
  }

  /** A machine is gone, until it is unearthed. */
  bury(host: Host): void {
    this.#machines.off.add(host);
    if (host.isUp) this.#machines.crash(host, true, this.#world.prf.site(`burial/${host.name}`));
  }

  unearth(host: Host): void {
    this.#machines.off.delete(host);
    this.#machines.restart(host);
  }

  get rottenHost(): Host {
    return this.#rot.host;
  }

  /** Much of what that host's log holds is damaged while it rests; false where that must not be. It may find out as it starts. */
  decay(): boolean {
    const draws = this.#world.prf.site("decay/strike");
    if (!this.#rot.decay(draws)) return false;
    this.#world.ledger.try("flipped-bit");
    this.#world.ledger.strike("flipped-bit");
    if (draws.chance(FOUND_AT_START_PER_MILLION)) this.supervise(this.#rot.host);
    return true;
  }

  /** Looks at a host after its turn. */
  look(host: Host): void {
    this.#machines.look(host);
  }

  onEvent(kind: EventKind, a: number, _b: number, payload: unknown): void {
    if (kind === EventKind.Restart) this.#machines.restart(this.#world.hosts[a]!);
    else if (kind === EventKind.Heal) this.#act(payload as Act);
    else if (payload === null) this.#plan();
    else if (this.#isActive) this.#strike(payload as Draws, a);
  }

  #act({ strike, perform }: Act): void {
    if (!strike.isOver) perform();
  }

  #end(strike: Strike): void {
    this.#strikes.delete(strike);
    if (!strike.isOver) this.#world.note(null, `${strike.site}: ${strike.kind} ends`);
    strike.end();
  }

  /** The next strike's turn has come: its own draws say whether and when it happens. */
  #plan(): void {
    if (!this.#isActive) return;
    const number = this.#planned++;
    const draws = this.#world.prf.site(siteOf(number));
    const intervalUs = 1000 * this.#regime.faultIntervalMs;
    const { nowUs } = this.#world;
    if (draws.chance(HAPPENS_PER_MILLION)) {
      const atUs = nowUs + draws.below(WINDOW_INTERVALS * intervalUs);
      this.#world.schedule(atUs, this, EventKind.Fault, number, 0, draws);
    }
    this.#world.schedule(nowUs + intervalUs, this, EventKind.Fault, 0, 0, null);
  }

  #strike(draws: Draws, number: number): void {
    const kind = this.#drawKind(draws);
    const lengthMs = 20 + draws.exponential(this.#regime.faultLengthMs);
    this.#start(new Strike(this.#world, this, siteOf(number), draws, kind, lengthMs));
  }

  /** Injects a fault that was decided elsewhere: `named` are whom it is for, the first of them before all. */
  inject(site: string, kind: FaultKind, named: readonly Host[], lengthMs: number): void {
    this.#start(new Strike(this.#world, this, site, this.#world.prf.site(site), kind, lengthMs, named));
  }

  #start(strike: Strike): void {
    const { kind } = strike;
    this.#world.ledger.try(kind);
    const undo = this.#faultsOf(kind).inject(kind, strike);
    this.#world.note(null, `${strike.site}: ${kind}${undo === null ? " had nothing to strike" : ""}`);
    if (undo === null) return;
    strike.undo = undo;
    this.#strikes.add(strike);
    strike.later(1000 * strike.lengthMs, () => this.#end(strike));
  }

  #drawKind(draws: Draws): FaultKind {
    const { faults } = this.#regime;
    let total = 0;
    for (const [, weight] of faults) total += weight;
    let at = draws.below(total);
    for (const [kind, weight] of faults) {
      if (at < weight) return kind;
      at -= weight;
    }
    return faults[0]![0];
  }

  #faultsOf(kind: FaultKind): Faults {
    switch (kind) {
      case "pause":
      case "stop":
      case "rolling-restart":
      case "crash-process":
      case "crash-power":
      case "crash-in-sync":
      case "crash-in-election":
      case "crash-in-overwrite":
      case "crash-in-install":
      case "hang-in-election":
      case "stall-in-change":
      case "crash-many":
        return this.#machines;
      case "hung-disk":
      case "full-disk":
        return this.#disks;
      case "flipped-bit":
      case "flip-before-read":
      case "misdirected-write":
      case "damaged-snapshot":
        return this.#rot;
      case "power-everywhere":
      case "crash-with-late-peers":
      case "stranded-leader":
      case "figure-8":
        return this.#histories;
      case "joint-election":
      case "elect-removed":
      case "late-words":
        return this.#elections;
      case "transfer-leadership":
      case "open-stream":
      case "close-stream":
      case "move":
      case "join":
      case "leave":
      case "evict":
      case "evict-dead":
      case "return-unheard":
        return this.#churn;
      case "cut-clients":
        return this.#clients;
      case "clock-drift":
      case "wall-jump":
        return this.#clocks;
      default:
        return this.#wires;
    }
  }

  #repair(host: Host): void {
    this.#disks.repair(host);
    this.#wires.repair(host);
    this.#machines.repair(host);
  }
}

function siteOf(strike: number): string {
  return `nemesis/${strike}`;
}
