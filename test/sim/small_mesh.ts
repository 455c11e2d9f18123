/** A few nodes in a world without faults, for tests that drive them call by call. */
import { assert } from "@std/assert";
import type { Token } from "../../src/core/ids.ts";
import type { Call, Reply } from "../../src/node/calls.ts";
import type { NodeSettings } from "../../src/node/settings.ts";
import type { Host } from "../../sim/host.ts";
import type { NodeFactory } from "../../sim/simulated_node.ts";
import { Calls } from "../../sim/workloads/clients.ts";
import { World } from "../../sim/world.ts";

const LIMIT_US = 120_000_000;

export class SmallMesh {
  readonly world: World;
  readonly hosts: Host[];
  readonly #calls: Calls;

  constructor(
    seed: string,
    names: readonly string[],
    settingsOf: (name: string) => NodeSettings,
    factory: NodeFactory,
  ) {
    this.world = new World({ seed, factory });
    this.#calls = new Calls(this.world);
    this.hosts = names.map((name) => this.world.addHost(name));
    for (const host of this.hosts) host.boot(settingsOf(host.name));
  }

  /** The first founds the mesh, the others join it one after the other. */
  form(): void {
    const [first, ...others] = this.hosts as [Host, ...Host[]];
    this.run(500);
    this.insist(first, { kind: "seed", meshName: "m", policy: "OPEN", joinKey: "" }, "joined");
    for (const host of others) {
      const { text: token } = this.insist(first, { kind: "invite", validMs: 3_600_000 }, "text");
      this.insist(host, { kind: "join", token, joinKey: "" }, "joined");
    }
    this.run(3000);
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
