/** `sim run --app`: a process of its own, its exit codes, and the report for build servers. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { junitXml } from "../../sim/testing/junit.ts";
import type { AppRunResult } from "../../sim/testing/mod.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

async function sim(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--quiet", "sim/main.ts", ...args],
    cwd: ROOT,
  });
  const { code, stdout, stderr } = await command.output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

Deno.test("sim run --app ends with 0 where all is well, and with 129, the way back and a report where not", async () => {
  const folder = await Deno.makeTempDir({ prefix: "sennit-junit-" });
  try {
    const junit = `${folder}/report.xml`;
    const good = await sim(
      ...["run", "--app", "examples/payments/simulation.ts", "--seeds", "2", "--from", "1", "--junit", junit],
    );
    assertEquals(good.code, 0, good.stdout + good.stderr);
    assertMatch(await Deno.readTextFile(junit), /tests="2" failures="0"/);

    const careless = ["run", "--app", "examples/payments/careless_simulation.ts"];
    const bad = await sim(...careless, "--seeds", "40", "--from", "100", "--junit", junit);
    assertEquals(bad.code, 129, bad.stdout + bad.stderr);
    const xml = await Deno.readTextFile(junit);
    assertMatch(xml, /tests="40" failures="[1-9]\d*"/);
    assertMatch(xml, /<failure type="safety" message="check: order-\d+ was paid \d times">/);
    const [, seed, faults] = /--from (\w+) --seeds 1 --faults '(.*)'/.exec(bad.stderr)!;
    const again = await sim(...careless, "--from", seed!, "--seeds", "1", "--faults", faults!, "--json");
    assertEquals(again.code, 129);
    const result = JSON.parse(again.stdout.split("\n")[0]!) as AppRunResult;
    assert(bad.stderr.includes(`trace ${result.trace}`), "the same run again");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("sim run --app refuses by name what it cannot use", async () => {
  const wrong: [string[], RegExp][] = [
    [["--app", "nowhere.ts"], /Cannot load --app nowhere\.ts/],
    [["--app", "examples/payments/bank.ts"], /has no default export/],
    [["--app", "examples/payments/simulation.ts", "--jobs", "2"], /--jobs is not for --app/],
    [["--app", "examples/payments/simulation.ts", "--faults", "rain"], /--faults is "none" or a JSON array/],
  ];
  for (const [args, message] of wrong) {
    const { code, stderr } = await sim("run", ...args);
    assertEquals(code, 2, stderr);
    assertMatch(stderr, message);
  }
});

Deno.test("a JUnit report escapes what XML cannot carry", () => {
  const result = { seed: "7", outcome: "safety", checker: "check", message: `<a> & "b"\u0000`, wallMs: 1500 };
  const xml = junitXml("x & y", [result as unknown as AppRunResult], new Map());
  assertMatch(xml, /name="x &amp; y" tests="1" failures="1" errors="0" time="1\.500"/);
  assertMatch(xml, /message="check: &lt;a&gt; &amp; &quot;b&quot;\?"/);
});
