/** `sim replay --recording FOLDER`: a recorded node once more, and whether it came to the same. */
import { DecodeError, SennitError } from "../src/core/errors.ts";
import { KEY_PATH_FILE, RecordingKey, TakeReader } from "../src/recording/mod.ts";
import { type Arguments, numberFlag, UsageError } from "./arguments.ts";
import { RecordedRun, type ReplayReport } from "./recorded_run.ts";

export const RECORDING_FLAGS = ["recording", "record-key", "take"];
/** Of a replay of a run, which these two share. */
const SHARED_FLAGS = ["until", "lines", "json"];
/** Of what the node said of itself, the last ones. */
const NOTE_LINES = 20;

/** 0: the same; 1: it differs, or there is nothing to replay. */
export function replayRecordingCommand({ words, flags }: Arguments): number {
  if (words.length > 0) throw new UsageError("Name a run or --recording FOLDER, not both");
  for (const flag of flags.keys()) {
    if (!RECORDING_FLAGS.includes(flag) && !SHARED_FLAGS.includes(flag)) {
      throw new UsageError(`--${flag} is for simulated runs, not for --recording`);
    }
  }
  try {
    const folder = flags.get("recording")!;
    const key = keyOf(folder, flags.get("record-key") ?? null);
    const reader = TakeReader.open(folder, key, flags.has("take") ? numberFlag(flags, "take", 0) : null);
    const notes: string[] = [];
    const limit = numberFlag(flags, "lines", NOTE_LINES);
    const report = new RecordedRun(reader.chunks(), {
      untilTurn: numberFlag(flags, "until", Infinity),
      onNote(turn, atMs, text) {
        notes.push(`${(atMs / 1000).toFixed(3).padStart(10)} s  turn ${turn}  ${text}`);
        if (notes.length > limit) notes.shift();
      },
    }).run();
    if (flags.has("json")) {
      const { origin: _, ...rest } = report;
      console.log(JSON.stringify({ ...rest, take: reader.take, cutBytes: reader.cutBytes, notes }));
    } else {
      for (const note of notes) console.log(note);
      print(folder, reader, report);
    }
    return report.difference === null && report.states > 0 ? 0 : 1;
  } catch (error) {
    if (error instanceof DecodeError) {
      console.error(`DATA_DAMAGED: The recording cannot be read by this build: ${error.message}`);
    } else if (error instanceof SennitError) console.error(`${error.code}: ${error.message}`);
    else throw error;
    return 1;
  }
}

function keyOf(folder: string, path: string | null): RecordingKey {
  if (path !== null) return RecordingKey.read(path);
  let place = "";
  try {
    place = Deno.readTextFileSync(`${folder}/${KEY_PATH_FILE}`).trim();
    return RecordingKey.read(place);
  } catch (error) {
    const isMissing = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory ||
      error instanceof SennitError && error.code === "NOT_FOUND";
    if (!isMissing) throw error;
    const where = place === "" ? "" : `; where it was recorded that was ${place}`;
    throw new SennitError(
      "NOT_FOUND",
      `The key of the recording in ${folder} is not here: name the key file with --record-key${where}`,
    );
  }
}

function print(folder: string, { take, takes, cutBytes }: TakeReader, report: ReplayReport): void {
  const { origin, turns, inputs, states, state, stateTurn, endState, threw, difference } = report;
  const others = takes.length > 1 ? ` (there are ${takes.join(", ")})` : "";
  console.log(`${folder}, take ${take}${others}: node ${origin?.settings.name ?? "?"}, ${origin?.version}`);
  console.log(`${turns} turns with ${inputs} inputs; ${cutBytes} bytes of a torn tail cut`);
  if (threw !== null) console.log(`the node threw in its last turn, as recorded: ${threw}`);
  for (const { name, applied, commit, hash } of report.groups) {
    console.log(`group ${name}: applied ${applied}, commit ${commit}, state ${hash}`);
  }
  if (difference !== null) {
    console.log(`DIFFERENT: ${difference}`);
    console.log(
      `It was recorded by version ${origin?.version}: replay it with the very build that recorded it.`,
    );
  } else if (states === 0) console.log("No state was recorded up to here");
  else console.log(`state ${state} equal, in turn ${stateTurn}; ${states} states and all outputs compared`);
  console.log(`at the end: state ${endState}`);
}
