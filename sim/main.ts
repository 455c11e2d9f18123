/**
 * The simulator as a command of its own; the product's command calls the same functions of mod.ts.
 *
 *     sennit sim run --seeds N --jobs J [--from SEED] [--minutes M] [--options K=V,…] [--junit OUT] [--json]
 *     sennit sim run --app FILE [--seeds N] [--from SEED] [--faults JSON] [--junit OUT] [--json]
 *     sennit sim replay NAME|TAPE.json [--until EVENT] [--nodes N,…] [--kinds K,…] [--group NAME] [--lines N] [--json]
 *     sennit sim replay --recording FOLDER [--record-key FILE] [--take N] [--until TURN] [--lines N] [--json]
 *     sennit sim shrink NAME|TAPE.json [--minutes M] [--write ID]
 *     sennit sim view NAME|TAPE.json [--out FILE] [--open]
 *     sennit sim determinism [NAME] [--seeds N] [--from SEED]
 *
 * Exit codes: 0 all is well, 1 a batch that shows nothing, 2 usage, 127 node code threw, 128 no progress, 129 a promise was broken.
 */
import { type Arguments, numberFlag, oneWord, parseArguments, UsageError } from "./arguments.ts";
import { COLUMN_KINDS, type ColumnFilter, type ColumnKind, Columns } from "./columns.ts";
import { commitRemark, currentCommit } from "./commit.ts";
import { determinismCommand, traceCommand } from "./determinism_commands.ts";
import {
  type BatchOptions,
  type BatchReport,
  EXIT_CODES,
  formatRunName,
  parseRunName,
  replay,
  runMany,
  type RunResult,
  type RunSettings,
  runShare,
} from "./mod.ts";
import { printDetails, printReport, printResult } from "./printing.ts";
import { APP_FLAGS, runAppCommand } from "./testing/command.ts";
import { RECORDING_FLAGS, replayRecordingCommand } from "./recording_command.ts";
import { isTapeFile, replayTape, shrinkCommand } from "./tape_commands.ts";
import { junitXml } from "./testing/junit.ts";
import { viewCommand } from "./view/command.ts";

const USAGE = `Usage:
  run [--seeds N] [--jobs J] [--from SEED] [--minutes M] [--options K=V,…] [--junit OUT] [--json]
  run --app FILE [--seeds N] [--from SEED] [--faults none|JSON] [--junit OUT] [--json]
  replay NAME|TAPE.json [--until EVENT] [--nodes N,…] [--kinds K,…] [--group NAME] [--lines N] [--json]
  replay --recording FOLDER [--record-key FILE] [--take N] [--until TURN] [--lines N] [--json]
  shrink NAME|TAPE.json [--minutes M] [--events N] [--out FILE] [--write ID] [--story TEXT] [--test FILE] [--json]
  view NAME|TAPE.json [--out FILE] [--open]
  determinism [NAME] [--seeds N] [--from SEED] [--options K=V,…] [--json]
Examples:
  sennit sim replay nodes=3.42 --until 2000
  sennit sim replay --recording ./recording --lines 50`;

const BATCH_FLAGS = ["seeds", "jobs", "from", "minutes", "options", "junit"];

/** Of a replay. */
const LINES = 200;

interface Command {
  /** Flags that take a value, besides `--json` and `--help`. */
  readonly values: readonly string[];
  /** Flags that stand alone, besides these two. */
  readonly switches?: readonly string[];
  readonly perform: (args: Arguments) => number | Promise<number>;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  run: { values: [...BATCH_FLAGS, ...APP_FLAGS], perform: runCommand },
  worker: { values: [...BATCH_FLAGS, "offset", "stride"], perform: workerCommand },
  replay: {
    values: ["until", "nodes", "kinds", "group", "lines", ...RECORDING_FLAGS],
    perform: replayCommand,
  },
  determinism: { values: ["seeds", "from", "options"], perform: determinismCommand },
  trace: { values: ["from", "to", "disturbed"], perform: traceCommand },
  shrink: { values: ["minutes", "events", "out", "write", "story", "test"], perform: shrinkCommand },
  view: { values: ["out"], switches: ["open"], perform: viewCommand },
};

function batchOptions(flags: ReadonlyMap<string, string>): BatchOptions {
  const minutes = flags.get("minutes");
  const options = flags.get("options");
  const from = flags.get("from") ?? String(crypto.getRandomValues(new Uint32Array(1))[0]!);
  return {
    from,
    seeds: minutes === undefined ? numberFlag(flags, "seeds", 20) : numberFlag(flags, "seeds", Infinity),
    jobs: numberFlag(flags, "jobs", 1),
    ...(minutes === undefined ? {} : { minutes: numberFlag(flags, "minutes", 0) }),
    ...(options === undefined ? {} : { options }),
  };
}

