/** `sennit sim view NAME|TAPE.json [--out FILE] [--open]`: makes the run, then a page of it. */
import { type Arguments, oneWord } from "../arguments.ts";
import { parseRunName, runOne, type RunResult } from "../mod.ts";
import { printResult } from "../printing.ts";
import { formatTape, nameOfTape } from "../tape.ts";
import { isTapeFile, readTape } from "../tape_commands.ts";
import { play } from "../taping.ts";
import { buildPage } from "./mod.ts";

export interface Viewed {
  /** The page's file. */
  readonly path: string;
  readonly result: RunResult;
}

/** `run` is a run's name or a tape's file; `out` is the page's, by default named after the run in the current folder. */
export async function view(run: string, out?: string): Promise<Viewed> {
  const tape = isTapeFile(run) ? readTape(run) : null;
  const title = tape === null ? run : nameOfTape(tape);
  const result = tape === null ? runOne((parseRunName(run), run)) : play(tape).result;
  const source = { name: run, tape: tape === null ? null : formatTape(tape) };
  const path = out ?? `${title.replace(/[^\w.-]+/g, "_")}.html`;
  await Deno.writeTextFile(path, await buildPage({ source, title, trace: result.trace }));
  return { path, result };
}

export async function viewCommand(args: Arguments): Promise<number> {
  const run = oneWord(args, "the name of a run, or a tape's file");
  const { path, result } = await view(run, args.flags.get("out"));
  if (args.flags.has("json")) {
    console.log(JSON.stringify({ page: path, outcome: result.outcome, trace: result.trace }));
  } else {
    printResult(result);
    console.log(`trace ${result.trace}\npage ${path}`);
  }
  if (args.flags.has("open")) await open(path);
  return 0;
}

/** Shows a file in the reader's browser; says where it is if that cannot be done. */
async function open(path: string): Promise<void> {
  const commands: Partial<Record<typeof Deno.build.os, string>> = {
    linux: "xdg-open",
    darwin: "open",
    windows: "explorer",
  };
  const command = commands[Deno.build.os];
  try {
    if (command !== undefined && (await new Deno.Command(command, { args: [path] }).output()).success) return;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  console.error(`No browser could be opened here: open ${path} yourself`);
}
