/** A user's code in the simulator: it runs as it would run, crashes with its node, and is the same run again. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import fc from "fast-check";
import { defineApp } from "../../src/app/mod.ts";
import {
  faultSchedule,
  simulate,
  simulateAll,
  type Simulation,
  SimulationFailure,
} from "../../sim/testing/mod.ts";
import { handling, Notebook, once, type Outside, outside, publishing } from "./apps.ts";

async function failure(options: Parameters<typeof simulate<Outside>>[0]): Promise<SimulationFailure> {
  return await assertRejects(() => simulate(options), SimulationFailure);
}

Deno.test("simulate() hands every message to the handler, in order, and says what was done", async () => {
  const notebooks: Notebook[] = [];
  const report = await simulate({
    app: handling(async (ctx, message) => {
      await ctx.services.notebook.note(`${ctx.node} ${message.offset} ${message.text()}`);
    }),
    services: () => {
      notebooks.push(new Notebook());
      return { notebook: notebooks.at(-1)! };
    },
    workload: publishing(3),
    check() {},
    seeds: 2,
    faults: "none",
  });
  assertEquals(notebooks.map(({ lines }) => lines), [
    ["n2 0 message-0", "n2 1 message-1", "n2 2 message-2"],
    ["n2 0 message-0", "n2 1 message-1", "n2 2 message-2"],
  ]);
  assertEquals([report.runs, report.work["handled"], report.work["serviceCalls"]], [2, 6, 6]);
});

Deno.test("ctx gives time, chance, sleep, the key-value, publishing and functions, all of the world", async () => {
  const seen: Record<string, unknown>[] = [];
  const app = defineApp<Outside>({
    handlers: {
      worker: {
        stream: "work",
        async handle(ctx, message) {
          const before = ctx.now();
          await ctx.sleep(250);
          const slept = ctx.now() - before;
          await ctx.kv.put("seen", message.text());
          const doubled = await ctx.call("double", 21);
          const { offset } = await ctx.publish("work-2", "from the handler");
          const isLedgerRefused = await ctx.tx(() => Promise.resolve()).catch((error) =>
            error.message as string
          );
          seen.push({ slept, random: ctx.random(), doubled, offset, isLedgerRefused });
        },
      },
    },
    functions: { double: (_ctx, input: number) => 2 * input },
  });
  const options = {
    app,
    services: outside,
    workload: async (sim: Simulation<Outside>) => {
      await sim.openStream("work-2", { source: "n2", targets: ["n3"] });
      await publishing(1)(sim);
      assertEquals(await sim.call("n3", "double", 4), 8);
    },
    async check(sim: Simulation<Outside>) {
      const found = await sim.mesh("n3").kv.get("seen");
      assertEquals(new TextDecoder().decode(found!.value), "message-0");
    },
    seeds: 1,
    faults: "none" as const,
  };
  await simulate(options);
  await simulate(options);
  const [first, second] = seen;
  assertEquals(first, second);
  assert((first!["slept"] as number) >= 250 && (first!["slept"] as number) < 260);
  assertEquals([first!["doubled"], first!["offset"]], [42, 0]);
  assertMatch(first!["isLedgerRefused"] as string, /^ctx\.tx needs a Ledger/);
});

Deno.test("globals that no seed decides throw with the name of the member of ctx to use", async () => {
  const uses: [string, () => unknown, RegExp][] = [
    ["Date.now", () => Date.now(), /ctx\.now\(\)/],
    ["new Date()", () => new Date(), /ctx\.now\(\)/],
    ["performance.now", () => performance.now(), /ctx\.now\(\)/],
    ["setTimeout", () => setTimeout(() => {}, 1), /ctx\.sleep\(\)/],
    ["Math.random", () => Math.random(), /ctx\.random\(\)/],
    ["crypto.randomUUID", () => crypto.randomUUID(), /ctx\.random\(\)/],
    ["crypto.subtle", () => crypto.subtle, /ctx\.services/],
    ["fetch", () => fetch("http://127.0.0.1:1"), /ctx\.services/],
    ["Deno.readTextFileSync", () => Deno.readTextFileSync("deno.json"), /ctx\.services/],
  ];
  for (const [name, use, instead] of uses) {
    const { result } = await failure(once(async () => {
      try {
        await use();
      } catch { /* Caught by the user's own code: it does not help. */ }
    }));
    assertEquals(result.checker, "ambient-globals", name);
    assert(result.message.startsWith(`The application used ${name}: `), result.message);
    assertMatch(result.message, instead);
  }
  await simulate(once(() => void [new Date(0).getTime(), Math.log(2)]));
  assert(Date.now() > 0 && Math.random() < 1, "the globals are back");
});

Deno.test("what a handler awaits when its node crashes never comes", async () => {
  const afterwards: string[] = [];
  const incarnations: string[] = [];
  await simulate({
    app: handling(async (ctx) => {
      const name = `handler ${incarnations.length}`;
      incarnations.push(name);
      const wait = incarnations.length === 1 ? 5_000 : 1;
      await ctx.sleep(wait);
      afterwards.push(name);
    }),
    services: outside,
    workload: publishing(1, 4_000),
    check() {},
    seeds: 1,
    from: "3",
    faults: [{ atMs: 2_000, kind: "crash-process", nodes: [2], forMs: 100 }],
  });
  assertEquals(incarnations, ["handler 0", "handler 1"]);
  assertEquals(afterwards, ["handler 1"]);
});

