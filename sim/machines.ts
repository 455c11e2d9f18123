/** The machines of a run as its regime wants them: benign until the mesh stands, worn from then on. */
import type { NodeSettings } from "../src/node/settings.ts";
import type { Host } from "./host.ts";
import type { Regime } from "./regime.ts";
import type { World } from "./world.ts";

const FIRST_PORT = 7000;
/** Runs in which one node takes snapshots so many times more seldom than the others. */
const HOARDING_RUNS_PER_MILLION = 400_000;
const HOARD = 8;

/** Gives a host its place, its clock and its disk. */
export function prepareHost(host: Host, regime: Regime): void {
  const { wire, disk, turns } = regime;
  const { world } = host;
  const draws = world.prf.site(`host/${host.name}`);
  for (const other of world.hosts) {
    // Dialling fails and connections break only once the mesh stands.
    const { latencyUs, jitterMeanUs, bytesPerMs } = wire;
    Object.assign(world.topology.wire(host.id, other.id), { latencyUs, jitterMeanUs, bytesPerMs });
  }
  Object.assign(host.disk.faults, disk, { stallPerMillion: 0, syncFailurePerMillion: 0 });
  Object.assign(host.turnCosts, turns, { slowPerMillion: 0 });
  host.clockFaults.startMs = draws.below(1_000_000_000);
  host.clockFaults.wallOffsetMs = draws.between(-60_000, 60_000);
}

/** The one machine of a run whose disk is bad, where any is. */
export function rottenHost({ prf, hosts }: World): Host {
  return prf.site("rot/host").pick(hosts);
}

/** What a node on this host is started with. */
export function settingsOf(host: Host, { settings }: Regime, port = FIRST_PORT): NodeSettings {
  const { name, world } = host;
  const address = `${name}:${port}`;
  const own = { ...settings, name, listenAddress: address, advertisedAddresses: [address] };
  // What the bad disk loses of the logs the others have dropped, and cannot give it back, where it keeps more than they do.
  const isHoarding = world.prf.site("rot/hoards").chance(HOARDING_RUNS_PER_MILLION);
  if (!isHoarding || host !== rottenHost(world)) return own;
  const [snapshotEntries, snapshotBytes] = [HOARD * own.snapshotEntries, HOARD * own.snapshotBytes];
  return { ...own, snapshotEntries, snapshotBytes };
}

/** From here on wires lose, disks stall and turns are slow, as often as the regime says. */
export function wear(world: World, { nodes, wire, disk, turns }: Regime): void {
  const shuffled = world.prf.site("failing-disks").shuffled(world.hosts);
  const failing = new Set(shuffled.slice(0, Math.max(1, Math.floor((nodes - 1) / 2))));
  for (const host of world.hosts) {
    for (const other of world.hosts) Object.assign(world.topology.wire(host.id, other.id), wire);
    Object.assign(host.disk.faults, disk, failing.has(host) ? {} : { syncFailurePerMillion: 0 });
    Object.assign(host.turnCosts, turns);
  }
}
