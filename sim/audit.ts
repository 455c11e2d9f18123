/**
 * The audit at a run's end: every key is read through every node, one by one and as a list, and what was acknowledged must be there.
 * Voters change places also then, and who loses its vote has to find out: it is asked again, for as long as a healed mesh may take.
 */
import type { Call, Reply } from "../src/node/calls.ts";
import { SafetyViolation } from "./checkers/verdict.ts";
import { ask, LivenessFailure } from "./formation.ts";
import type { Host } from "./host.ts";
import type { Regime } from "./regime.ts";
import type { Steps } from "./steps.ts";
import { AUDITOR, type Workload } from "./workload.ts";
import { valueOf } from "./workloads/kv_client.ts";
import type { World } from "./world.ts";

/** Of one page of a list. */
const LIST_KEYS = 2;
const AGAIN_US = 50_000;

export class Audit {
  readonly #world: World;
  readonly #workload: Workload;
  readonly #regime: Regime;

  constructor(world: World, workload: Workload, regime: Regime) {
    this.#world = world;
    this.#workload = workload;
    this.#regime = regime;
  }

  *perform(hosts: readonly Host[]): Steps<void> {
    for (const host of hosts) {
      const found = new Map<string, number>();
      for (let i = 0; i < this.#regime.work.keys; i++) {
        const key = `key-${i}`;
        found.set(key, yield* this.#read(host, key));
      }
      yield* this.#compareList(host, found);
    }
  }

  *#read(host: Host, key: string): Steps<number> {
    const { history } = this.#workload;
    const operation = history.invoke({ client: AUDITOR, key, kind: "read", value: 0, expected: null });
    const { value } = yield* this.#insist(host, { kind: "kv-get", key }, "value");
    history.return(operation, "ok", valueOf(value));
    return valueOf(value);
  }

  /** A list, page by page, says what the keys one by one say before it or after. */
  *#compareList(host: Host, found: ReadonlyMap<string, number>): Steps<void> {
    const listed = yield* this.#list(host);
    for (const [key, value] of found) {
      const here = listed.get(key) ?? 0;
      if (here === value) continue;
      // What nobody waited for any more may have been written meanwhile.
      const again = yield* this.#insist(host, { kind: "kv-get", key }, "value");
      if (valueOf(again.value) === here) continue;
      const text = `${host.name} lists ${here} under ${key}, where it reads ${value}`;
      throw new SafetyViolation("linearizability", text);
    }
  }

  *#list(host: Host): Steps<Map<string, number>> {
    const listed = new Map<string, number>();
    let afterKey = "";
    for (let more = true; more;) {
      const call = { kind: "kv-list", prefix: "key-", afterKey, limit: LIST_KEYS } as const;
      const page = yield* this.#insist(host, call, "entries");
      for (const { key, value } of page.entries) {
        if (key <= afterKey) {
          throw new SafetyViolation("linearizability", `${host.name} lists ${key} after ${afterKey}`);
        }
        listed.set(key, valueOf(value));
        afterKey = key;
      }
      more = page.more;
    }
    return listed;
  }

  *#insist<Kind extends Reply["kind"]>(
    host: Host,
    call: Call,
    kind: Kind,
  ): Steps<Extract<Reply, { kind: Kind }>> {
    const deadlineUs = this.#world.nowUs + 1000 * this.#regime.convergenceMs;
    let last = "no answer";
    while (this.#world.nowUs < deadlineUs) {
      const reply = yield* ask(this.#world, this.#workload.calls, host, call);
      if (reply?.kind === kind) return reply as Extract<Reply, { kind: Kind }>;
      last = reply?.kind === "failed" ? `${reply.error.code} ${reply.error.message}` : "no answer";
      yield* this.#world.advance(this.#world.nowUs + AGAIN_US);
    }
    throw new LivenessFailure(`${host.name} does not answer ${call.kind} after convergence: ${last}`);
  }
}
