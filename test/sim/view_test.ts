/** The page of a run, in a real browser: it makes the run itself, shows what was, and runs the nodes' code step by step. */
import { assert, assertEquals } from "@std/assert";
import { runOne, type RunResult } from "../../sim/run.ts";
import { view } from "../../sim/view/command.ts";
import { record } from "../../sim/taping.ts";
import { formatTape } from "../../sim/tape.ts";
import { MUTANTS } from "../../sim/mutants/mod.ts";
import { inCopy, removeCopies } from "../../tools/mutants_plant.ts";
import { Browser, findChromium } from "./chromium.ts";

/** A short run in which faults strike. */
function findRun(): RunResult {
  for (let seed = 1; seed < 30; seed++) {
    const result = runOne(`nodes=3,operations=200,faults=pause+crash-power+partition-one.${seed}`);
    const { pause, "crash-power": crash } = result.faults;
    if (result.outcome === "ok" && pause?.struck && crash?.struck && result.events < 20_000) return result;
  }
  throw new Error("No seed does what is wanted");
}

const RESULT = findRun();
const NAME = RESULT.name;
const CHROMIUM = await findChromium();
if (CHROMIUM === null) console.warn("No Chromium can be had here: the page of a run is not looked at");

interface Page extends AsyncDisposable {
  readonly browser: Browser;
}