Deno.test("one seed in two processes is one run, also with a busy collector", async () => {
  const results: string[] = [];
  const { payments } = await import("../../examples/payments/simulation.ts");
  await simulateAll({ ...payments, seeds: 3, from: "41", onResult: (one) => results.push(one.trace) });
  const script = `
    import { simulateAll } from ${JSON.stringify(new URL("../../sim/testing/mod.ts", import.meta.url).href)};
    import { payments } from ${
    JSON.stringify(new URL("../../examples/payments/simulation.ts", import.meta.url).href)
  };
    const results = [];
    await simulateAll({ ...payments, seeds: 3, from: "41", onResult: (one) => results.push(one.trace) });
    console.log(JSON.stringify(results));`;
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      "--config",
      config,
      "--v8-flags=--gc-interval=2000",
      `data:text/typescript,${encodeURIComponent(script)}`,
    ],
  }).output();
  assertEquals(
    new TextDecoder().decode(stdout).trim(),
    JSON.stringify(results),
    new TextDecoder().decode(stderr),
  );
});

Deno.test("a check that throws, an invariant that throws and a workload that throws are told apart", async () => {
  const good = once(() => {});
  const broken = () => {
    throw new RangeError("broken on purpose");
  };
  for (const checker of ["check", "invariant", "workload"] as const) {
    const { result, message } = await failure({ ...good, [checker]: broken });
    assertEquals([result.outcome, result.checker, result.message], ["safety", checker, "broken on purpose"]);
    assertMatch(message, /simulate\(\{ …, from: "0000000000000001", seeds: 1, faults: \[\] \}\)/);
  }
});

Deno.test("a handler that keeps failing halts, and the run says at which message", async () => {
  let tries = 0;
  const { result } = await failure({
    ...once(() => {}),
    app: handling(() => {
      tries += 1;
      throw new Error("always");
    }, { attempts: 3 }),
  });
  assertEquals([result.checker, tries], ["handler-halted", 3]);
  assertEquals(result.message, "handler worker at n2 halted: offset 0 failed 3 times: always");
});

Deno.test("a promise that fails and that nobody looks at ends the run", async () => {
  const { result } = await failure(once(() => void Promise.reject(new Error("nobody looks"))));
  assertEquals([result.checker, result.message], ["unhandled-rejection", "nobody looks"]);
});

Deno.test("a workload that waits for ever ends the run as without progress", async () => {
  const options = { ...once(() => {}), workload: () => new Promise<void>(() => {}), workloadMs: 3_000 };
  const { result } = await failure(options);
  assertEquals([result.outcome, result.message], ["liveness", "the workload does not end within 3000 ms"]);
});

Deno.test("handlers that were given nothing show nothing", async () => {
  const options = { ...once(() => {}), workload: () => Promise.resolve() };
  await assertRejects(() => simulate(options), Error, "nothing was shown");
});

Deno.test("wrong options are refused by name before anything runs", async () => {
  const good = once(() => {});
  const wrong: [object, string][] = [
    [{ seeds: 0 }, "simulate() runs 1 seed or more, not 0"],
    [{ nodes: 10 }, "A simulated mesh has 1 to 9 nodes, not 10"],
    [{ check: undefined }, "simulate() needs a check"],
    [{ app: { handler: {} } }, "The app has an unknown member handler"],
    [{ app: { handlers: { a: { stream: "" } } } }, "Handler a has no stream"],
    [{ faults: [{ atMs: 0, kind: "rain", nodes: [1], forMs: 1 }] }, "unknown kind rain"],
    [{ faults: [{ atMs: 0, kind: "pause", nodes: [4], forMs: 1 }] }, "names a node that does not exist"],
  ];
  for (const [change, message] of wrong) {
    await assertRejects(() => simulate({ ...good, ...change } as typeof good), Error, message);
  }
});

Deno.test("fast-check makes schedules of faults, and makes the one that breaks something smaller", async () => {
  // Breaks whenever the node of the handler crashed at all: what is left must be one crash.
  const options = {
    ...once(async (ctx) => void await ctx.services.notebook.note("handled")),
    workload: publishing(1, 3_000),
    check(sim: Simulation<Outside>) {
      if (sim.handlers("n2")[0]!.handled === 0) throw new Error("n2 was started again");
    },
    shrink: false,
  };
  const kinds = ["clog", "pause", "partition-one", "stop", "crash-process"] as const;
  const schedules = faultSchedule({ nodes: 3, withinMs: 2_000, maxForMs: 300, maxFaults: 5, kinds });
  const property = fc.asyncProperty(schedules, async (faults) => void await simulate({ ...options, faults }));
  const { failed, counterexample } = await fc.check(property, { seed: 7, numRuns: 60, endOnFailure: false });
  assert(failed, "some schedule crashes n2");
  const [faults] = counterexample!;
  assertEquals(faults.length, 1, JSON.stringify(faults));
  assertMatch(faults[0]!.kind, /crash|stop/);
});
