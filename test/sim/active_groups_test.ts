/**
 * A thousand groups that all have something to write share the log of their node: what they gather in a turn goes out as one
 * batch with one sync, and while that is under way later turns gather for the next.
 */
import { assert, assertEquals } from "@std/assert";
import type { Disk, Io } from "../../src/io/mod.ts";
import type { Call } from "../../src/node/calls.ts";
import { Node } from "../../src/node/mod.ts";
import type { UserStateMachine } from "../../src/node/user_machine.ts";
import type { Host } from "../../sim/host.ts";
import { testSettings } from "./bench.ts";
import { SmallMesh } from "./small_mesh.ts";

const GROUPS = 1000;
const NAMES = ["n1", "n2", "n3"];

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

function meteredMesh(): { mesh: SmallMesh; meters: Map<string, Meter> } {
  const meters = new Map<string, Meter>();
  const machines = Object.fromEntries(groupNames().map((name) => [name, () => new Counter()]));
  const settingsOf = (name: string) => ({ ...testSettings(name), machines, foundingFeatureLevel: 3 });
  const mesh = new SmallMesh("active", NAMES, settingsOf, (io, settings, callers, observer) => {
    const meter = new Meter();
    meters.set(settings.name, meter);
    const node = new Node(meter.watch(io), settings, callers, observer);
    const turn = node.turn.bind(node);
    node.turn = (incarnation) => {
      meter.turn();
      turn(incarnation);
    };
    return node;
  });
  return { mesh, meters };
}

function groupNames(): string[] {
  return Array.from({ length: GROUPS }, (_, at) => `group-${at}`);
}

Deno.test("a thousand active groups of a node share one sync per turn, and few turns", () => {
  const { mesh, meters } = meteredMesh();
  const [first] = mesh.hosts as [Host];
  mesh.form();
  const opens = groupNames().map((machine): Call => ({ kind: "machine-open", machine, members: NAMES }));
  for (const reply of mesh.all(first, opens)) assertEquals(reply.kind, "done", JSON.stringify(reply));
  mesh.run(10_000);

  for (const meter of meters.values()) meter.reset();
  const command = new Uint8Array(8);
  const proposals = groupNames().map((machine): Call => ({ kind: "machine-propose", machine, command }));
  for (const reply of mesh.all(first, proposals)) assert(reply.kind !== "failed", JSON.stringify(reply));
  const figures = [...meters].map(([name, { turns, syncs, mostInTurn }]) => ({
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
