/** The machines of a run as its regime wants them: benign until the mesh stands, worn from then on. */
import type { NodeSettings } from "../src/node/settings.ts";
import type { Host } from "./host.ts";
import type { Regime } from "./regime.ts";
import type { World } from "./world.ts";

const FIRST_PORT = 7000;

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

/** What a node on this host is started with. */
export function settingsOf({ name }: Host, { settings }: Regime, port = FIRST_PORT): NodeSettings {
  const address = `${name}:${port}`;
  return { ...settings, name, listenAddress: address, advertisedAddresses: [address] };
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
