/**
 * Commands about determinism.
 *
 *     sennit sim determinism [NAME] [--seeds N] [--from SEED] [--options K=V,…] [--json]
 *     sennit sim trace NAME [--from EVENT --to EVENT] [--disturbed true]   (one side, for the other process)
 *
 * Exit code 1 where a run is not decided by its name.
 */
import { type Arguments, numberFlag, oneWord, UsageError } from "./arguments.ts";
import { runName, seedAt } from "./batch.ts";
import {
  compare,
  describeDifference,
  type EventRange,
  type Side,
  type Traced,
  traceOf,
} from "./determinism.ts";

const MAIN = new URL("./main.ts", import.meta.url).href;
const SEEDS = 5;

/** A process of its own for every run. `flags` are V8's. */
export function inProcess(flags: readonly string[], disturbed: boolean): Side {
  return async (name: string, range: EventRange | null) => {
    const args = ["run", "-A", "--no-check", ...flags, MAIN, "trace", name];
    if (disturbed) args.push("--disturbed", "true");
    if (range !== null) args.push("--from", String(range.from), "--to", String(range.to));
    const command = new Deno.Command(Deno.execPath(), { args, stderr: "inherit" });
    const { success, stdout } = await command.output();
    if (!success) throw new Error(`The process that runs ${name} failed`);
    return JSON.parse(new TextDecoder().decode(stdout)) as Traced;
  };
}

export const PLAIN = inProcess([], false);
/** Collections at odd moments. */
export const DISTURBED = inProcess(["--v8-flags=--expose-gc"], true);

export function traceCommand(args: Arguments): number {
  const name = oneWord(args, "the name of a run");
  const { flags } = args;
  const range = flags.has("to")
    ? { range: { from: numberFlag(flags, "from", 0), to: numberFlag(flags, "to", 0) } }
    : {};
  console.log(JSON.stringify(traceOf(name, { ...range, disturbed: flags.has("disturbed") })));
  return 0;
}

export async function determinismCommand({ words, flags }: Arguments): Promise<number> {
  if (words.length > 1) throw new UsageError("Give one run's name, or --seeds");
  const from = flags.get("from") ?? String(crypto.getRandomValues(new Uint32Array(1))[0]!);
  const names = words.length === 1
    ? [...words]
    : Array.from({ length: numberFlag(flags, "seeds", SEEDS) }, (_, n) =>
      runName(flags.get("options"), seedAt(from, n)));
  let differing = 0;
  for (const name of names) {
    const difference = await compare(name, PLAIN, DISTURBED);
    if (difference !== null) differing += 1;
    if (flags.has("json")) console.log(JSON.stringify({ name, difference }));
    else console.log(difference === null ? `same     ${name}` : describeDifference(difference));
  }
  if (!flags.has("json")) console.log(`${names.length} runs, ${differing} of them differ`);
  return differing === 0 ? 0 : 1;
}
