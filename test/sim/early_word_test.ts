/**
 * A node that starts: one that was removed while it was away is told so before it has opened the group that would say it, and keeps
 * the word; what it is asked waits, within a limit.
 */
import { assert, assertEquals } from "@std/assert";
import { PENDING_CALLS_LIMIT } from "../../src/core/limits.ts";
import type { Disk, Io, Network } from "../../src/io/mod.ts";
import { Node } from "../../src/node/mod.ts";
import type { NodeSettings } from "../../src/node/settings.ts";
import type { Host } from "../../sim/host.ts";
import { testSettings } from "./bench.ts";
import { SmallMesh } from "./small_mesh.ts";

/** The disk of a node, which answers no read once the node listens. */
class Gate {
  isClosed = false;
  held = 0;

  watch(io: Io): Io {
    const { disk, network } = io;
    let listens = false;
    const gated: Disk = {
      append: (...given) => disk.append(...given),
      read: (...given) => {
        if (this.isClosed && listens) this.held += 1;
        else disk.read(...given);
      },
      truncate: (...given) => disk.truncate(...given),
      rename: (...given) => disk.rename(...given),
      remove: (...given) => disk.remove(...given),
      list: (...given) => disk.list(...given),
      createFolder: (...given) => disk.createFolder(...given),
      syncFolder: (...given) => disk.syncFolder(...given),
      sync: (...given) => disk.sync(...given),
    };
    const heard: Network = {
      useIdentity: (...given) => network.useIdentity(...given),
      listen: (...given) => {
        listens = true;
        network.listen(...given);
      },
      dial: (...given) => network.dial(...given),
      send: (...given) => network.send(...given),
      buffered: (...given) => network.buffered(...given),
      close: (...given) => network.close(...given),
    };
    return { ...io, disk: gated, network: heard };
  }
}

/** A snapshot comes soon, without which a group cannot open. */
function settingsOf(name: string): NodeSettings {
  return { ...testSettings(name), snapshotEntries: 4 };
}

Deno.test("a node that is told of its removal before its control group is open keeps the word", () => {
  const gate = new Gate();
  const mesh = new SmallMesh("early", ["n1", "n2", "n3"], settingsOf, (io, settings, callers, observer) => {
    const ports = settings.name === "n3" ? gate.watch(io) : io;
    return new Node(ports, settings, callers, observer);
  });
  const [first, second, third] = mesh.hosts as [Host, Host, Host];
  mesh.form();
  third.stop();
  third.crash(false);
  mesh.insist(first, { kind: "evict", name: "n3" }, "done");

  gate.isClosed = true;
  third.boot(settingsOf("n3"));
  // It waits for the node to begin, and is answered although that never comes.
  const [reply] = mesh.all(third, [{ kind: "kv-get", key: "k" }]);
  assert(reply!.kind === "failed" && reply!.error.code === "EVICTED", JSON.stringify(reply));
  assert(gate.held > 0, "the control group waits for its snapshot");
  assertEquals(third.node!.inspect().state, "evicted");
  mesh.run(100);

  // From then on it knows by itself.
  third.stop();
  third.crash(false);
  gate.isClosed = false;
  for (const host of [first, second]) {
    host.stop();
    host.crash(false);
  }
  third.boot(settingsOf("n3"));
  mesh.run(1000);
  assertEquals(third.node!.inspect().state, "evicted");
});

Deno.test("a node that starts keeps so many calls and no more", () => {
  const mesh = new SmallMesh(
    "many",
    ["n1"],
    testSettings,
    (io, settings, callers, observer) => new Node(io, settings, callers, observer),
  );
  const calls = Array.from(
    { length: PENDING_CALLS_LIMIT + 5 },
    () => ({ kind: "kv-get", key: "k" }) as const,
  );
  const codes = new Map<string, number>();
  for (const reply of mesh.all(mesh.hosts[0]!, calls)) {
    const code = reply.kind === "failed" ? reply.error.code : reply.kind;
    codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  assertEquals([...codes].sort(), [["NOT_READY", PENDING_CALLS_LIMIT], ["OVERLOADED", 5]]);
});
