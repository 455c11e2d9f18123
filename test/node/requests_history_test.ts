import { assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Index } from "../../src/core/ids.ts";
import type { Origin } from "../../src/core/origin.ts";
import { FakeRequests, GROUP, TIMEOUT_MS } from "./fake_requests.ts";

const event = fc.record({
  kind: fc.constantFrom(
    "submit" as const,
    "submit" as const,
    "answer" as const,
    "answer" as const,
    "apply" as const,
    "apply" as const,
    "snapshot" as const,
    "overwrite" as const,
    "refuse" as const,
    "lead" as const,
    "follow" as const,
    "cut" as const,
  ),
  pick: fc.nat(9),
  wait: fc.constantFrom(0, 0, 1, 5, 30, 400),
});
type Event = typeof event extends fc.Arbitrary<infer Value> ? Value : never;

/** One group's log as all see it in the end, and answers to forwarded commands that take as long as they like. */
class World {
  readonly host = new FakeRequests();
  readonly names: string[] = [];
  /** How often the state machine has taken a request. */
  readonly applications = new Map<number, number>();
  readonly #log: { readonly index: number; origin: Origin | null }[] = [];
  readonly #answers: { readonly request: number; readonly index: number }[] = [];
  /** What the node has not told the requests yet of what it applied. */
  #untold: (() => void)[] = [];
  #now = 0;
  #proposedSeen = 0;
  #sentSeen = 0;

  run({ kind, pick, wait }: Event): void {
    const { host } = this;
    this.#now += wait;
    const last = this.#log[this.#log.length - 1];
    switch (kind) {
      case "submit":
        this.names.push(`x${this.names.length}`);
        host.submit(this.names[this.names.length - 1]!, this.#now);
        break;
      case "lead":
      case "follow":
        host.isLeader = kind === "lead";
        break;
      case "cut":
        host.connected = !host.connected;
        break;
      case "overwrite":
        if (last !== undefined) last.origin = null;
        break;
      case "refuse":
        this.#refuse();
        break;
      case "answer":
        if (this.#answers.length > 0) {
          const { request, index } = this.#answers.splice(pick % this.#answers.length, 1)[0]!;
          this.#answer(request, index);
        }
        break;
      case "apply":
      case "snapshot":
        this.#tell();
        this.#apply(1 + pick % 3, kind === "snapshot");
        if (pick < 5) this.#tell();
        break;
    }
    host.requests.work(this.#now);
    this.#gather();
  }

  end(): void {
    this.#tell();
    this.host.requests.work(this.#now + TIMEOUT_MS);
  }

  /** What was proposed or forwarded comes into the log; the leader's answer is under way. */
  #gather(): void {
    const { host } = this;
    for (; this.#proposedSeen < host.proposed.length; this.#proposedSeen++) {
      this.#log.push({ ...host.proposed[this.#proposedSeen]! });
    }
    for (; this.#sentSeen < host.sent.length; this.#sentSeen++) {
      const { origin, request } = host.sent[this.#sentSeen]!;
      const index = host.nextIndex++;
      this.#log.push({ index, origin });
      this.#answers.push({ request, index });
    }
  }

  /** The last entry was not taken after all: if it was a forwarded one, its answer says so. */
  #refuse(): void {
    const last = this.#log[this.#log.length - 1];
    const at = this.#answers.findIndex(({ index }) => index === last?.index);
    if (at < 0) return;
    this.#log.pop();
    const { request } = this.#answers.splice(at, 1)[0]!;
    this.#answer(request, 0);
  }

  #answer(request: number, index: number): void {
    const { term, requests } = this.host;
    requests.answered({ kind: "proposed", group: GROUP, request, index: index as Index, term }, this.#now);
  }

  #apply(count: number, bySnapshot: boolean): void {
    const { host } = this;
    const entries = this.#log.splice(0, count);
    const last = entries[entries.length - 1];
    if (last === undefined) return;
    host.applied = last.index as Index;
    for (const { origin } of entries) {
      if (origin === null) continue;
      this.applications.set(origin.request, (this.applications.get(origin.request) ?? 0) + 1);
      if (!bySnapshot) this.#untold.push(() => host.requests.applied(origin, "done"));
    }
    const through = host.applied;
    if (bySnapshot) this.#untold.push(() => host.requests.skipped(GROUP, through));
    // The node says this whenever more is applied, by whatever means.
    this.#untold.push(() => host.requests.passed(GROUP, through));
  }

  #tell(): void {
    for (const tell of this.#untold) tell();
    this.#untold = [];
  }
}

Deno.test("Whatever happens, each command settles exactly once, is applied at most once and its outcome is true", () => {
  const fates = new Set<string>();
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const world = new World();
      for (const each of events) world.run(each);
      world.end();
      for (const [request, count] of world.applications) {
        assertEquals(count, 1, `request ${request} is applied once`);
      }
      world.names.forEach((name, at) => {
        const fate = world.host.fate(name);
        fates.add(fate);
        const applied = world.applications.has(at + 1);
        assertEquals(fate === "", false, "it settles");
        if (fate === "done") assertEquals(applied, true);
        if (fate.endsWith("NOT_APPLIED")) {
          assertEquals(applied, false, "what is said not to be applied is not");
        }
      });
      assertEquals(world.host.requests.size, 0);
    }),
    { numRuns: 1000 },
  );
  assertEquals([...fates].sort(), ["TIMEOUT NOT_APPLIED", "TIMEOUT UNKNOWN", "done"]);
});
