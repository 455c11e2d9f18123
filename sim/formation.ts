/** How the mesh of a run comes about: the way that users take. One node founds it, invites, the others join by token; streams open. */
import type { Token } from "../src/core/ids.ts";
import type { Call, Reply } from "../src/node/calls.ts";
import type { Host } from "./host.ts";
import type { Steps } from "./steps.ts";
import type { Workload } from "./workload.ts";
import type { World } from "./world.ts";
import type { Calls } from "./workloads/clients.ts";

/** The mesh did not do in time what it has to do. */
export class LivenessFailure extends Error {
  override readonly name = "LivenessFailure";
}

const STEP_LIMIT_MS = 30_000;
const RETRY_MS = 100;

/** Makes one call and lets the world go on until its answer; null where none came. */
export function* ask(
  world: World,
  calls: Calls,
  host: Host,
  call: Call,
  limitMs = STEP_LIMIT_MS,
): Steps<Reply | null> {
  let answer: Reply | null = null;
  let isOver = false;
  calls.make(host, call, {
    onReply(_token: Token, reply: Reply) {
      answer = reply;
      isOver = true;
    },
    onPush() {},
    onLost() {
      isOver = true;
    },
  }, limitMs);
  yield* world.advance(world.nowUs + 1000 * limitMs, () => isOver);
  return answer;
}

/** Asks until the answer is of the kind that is wanted; fails by name after a while. */
export function* insist<Kind extends Reply["kind"]>(
  world: World,
  calls: Calls,
  host: Host,
  call: Call,
  kind: Kind,
): Steps<Extract<Reply, { kind: Kind }>> {
  const deadlineUs = world.nowUs + 1000 * STEP_LIMIT_MS;
  let last = "no answer";
  while (world.nowUs < deadlineUs) {
    const reply = yield* ask(world, calls, host, call);
    if (reply?.kind === kind) return reply as Extract<Reply, { kind: Kind }>;
    if (reply?.kind === "failed") last = `${reply.error.code} ${reply.error.message}`;
    if (reply?.kind === "failed" && reply.error.code === "STREAM_EXISTS" && kind === "stream") {
      return reply as never; // An earlier try of this one did it.
    }
    yield* world.advance(world.nowUs + 1000 * RETRY_MS);
  }
  throw new LivenessFailure(`${call.kind} at ${host.name} does not succeed: ${last}`);
}

function* awaitAll(world: World, what: string, missing: () => string[]): Steps<void> {
  const deadlineUs = world.nowUs + 1000 * STEP_LIMIT_MS;
  while (missing().length > 0) {
    if (world.nowUs >= deadlineUs) throw new LivenessFailure(`${what}: ${missing().join("; ")}`);
    yield* world.advance(world.nowUs + 20_000);
  }
}

export function* formMesh(
  world: World,
  hosts: readonly Host[],
  workload: Workload,
  votersLimit: number,
): Steps<void> {
  const { calls, plans } = workload;
  const [founder, ...others] = hosts;
  yield* insist(
    world,
    calls,
    founder!,
    { kind: "seed", meshName: "sim", policy: "OPEN", joinKey: "" },
    "joined",
  );
  for (const host of others) {
    const { text: token } = yield* insist(
      world,
      calls,
      founder!,
      { kind: "invite", validMs: 3_600_000 },
      "text",
    );
    yield* insist(world, calls, host, { kind: "join", token, joinKey: "" }, "joined");
  }
  yield* awaitAll(world, "the mesh does not form", () => notVoting(hosts, votersLimit));
  for (const { name, source, targets, awaited, retentionBytes } of plans) {
    const call: Call = {
      kind: "stream-open",
      name,
      source: source.name,
      targets: targets.map((host) => host.name),
      subscriptions: awaited,
      retentionBytes,
      borrow: 0,
    };
    yield* insist(world, calls, founder!, call, "stream");
  }
}

/** Hosts that do not know yet that everyone votes who shall. */
function notVoting(hosts: readonly Host[], votersLimit: number): string[] {
  const wanted = Math.min(votersLimit, hosts.length);
  return hosts.flatMap((host) => {
    const node = host.node?.inspect();
    const control = node?.groups.find((group) => group.group === 0);
    if (control === undefined) return [`${host.name} is ${node?.state ?? "down"} without the control group`];
    const { incoming, outgoing } = control.configuration;
    if (incoming.length >= wanted && outgoing.length === 0) return [];
    return [`${host.name} sees ${incoming.length} voters of ${wanted}`];
  });
}
