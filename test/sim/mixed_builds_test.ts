/**
 * Nodes of the previous build and of this one in one simulated mesh: at every start of a node it is drawn anew which build
 * runs, so that each runs on disks that the other wrote, and upgrades and rollbacks fall anywhere among the faults. All
 * checkers look on.
 */
import { assert } from "@std/assert";
import { crc32c } from "../../src/core/crc32c.ts";
import { encodeText } from "../../src/core/bytes.ts";
import type { Token } from "../../src/core/ids.ts";
import type { Callers } from "../../src/node/calls.ts";
import { FIRST_FEATURE_LEVEL } from "../../src/node/mod.ts";
import { realNode, runOne } from "../../sim/run.ts";
import type { NodeFactory, SimulatedNode } from "../../sim/simulated_node.ts";
import { materialise, PREVIOUS_BUILD } from "../e2e/builds.ts";

const SEEDS = 12;

/** The previous build shows less of its groups than checkers look at. `cancelled`: what was cancelled at it. */
function asOfToday(node: SimulatedNode, cancelled: Set<Token>): SimulatedNode {
  return {
    start: (incarnation) => node.start(incarnation),
    call(token, call) {
      if (call.kind === "cancel") cancelled.add(call.target);
      node.call(token, call);
    },
    stop: () => node.stop(),
    deliver: (incarnation, event) => node.deliver(incarnation, event),
    turn: (incarnation) => node.turn(incarnation),
    inspect() {
      const seen = node.inspect();
      const groups = seen.groups.map((group) => ({ ...group, votes: () => [], matches: () => [] }));
      return { ...seen, groups };
    },
  };
}

/**
 * The previous build is certain that a closed stream does not have what it refuses, also where an earlier try is in it; and it
 * says QUEUED of what a session may still fence that was asked for there before. And it attaches a subscriber that was
 * cancelled while its subscription was being opened.
 */
function lessCertain(callers: Callers, cancelled: ReadonlySet<Token>): Callers {
  const error = { code: "TIMEOUT", message: "Not known", outcome: "UNKNOWN", details: {} } as const;
  return {
    reply(token, reply) {
      if (cancelled.has(token)) return;
      const isClosed = reply.kind === "failed" && reply.error.code === "STREAM_CLOSED";
      const isQueued = reply.kind === "published" && reply.firstOffset < 0 && !reply.duplicate;
      if (isQueued) callers.reply(token, { kind: "failed", error });
      else {callers.reply(
          token,
          isClosed ? { ...reply, error: { ...reply.error, outcome: "UNKNOWN" } } : reply,
        );}
    },
    push(token, push) {
      if (!cancelled.has(token)) callers.push(token, push);
    },
  };
}

Deno.test("simulated meshes of two builds keep every promise, whichever build a node starts with", async () => {
  const folder = await Deno.makeTempDir({ prefix: "sennit-mixed-" });
  try {
    await materialise(PREVIOUS_BUILD, `${folder}/previous`);
    const previous: { Node: new (...args: Parameters<NodeFactory>) => ReturnType<NodeFactory> } =
      await import(
        `file://${folder}/previous/src/node/mod.ts`
      );
    let converged = 0;
    const starts = { previous: 0, this: 0 };
    for (let seed = 0; seed < SEEDS; seed++) {
      let count = 0;
      const factory: NodeFactory = (io, settings, callers, observer) => {
        const isPrevious = crc32c(encodeText(`${seed}/${settings.name}/${count++}`)) % 2 === 0;
        starts[isPrevious ? "previous" : "this"]++;
        const both = { ...settings, foundingFeatureLevel: FIRST_FEATURE_LEVEL };
        if (!isPrevious) return realNode(io, both, callers, observer);
        const cancelled = new Set<Token>();
        return asOfToday(new previous.Node(io, both, lessCertain(callers, cancelled), observer), cancelled);
      };
      const result = runOne(`mixed-${seed}`, { factory });
      // That a run gets nowhere may be the previous build's; that a promise is broken is never right.
      assert(["ok", "liveness"].includes(result.outcome), `${seed}: ${result.message}`);
      if (result.outcome === "ok") converged++;
    }
    assert(converged * 4 >= SEEDS * 3, `${converged} of ${SEEDS} runs converged`);
    assert(starts.previous > SEEDS && starts.this > SEEDS, `both builds ran: ${JSON.stringify(starts)}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
