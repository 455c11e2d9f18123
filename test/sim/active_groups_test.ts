/**
 * A thousand groups that all have something to write share the log of their node: what they gather in a turn goes out as one
 * batch with one sync, and while that is under way later turns gather for the next.
 */
import { assert, assertEquals } from "@std/assert";
import type { Token } from "../../src/core/ids.ts";
import type { Disk, Io } from "../../src/io/mod.ts";
import type { Call, Reply } from "../../src/node/calls.ts";
import { Node } from "../../src/node/mod.ts";
import type { UserStateMachine } from "../../src/node/user_machine.ts";
import { Calls } from "../../sim/workloads/clients.ts";
import type { Host } from "../../sim/host.ts";
import { World } from "../../sim/world.ts";
import { testSettings } from "./bench.ts";

const GROUPS = 1000;
const NAMES = ["n1", "n2", "n3"];
const LIMIT_US = 120_000_000;

/** Counts how often it was told something. */
class Counter implements UserStateMachine {
  #count = 0;
  apply(): Uint8Array {
    return new Uint8Array([++this.#count]);
  }
  query(): Uint8Array {
    return new Uint8Array([this.#count]);
  }
  snapshot(): Uint8Array {
    return new Uint8Array([this.#count]);
  }
  restore(snapshot: Uint8Array): void {
    this.#count = snapshot[0]!;
  }
}

/** What one node asked of its disk. */
class Meter {
  turns = 0;
  syncs = 0;
  /** Syncs of the turn that had most. */
  mostInTurn = 0;
  #inTurn = 0;

  watch(io: Io): Io {
    const { disk } = io;
    const watched: Disk = {
      append: (...given) => disk.append(...given),
      read: (...given) => disk.read(...given),
      truncate: (...given) => disk.truncate(...given),
      rename: (...given) => disk.rename(...given),
      remove: (...given) => disk.remove(...given),
      list: (...given) => disk.list(...given),
      createFolder: (...given) => disk.createFolder(...given),
      syncFolder: (...given) => disk.syncFolder(...given),
      sync: (...given) => {
        this.syncs++;
        this.mostInTurn = Math.max(this.mostInTurn, ++this.#inTurn);
        disk.sync(...given);
      },
    };
    return { ...io, disk: watched };
  }
  turn(): void {
    this.turns++;
    this.#inTurn = 0;
  }
  reset(): void {
    this.turns =
      this.syncs =
      this.mostInTurn =
      this.#inTurn =
        0;
  }
}

class Mesh {
  readonly meters = new Map<string, Meter>();
  readonly world: World;
  readonly hosts: Host[];
  readonly #calls: Calls;

  constructor() {
    this.world = new World({
      seed: "active",
      factory: (io, settings, callers, observer) => {
        const meter = new Meter();
        this.meters.set(settings.name, meter);
        const node = new Node(meter.watch(io), settings, callers, observer);
        const turn = node.turn.bind(node);
        node.turn = (incarnation) => {
          meter.turn();
          turn(incarnation);
        };
        return node;
      },
    });
    this.#calls = new Calls(this.world);
    const machines = Object.fromEntries(groupNames().map((name) => [name, () => new Counter()]));
    this.hosts = NAMES.map((name) => this.world.addHost(name));
    for (const host of this.hosts) {
      host.boot({ ...testSettings(host.name), machines, foundingFeatureLevel: 3 });
    }
  }

  /** Makes all calls at once; their answers. */
  all(host: Host, calls: readonly Call[]): Reply[] {
    const replies: Reply[] = [];
    for (const call of calls) {
      this.#calls.make(host, call, {
        onReply: (_token: Token, reply: Reply) => void replies.push(reply),
        onPush() {},
        onLost() {},
      }, 0);
    }
    const isOver = this.world.runUntil(
      this.world.nowUs + LIMIT_US,
      () => replies.length === calls.length,
    );
    assert(isOver, `${replies.length} of ${calls.length} calls are answered`);
    return replies;
  }

  /** Until it succeeds. */
  insist<Kind extends Reply["kind"]>(host: Host, call: Call, kind: Kind): Extract<Reply, { kind: Kind }> {
    for (let tries = 0; tries < 50; tries++) {
      const [reply] = this.all(host, [call]);
      if (reply!.kind === kind) return reply as Extract<Reply, { kind: Kind }>;
      this.run(100);
    }
    throw new Error(`${call.kind} does not succeed`);
  }

  run(ms: number): void {
    this.world.runUntil(this.world.nowUs + 1000 * ms, () => false);
  }
}

function groupNames(): string[] {
  return Array.from({ length: GROUPS }, (_, at) => `group-${at}`);
}

Deno.test("a thousand active groups of a node share one sync per turn, and few turns", () => {
  const mesh = new Mesh();
  const [first, ...others] = mesh.hosts as [Host, ...Host[]];
  mesh.run(500);
  mesh.insist(first, { kind: "seed", meshName: "m", policy: "OPEN", joinKey: "" }, "joined");
  for (const host of others) {
    const { text: token } = mesh.insist(first, { kind: "invite", validMs: 3_600_000 }, "text");
    mesh.insist(host, { kind: "join", token, joinKey: "" }, "joined");
  }
  mesh.run(3000);
  const opens = groupNames().map((machine): Call => ({ kind: "machine-open", machine, members: NAMES }));
  for (const reply of mesh.all(first, opens)) assertEquals(reply.kind, "done", JSON.stringify(reply));
  mesh.run(10_000);

  for (const meter of mesh.meters.values()) meter.reset();
  const command = new Uint8Array(8);
  const proposals = groupNames().map((machine): Call => ({ kind: "machine-propose", machine, command }));
  for (const reply of mesh.all(first, proposals)) assert(reply.kind !== "failed", JSON.stringify(reply));
  const figures = [...mesh.meters].map(([name, { turns, syncs, mostInTurn }]) => ({
    name,
    turns,
    syncs,
    mostInTurn,
  }));
  for (const { name, turns, syncs, mostInTurn } of figures) {
    const said = `${name} of ${JSON.stringify(figures)}`;
    assert(syncs > 0, said);
    assert(mostInTurn <= 1, said);
    assert(syncs <= turns, said);
    // Each group has its entry to write on each member, and its leader's word that it is committed.
    assert(syncs * 20 < GROUPS, said);
  }
});