async function openPage(
  run: string,
  make: (run: string, out: string) => Promise<unknown> = view,
): Promise<Page & { readonly html: string }> {
  const folder = await Deno.makeTempDir({ prefix: "sennit-view-test-" });
  const path = `${folder}/page.html`;
  await make(run, path);
  const browser = await Browser.open(CHROMIUM!, 1400, 900);
  await browser.goTo(`file://${path}`);
  await browser.until(`document.body?.dataset.state !== undefined`);
  assertEquals(
    await browser.evaluate(`document.body.dataset.state`),
    "ready",
    await browser.evaluate(text("#verdict")),
  );
  return {
    browser,
    html: await Deno.readTextFile(path),
    async [Symbol.asyncDispose]() {
      await browser[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

const text = (selector: string) => `document.querySelector(${JSON.stringify(selector)}).textContent`;

function pageTest(name: string, body: () => Promise<void>): void {
  Deno.test({ name, ignore: CHROMIUM === null, fn: body });
}

pageTest("the page of a run makes the run itself and comes to the command's trace", async () => {
  const result = RESULT;
  await using page = await openPage(NAME);
  const { browser, html } = page;
  assertEquals(await browser.evaluate(text("#trace")), `trace ${result.trace}`);
  assertEquals(await browser.evaluate(`document.querySelector("#trace").className`), "mono same");
  assertEquals(await browser.evaluate(text("#outcome")), "ok");
  assert((await browser.evaluate<string>(text("#figures"))).startsWith(`${result.events} events`));
  assertEquals(browser.complaints, []);
  assertEquals(html.match(/(src|href)="(?!data:)[^"]*"/g), null, "the page asks for something outside of it");
});

pageTest(
  "a step forward runs node code: the trace after it is the replay's, and the nodes' state is shown",
  async () => {
    await using page = await openPage(NAME);
    const { browser } = page;
    const goTo = async (event: number) => {
      await browser.evaluate(`(() => {
      const field = document.querySelector("#to-event");
      field.value = ${event};
      field.dispatchEvent(new Event("change"));
    })()`);
      await browser.until(`document.body.dataset.moment === "${event}"`);
      return await browser.evaluate<string>(text("#moment-trace"));
    };
    assertEquals(await goTo(2_000), runOne(NAME, { untilEvent: 2_000 }).trace);
    await browser.key("ArrowRight");
    await browser.until(`document.body.dataset.moment === "2001"`);
    assertEquals(await browser.evaluate(text("#moment-trace")), runOne(NAME, { untilEvent: 2_001 }).trace);
    // Back: the run once more.
    assertEquals(await goTo(1_500), runOne(NAME, { untilEvent: 1_500 }).trace);
    await browser.until(`document.querySelector("#live-facts") !== null`);
    assert((await browser.evaluate<string>(text("#moment"))).includes("leads"));
    assertEquals(browser.complaints, []);
  },
);

pageTest("jumps and filters of the page do what they say", async () => {
  await using page = await openPage(NAME);
  const { browser } = page;
  await browser.evaluate(`document.querySelector('[data-tab="jumps"]').click()`);
  await browser.until(`document.querySelectorAll("#jumps tr[data-event]").length > 5`);
  const jumps = await browser.evaluate<string>(text("#jumps"));
  for (const word of ["becomes leader", "candidate", "nemesis", "power lost", "heal all"]) {
    assert(jumps.includes(word), word);
  }
  const event = await browser.evaluate<number>(`(() => {
    const row = document.querySelectorAll("#jumps tr[data-event]")[4];
    row.click();
    return Number(row.dataset.event);
  })()`);
  await browser.until(`document.body.dataset.moment === "${event}"`);
  // Who is hidden leads nowhere.
  const leader = jumps.match(/(n\d) becomes leader/)![1]!;
  await browser.evaluate(`document.querySelector('[data-filter="${leader}"]').click()`);
  await browser.until(`document.querySelector('[data-filter="${leader}"]').classList.contains("off")`);
  await browser.until(`!document.querySelector("#jumps").textContent.includes("${leader} becomes leader")`);
  await browser.evaluate(`document.querySelector('[data-tab="faults"]').click()`);
  const faults = await browser.evaluate<string>(text("#faults"));
  assert(faults.includes("pause") && faults.includes("crash-power"), faults);
});

pageTest("a tape has a page like a run", async () => {
  const file = await Deno.makeTempFile({ prefix: "sennit-tape-", suffix: ".json" });
  try {
    const { tape, result } = record("nodes=3,operations=20.9");
    await Deno.writeTextFile(file, formatTape(tape));
    await using page = await openPage(file);
    assertEquals(await page.browser.evaluate(text("#trace")), `trace ${result.trace}`);
    assertEquals(await page.browser.evaluate(`document.querySelector("#trace").className`), "mono same");
  } finally {
    await Deno.remove(file);
  }
});

/** The simulator of another tree, as a command; its lines of JSON. */
function simulator(root: string, ...args: string[]): Record<string, unknown>[] {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "sim/main.ts", ...args, "--json"],
    cwd: root,
    stderr: "inherit",
  });
  const { stdout } = command.outputSync();
  return new TextDecoder().decode(stdout).trim().split("\n").map((line) => JSON.parse(line));
}

pageTest("a broken promise is marked in the page, where and when it was seen", async () => {
  const bug = MUTANTS.find((mutant) => mutant.id === "match-on-send")!;
  const broken = (why: string) => {
    throw new Error(why);
  };
  await inCopy<void>(bug, broken, async (root) => {
    const options = "nodes=3,operations=60,assertions=count";
    const runs = simulator(root, "run", "--options", options, "--from", "1", "--seeds", "12");
    const failed = runs.find((run) => run["outcome"] === "safety");
    if (failed === undefined) throw new Error("The planted bug is not seen");
    const { name, checker, events, trace, message } = failed;
    await using page = await openPage(String(name), async (run, out) => {
      await Promise.resolve(simulator(root, "view", run, "--out", out));
    });
    const { browser } = page;
    assertEquals(await browser.evaluate(text("#outcome")), `safety ${checker}`);
    assertEquals(await browser.evaluate(text("#trace")), `trace ${trace}`);
    assertEquals(await browser.evaluate(`document.querySelector("#trace").className`), "mono same");
    assertEquals(await browser.evaluate(text("#verdict")), message);
    // The cursor stands where the promise was broken, and the nodes' code ran up to there.
    await browser.until(`document.body.dataset.moment === "${events}"`);
    assertEquals(await browser.evaluate(text("#moment-trace")), trace);
    await browser.evaluate(`document.querySelector('[data-tab="jumps"]').click()`);
    await browser.until(`document.querySelector("#jumps tr.violation") !== null`);
    assertEquals(
      await browser.evaluate(`document.querySelector("#jumps tr.violation").dataset.event`),
      String(events),
    );
    assertEquals(browser.complaints, []);
  }).finally(removeCopies);
});
