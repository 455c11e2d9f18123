/**
 * Commands about tapes.
 *
 *     sennit sim shrink NAME|TAPE.json [--minutes M] [--events N] [--out FILE] [--write ID] [--story TEXT] [--test FILE] [--json]
 *
 * Shrinks a failing run or tape and prints the tape, or writes it to a file. `--write` keeps it as `sim/corpus/ID.json`, where it
 * must pass from then on, with a test for it on the standard output or in the file that `--test` names.
 */
import { type Arguments, numberFlag, oneWord, UsageError } from "./arguments.ts";
import { currentCommit } from "./commit.ts";
import { parseRunName, type RunResult, type RunSettings } from "./mod.ts";
import { forCorpus, regressionTest } from "./regression.ts";
import { shrink, type Shrunk } from "./shrink.ts";
import { formatTape, nameOfTape, parseTape, type Tape } from "./tape.ts";
import { play, record } from "./taping.ts";

const CORPUS = new URL("./corpus/", import.meta.url);

export function isTapeFile(name: string): boolean {
  return name.endsWith(".json");
}

export function readTape(path: string): Tape {
  try {
    return parseTape(Deno.readTextFileSync(path), path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new UsageError(`There is no tape ${path}`);
    throw error;
  }
}

/** Plays a tape and says on the standard error how it differs from what is expected of it. */
export function replayTape(path: string, settings: RunSettings): RunResult {
  const tape = readTape(path);
  const { result, stale } = play(tape, settings);
  console.error(`tape ${nameOfTape(tape)}: ${tape.story}`);
  if (stale.length > 0 && result.outcome !== "stopped") {
    const some = stale.slice(0, 8).join(" ");
    console.error(`${stale.length} decisions on the tape were not asked for: ${some}`);
  }
  const { outcome, checker } = tape.expectation;
  if (result.outcome !== "stopped" && (result.outcome !== outcome || result.checker !== checker)) {
    console.error(`expected ${outcome} ${checker}, came to ${result.outcome} ${result.checker}`);
  }
  return result;
}

export function shrinkCommand(args: Arguments): number {
  const name = oneWord(args, "the name of a failing run, or a tape's file");
  const { flags } = args;
  const id = flags.get("write");
  if (id !== undefined && !/^[a-z0-9][a-z0-9-]{0,60}$/.test(id)) {
    throw new UsageError(`--write takes an id of lower-case letters, digits and dashes, not ${id}`);
  }
  const tape = isTapeFile(name) ? readTape(name) : record((parseRunName(name), name)).tape;
  const deadlineMs = performance.now() + 60_000 * numberFlag(flags, "minutes", Infinity);
  const events = numberFlag(flags, "events", 0);
  const shrunk = shrink(tape, {
    isOver: () => performance.now() >= deadlineMs,
    onProgress: (text) => console.error(text),
    ...(events === 0 ? {} : { eventsLimit: events }),
  });
  keep(shrunk, flags, id);
  report(shrunk, flags.has("json"));
  return 0;
}

function keep({ tape }: Shrunk, flags: ReadonlyMap<string, string>, id: string | undefined): void {
  const out = flags.get("out");
  if (out !== undefined) Deno.writeTextFileSync(out, formatTape(tape));
  if (id === undefined) return;
  const kept = forCorpus(tape, id, currentCommit(), flags.get("story") ?? "");
  Deno.writeTextFileSync(new URL(`${id}.json`, CORPUS), formatTape(kept));
  const test = flags.get("test");
  const text = regressionTest(kept, `../../sim/corpus/${id}.json`);
  if (test === undefined) console.log(text);
  else Deno.writeTextFileSync(test, text);
}

function report({ tape, result, before, after, tries, isMinimal }: Shrunk, json: boolean): void {
  if (json) {
    const { outcome, checker, message } = result;
    console.log(JSON.stringify({ outcome, checker, message, before, after, tries, isMinimal }));
    return;
  }
  const end = isMinimal ? "" : " (the budget ended it)";
  console.error(
    `${before.events} -> ${after.events} events, ${before.decisions} -> ${after.decisions} decisions in ${tries} tries${end}`,
  );
  console.error(`still ${result.outcome}: ${result.message.split("\n")[0]}`);
  console.error([...tape.decisions].map(([site, words]) => `  ${site}: ${words.size}`).join("\n"));
}