function slim(result: RunResult): Partial<RunResult> {
  const { checkpoints: _, ...rest } = result;
  return rest;
}

function exitCodeOf(report: BatchReport): number {
  const worst = report.failed.map((result) => EXIT_CODES[result.outcome]);
  if (worst.length > 0) return Math.max(...worst);
  return report.vacuous.length > 0 ? 1 : 0;
}

async function runCommand({ words, flags }: Arguments): Promise<number> {
  if (words.length > 0) throw new UsageError(`run takes flags only, not ${words.join(" ")}`);
  const app = flags.get("app");
  if (app !== undefined) return await runAppCommand(app, flags);
  for (const flag of APP_FLAGS) {
    if (flags.has(flag) && !BATCH_FLAGS.includes(flag)) {
      throw new UsageError(`--${flag} is for runs of an application: name it with --app`);
    }
  }
  const options = batchOptions(flags);
  const json = flags.has("json");
  const commit = currentCommit();
  const nameOf = ({ name }: RunResult) => formatRunName({ ...parseRunName(name), commit });
  if (!json) console.log(`from ${options.from}, ${options.seeds} seeds`);
  const results: RunResult[] = [];
  const onResult = (result: RunResult) => {
    results.push(result);
    if (json) console.log(JSON.stringify(slim(result)));
    else printResult(result, nameOf(result));
  };
  const report = await runMany({ ...options, onResult });
  const junit = flags.get("junit");
  if (junit !== undefined) {
    const texts = new Map(report.failed.map(({ seed, story }) => [seed, story.join("\n")]));
    await Deno.writeTextFile(junit, junitXml("sennit sim", results, texts));
  }
  if (json) {
    console.log(JSON.stringify({ report: { ...report, failed: report.failed.map((one) => one.name) } }));
  } else printReport(report, nameOf);
  return exitCodeOf(report);
}

function workerCommand({ flags }: Arguments): number {
  const [offset, stride] = [numberFlag(flags, "offset", 0), numberFlag(flags, "stride", 1)];
  runShare(batchOptions(flags), offset, stride, (result) => console.log(JSON.stringify(slim(result))));
  return 0;
}

function columnFilter(flags: ReadonlyMap<string, string>): ColumnFilter {
  const [nodes, kinds, group] = [flags.get("nodes"), flags.get("kinds")?.split(","), flags.get("group")];
  for (const kind of kinds ?? []) {
    if (!COLUMN_KINDS.includes(kind as ColumnKind)) {
      throw new UsageError(`--kinds knows ${COLUMN_KINDS.join(", ")}, not ${kind}`);
    }
  }
  return {
    ...(nodes === undefined ? {} : { nodes: nodes.split(",") }),
    ...(kinds === undefined ? {} : { kinds: kinds as ColumnKind[] }),
    ...(group === undefined ? {} : { group }),
  };
}

function replayCommand(args: Arguments): number {
  if (args.flags.has("recording")) return replayRecordingCommand(args);
  for (const flag of RECORDING_FLAGS) {
    if (args.flags.has(flag)) throw new UsageError(`--${flag} goes with --recording FOLDER`);
  }
  const name = oneWord(args, "the name of a run, or a tape's file");
  const { flags } = args;
  const columns = new Columns(columnFilter(flags), numberFlag(flags, "lines", LINES));
  const settings: RunSettings = {
    watcher: columns,
    ...(flags.has("until") ? { untilEvent: numberFlag(flags, "until", 0) } : {}),
  };
  let result: RunResult;
  if (isTapeFile(name)) result = replayTape(name, settings);
  else {
    const remark = commitRemark(parseRunName(name).commit, currentCommit());
    if (remark !== null) console.error(remark);
    result = replay(name, settings);
  }
  if (flags.has("json")) console.log(JSON.stringify(result));
  else {
    for (const line of columns.format()) console.log(line);
    printResult(result, name);
    printDetails(result);
  }
  return EXIT_CODES[result.outcome];
}

/** Runs a command line of the simulator to its end; resolves to the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const [name, ...rest] = args;
    if (name === "--help" || rest.includes("--help")) {
      console.log(USAGE);
      return 0;
    }
    if (name === undefined) throw new UsageError("A command is missing");
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (command === undefined) throw new UsageError(`Unknown command: ${name}`);
    return await command.perform(parseArguments(rest, ["json", ...command.switches ?? []], command.values));
  } catch (error) {
    if (!(error instanceof UsageError) && !(error instanceof TypeError)) throw error;
    console.error(`${error.message}\n\n${USAGE}`);
    return 2;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
