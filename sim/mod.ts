/** The simulator's face: one run, many runs, a run once more, and runs as tapes. */
import { type BatchOptions, type BatchReport, report, runName, seedAt } from "./batch.ts";
import { runOne, type RunResult, type RunSettings } from "./run.ts";

export { type BatchOptions, type BatchReport, seedAt } from "./batch.ts";
export { EXIT_CODES, type Outcome, runOne, type RunResult, type RunSettings } from "./run.ts";
export { shrink, type ShrinkSettings, type Shrunk } from "./shrink.ts";
export { formatTape, parseTape, type Tape } from "./tape.ts";
export { play, type Playing, record, type Recording } from "./taping.ts";
export { formatRunName, parseRunName, type RunName } from "./run_name.ts";

const STORY_LINES = 200;

/** Runs a name once more, with a longer story; `untilEvent` stops before the end. */
export function replay(name: string, settings: RunSettings = {}): RunResult {
  return runOne(name, { storyLines: STORY_LINES, logLimit: 65_536, ...settings });
}

/** The share of one worker: every `stride`-th seed from `offset` on. */
export function runShare(
  options: BatchOptions,
  offset: number,
  stride: number,
  onResult: (result: RunResult) => void,
): void {
  const deadlineMs = performance.now() + (options.minutes ?? Infinity) * 60_000;
  for (let n = offset; n < options.seeds && performance.now() < deadlineMs; n += stride) {
    onResult(runOne(runName(options.options, seedAt(options.from, n))));
  }
}

/** Runs many seeds, in worker processes where more than one job is asked for. */
export async function runMany(options: BatchOptions): Promise<BatchReport> {
  const startedMs = performance.now();
  const results: RunResult[] = [];
  const onResult = (result: RunResult) => {
    results.push(result);
    options.onResult?.(result);
  };
  if (options.jobs <= 1) runShare(options, 0, 1, onResult);
  else {
    const workers = Array.from({ length: options.jobs }, (_, i) => runWorker(options, i, onResult));
    await Promise.all(workers);
  }
  return report(results, performance.now() - startedMs);
}

/** One process of its own for a share: a run that takes its process down takes no other with it. */
async function runWorker(
  options: BatchOptions,
  offset: number,
  onResult: (result: RunResult) => void,
): Promise<void> {
  const args = ["run", "-A", "--no-check", new URL("./main.ts", import.meta.url).href, "worker"];
  args.push("--from", options.from);
  if (Number.isFinite(options.seeds)) args.push("--seeds", String(options.seeds));
  args.push("--offset", String(offset), "--stride", String(options.jobs));
  if (options.minutes !== undefined) args.push("--minutes", String(options.minutes));
  if (options.options !== undefined) args.push("--options", options.options);
  const command = new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "inherit" });
  const child = command.spawn();
  let rest = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) if (line !== "") onResult(JSON.parse(line) as RunResult);
  }
  const { success, code } = await child.status;
  if (!success) throw new Error(`Worker ${offset} ended with code ${code}`);
}
