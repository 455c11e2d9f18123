/** What users are promised of the mesh's agreement, each shown in a world of its own: elections, groups, one wire, splits that heal. */
import { assert, assertEquals } from "@std/assert";
import type { Io, Network } from "../../src/io/mod.ts";
import type { GroupInspection } from "../../src/node/inspection.ts";
import { Node } from "../../src/node/mod.ts";
import type { Host } from "../../sim/host.ts";
import { runMany } from "../../sim/mod.ts";
import type { NodeFactory } from "../../sim/simulated_node.ts";
import { testSettings } from "./bench.ts";
import { SmallMesh } from "./small_mesh.ts";

const plain: NodeFactory = (io, settings, callers, observer) => new Node(io, settings, callers, observer);

function groupAt(host: Host, name: string): GroupInspection | undefined {
  return host.node?.inspect().groups.find((group) => group.name === name);
}

function put(mesh: SmallMesh, host: Host, value: string): void {
  const bytes = new TextEncoder().encode(value);
  mesh.insist(host, { kind: "kv-put", key: "k", value: bytes, expectedVersion: null }, "version");
}

Deno.test("G60 a leader is elected whoever starts first, no node is special, and another follows one that dies", () => {
  const names = ["n1", "n2", "n3"];
  const orders = names.flatMap((a) =>
    names.filter((b) => b !== a).map((b) => [a, b, names.find((c) => c !== a && c !== b)!])
  );
  const led = new Set<string>();
  for (const [at, order] of orders.entries()) {
    const mesh = new SmallMesh(`order-${at}`, names, testSettings, plain);
    mesh.form();
    for (const host of mesh.hosts) host.crash(false);
    const inOrder = order.map((name) => mesh.hosts.find((host) => host.name === name)!);
    for (const host of inOrder) {
      host.boot(testSettings(host.name));
      mesh.run(3000);
    }
    put(mesh, inOrder[2]!, order.join());
    const leader = mesh.hosts.find((host) => groupAt(host, "control")?.role === "leader")!;
    led.add(leader.name);
    leader.crash(false);
    const others = mesh.hosts.filter((host) => host !== leader);
    put(mesh, others[0]!, "after its leader");
    assertEquals(others.filter((host) => groupAt(host, "control")!.role === "leader").length, 1);
  }
  assert(led.size > 1, `only ${[...led]} ever led`);
});

Deno.test("G67 each stream has a group of its source and its targets, 2 to 10 members, with a leader of its own", () => {
  const names = Array.from({ length: 10 }, (_, i) => `n${i + 1}`);
  const mesh = new SmallMesh("groups", names, testSettings, plain);
  mesh.form();
  const [first] = mesh.hosts as [Host, ...Host[]];
  for (const count of [2, 3, 10]) {
    const members = names.slice(-count);
    const name = `of-${count}`;
    const [source, ...targets] = members as [string, ...string[]];
    const stream = { name, source, targets, subscriptions: [], retentionBytes: 1 << 20, borrow: 0 };
    mesh.insist(first, { kind: "stream-open", ...stream }, "stream");
    mesh.run(5000);
    const holders = mesh.hosts.filter((host) => groupAt(host, name) !== undefined).map((host) => host.name);
    assertEquals(holders, members);
    const leaders = mesh.hosts.filter((host) => groupAt(host, name)?.role === "leader");
    assertEquals(leaders.length, 1, name);
  }
});

/** What a node listens at and whom it dials. */
class Wires {
  readonly listened: string[] = [];
  readonly dialled = new Set<string>();

  watch(io: Io): Io {
    const { network } = io;
    const watched: Network = {
      useIdentity: (...given) => network.useIdentity(...given),
      listen: (address, ...given) => {
        this.listened.push(address);
        network.listen(address, ...given);
      },
      dial: (target, ...given) => {
        this.dialled.add(target.address);
        network.dial(target, ...given);
      },
      send: (...given) => network.send(...given),
      buffered: (...given) => network.buffered(...given),
      close: (...given) => network.close(...given),
    };
    return { ...io, network: watched };
  }
}

Deno.test("G64 consensus runs over the nodes' own connections: a node listens at one address, and nobody dials another", () => {
  const wires = new Wires();
  const names = ["n1", "n2", "n3"];
  const mesh = new SmallMesh("wire", names, testSettings, (io, settings, callers, observer) => {
    return new Node(wires.watch(io), settings, callers, observer);
  });
  mesh.form();
  put(mesh, mesh.hosts[1]!, "agreed");
  const addresses = names.map((name) => testSettings(name).listenAddress);
  assertEquals(wires.listened.toSorted(), addresses.toSorted());
  assertEquals([...wires.dialled].filter((address) => !addresses.includes(address)), []);
  assert(wires.dialled.size > 0);
});

/** Runs with these faults alone: what failed, and the counts of all of them. */
async function runs(from: string, faults: string, count: number) {
  const report = await runMany({ from, seeds: count, jobs: 1, options: `operations=200,faults=${faults}` });
  assertEquals(report.failed.map(({ name, message }) => `deno task sim replay ${name}: ${message}`), []);
  for (const kind of faults.split("+")) assert(report.faults[kind]!.struck > 0, `${kind} did not strike`);
  return report;
}

Deno.test("G62 what is committed is the same at all members after crashes and partitions at random", async () => {
  const { checks } = await runs("logs", "crash-process+crash-power+partition-one+partition-halves", 6);
  for (const checker of ["committed-immutable", "log-matching", "leader-completeness", "state-equality"]) {
    assert(checks[checker]! > 0, `${checker} was given nothing`);
  }
});

Deno.test("G129 a mesh that was split has one leader a term, and what was queued meanwhile arrives once it is whole", async () => {
  const { checks, work } = await runs("splits", "partition-halves+partition-bridge+partition-one", 6);
  for (const checker of ["election-safety", "said-queued", "none-lost", "exactly-once"]) {
    assert(checks[checker]! > 0, `${checker} was given nothing`);
  }
  assert(work["acknowledged"]! > 0, "there was something to lose");
});
