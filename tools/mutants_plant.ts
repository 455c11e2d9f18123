/** One bug in a copy of the tree: planted, type-checked, and run under the simulator until a checker notices it. */
import type { Mutant } from "../sim/mutants/mod.ts";
import type { RunResult } from "../sim/run.ts";

const ROOT = new URL("..", import.meta.url).pathname;
/** What the simulator needs to run. */
const COPIED = ["src", "sim", "deno.json", "deno.lock"];
/** A run that takes longer has been sent round in circles. */
const RUN_LIMIT_MS = 180_000;

export interface Budget {
  readonly runs: number;
  /** The first seed. */
  readonly from: number;
}

export interface Row {
  readonly id: string;
  readonly says: string;
  readonly fate: "caught" | "survived" | "broken";
  /** Runs until it was caught, that one included; all runs where it was not. */
  readonly runs: number;
  /** What noticed it first; where the edit does not fit, why. */
  readonly checker: string;
  readonly message: string;
  /** Failed assertions of node code in these runs. */
  readonly assertions: number;
}

/** Where an edit of a mutant does not fit the text that `read` returns of a file; null where all fit. */
export async function misfit(
  mutant: Mutant,
  read: (file: string) => Promise<string>,
): Promise<string | null> {
  const texts = new Map<string, string>();
  for (const { file, from, to } of mutant.edits) {
    const text = texts.get(file) ?? await read(file);
    const found = text.split(from).length - 1;
    if (found !== 1) return `${file} holds ${JSON.stringify(from)} ${found} times`;
    texts.set(file, text.replace(from, () => to));
  }
  return null;
}

/** Plants and runs. `typeError`: what `typeErrors` has found of it. */
export async function score(mutant: Mutant, budget: Budget, typeError: string | undefined): Promise<Row> {
  const { id, says } = mutant;
  const broken = (why: string): Row => ({
    id,
    says,
    fate: "broken",
    runs: 0,
    checker: why,
    message: "",
    assertions: 0,
  });
  if (typeError !== undefined) return broken(typeError);
  return await inCopy(mutant, broken, (folder) => runUntilCaught(mutant, folder, budget));
}

/**
 * By id: why an edit does not fit or does not type-check. Bugs of different files are checked together, which takes a tenth of the
 * time, and one at a time where together they fail.
 */
export async function typeErrors(mutants: readonly Mutant[]): Promise<ReadonlyMap<string, string>> {
  const errors = new Map<string, string>();
  for (const batch of batchesOf(mutants)) {
    if (await typeErrorOf(batch) === null) continue;
    for (const mutant of batch) {
      const error = await typeErrorOf([mutant]);
      if (error !== null) errors.set(mutant.id, error);
    }
  }
  return errors;
}

/** So that no two bugs of a batch edit one file. */
export function batchesOf(mutants: readonly Mutant[]): Mutant[][] {
  const batches: { readonly files: Set<string>; readonly mutants: Mutant[] }[] = [];
  for (const mutant of mutants) {
    const files = mutant.edits.map(({ file }) => file);
    let batch = batches.find((each) => files.every((file) => !each.files.has(file)));
    if (batch === undefined) batches.push(batch = { files: new Set(), mutants: [] });
    for (const file of files) batch.files.add(file);
    batch.mutants.push(mutant);
  }
  return batches.map((batch) => batch.mutants);
}

async function typeErrorOf(mutants: readonly Mutant[]): Promise<string | null> {
  const together = { id: "", says: "", edits: mutants.flatMap(({ edits }) => edits) };
  return await inCopy<string | null>(together, (why) => why, async (folder) => {
    const check = new Deno.Command(Deno.execPath(), {
      args: ["check", "--quiet", "sim/main.ts"],
      cwd: folder,
      env: { NO_COLOR: "1" },
    });
    const { success, stderr } = await check.output();
    if (success) return null;
    const [first] = new TextDecoder().decode(stderr).trim().split("\n");
    return `does not type-check: ${first}`;
  });
}

/** Copies of the tree that nobody uses now: the next bug takes one, of which all but its own files is compiled already. */
const idleCopies: string[] = [];

/** When no more bugs are planted. */
export async function removeCopies(): Promise<void> {
  for (const folder of idleCopies.splice(0)) await Deno.remove(folder, { recursive: true });
}

async function makeCopy(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "sennit-mutant-" });
  for (const name of COPIED) await copyTree(`${ROOT}/${name}`, `${folder}/${name}`);
  return folder;
}

/** Gives `body` a copy of the tree with the bug in it; `broken` says why there is none. */
export async function inCopy<Result>(
  mutant: Mutant,
  broken: (why: string) => Result,
  body: (folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = idleCopies.pop() ?? await makeCopy();
  const before = new Map<string, string>();
  try {
    const why = await misfit(mutant, (file) => Deno.readTextFile(`${folder}/${file}`));
    if (why !== null) return broken(why);
    for (const { file, from, to } of mutant.edits) {
      const text = await Deno.readTextFile(`${folder}/${file}`);
      if (!before.has(file)) before.set(file, text);
      await Deno.writeTextFile(`${folder}/${file}`, text.replace(from, () => to));
    }
    return await body(folder);
  } finally {
    for (const [file, text] of before) await Deno.writeTextFile(`${folder}/${file}`, text);
    idleCopies.push(folder);
  }
}

async function copyTree(from: string, to: string): Promise<void> {
  const { isDirectory } = await Deno.stat(from);
  if (!isDirectory) return await Deno.copyFile(from, to);
  await Deno.mkdir(to);
  for await (const { name } of Deno.readDir(from)) await copyTree(`${from}/${name}`, `${to}/${name}`);
}

async function runUntilCaught(mutant: Mutant, folder: string, budget: Budget): Promise<Row> {
  const { id, says } = mutant;
  let runs = 0;
  let assertions = 0;
  for await (const result of runsOf(folder, budget)) {
    runs += 1;
    if (result === "stuck") {
      return { id, says, fate: "caught", runs, checker: "never-ends", message: "", assertions };
    }
    assertions += result.assertions;
    if (result.outcome === "ok") continue;
    const { checker, message } = result;
    return { id, says, fate: "caught", runs, checker, message, assertions };
  }
  return { id, says, fate: "survived", runs, checker: "", message: "", assertions };
}

/** Runs seeds one after the other, until there are no more or nobody asks. */
export async function* runsOf(
  folder: string,
  { runs, from }: Budget,
): AsyncGenerator<RunResult | "stuck"> {
  const args = ["run", "-A", "--no-check", "sim/main.ts", "worker", "--options", "assertions=count"];
  args.push("--from", String(from), "--seeds", String(runs));
  const command = new Deno.Command(Deno.execPath(), {
    args,
    cwd: folder,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  const child = command.spawn();
  let isStuck = false;
  const giveUp = () => {
    isStuck = true;
    end(child);
  };
  let timer = setTimeout(giveUp, RUN_LIMIT_MS);
  const errors = new Response(child.stderr).text();
  let rest = "";
  let isOver = false;
  try {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        clearTimeout(timer);
        timer = setTimeout(giveUp, RUN_LIMIT_MS);
        yield JSON.parse(line) as RunResult;
      }
    }
    isOver = true;
  } finally {
    clearTimeout(timer);
    if (!isOver) end(child);
  }
  const { success } = await child.status;
  if (isStuck) yield "stuck";
  else if (!success) throw new Error(`The simulator itself failed: ${await errors}`);
}

function end(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch (error) {
    // It has ended by itself just now.
    if (!(error instanceof TypeError)) throw error;
  }
}
