/** Runs and tapes: a run recorded, a tape played. */
import { runOne, type RunResult, type RunSettings } from "./run.ts";
import { formatRunName, parseRunName } from "./run_name.ts";
import { Player, Recorder, Redrawer, runOf, type Tape, type Words } from "./tape.ts";

export interface Recording {
  readonly result: RunResult;
  readonly tape: Tape;
}

/** Runs a name and keeps what it decided. */
export function record(name: string, settings: RunSettings = {}): Recording {
  const recorder = new Recorder();
  const result = runOne(name, { ...settings, decisions: recorder });
  const { commit, options, seed } = parseRunName(name);
  const verdict = { outcome: result.outcome, checker: result.checker };
  const tape: Tape = {
    name: seed,
    seed,
    options,
    expectation: verdict,
    found: commit === "" ? null : { ...verdict, commit },
    story: result.message.split("\n")[0]!,
    decisions: recorder.taken(),
  };
  return { result, tape };
}

export interface Playing {
  readonly result: RunResult;
  /** The part of the tape that was asked for. */
  readonly asked: Words;
  /** Decisions that nobody asked for, as `site#n`. */
  readonly stale: readonly string[];
}

export function play(tape: Tape, settings: RunSettings = {}): Playing {
  const player = new Player(tape.decisions);
  const result = runOne(formatRunName(runOf(tape)), { ...settings, decisions: player });
  return { result, asked: player.asked(), stale: player.stale() };
}

/** Another run of the same kind: what `isPlayed` names as on the tape, all else of the new seed. */
export function redraw(
  tape: Tape,
  seed: string,
  isPlayed: (site: string) => boolean,
  settings: RunSettings = {},
): Recording {
  const decisions = new Redrawer(tape.decisions, isPlayed);
  const result = runOne(formatRunName(runOf({ ...tape, seed })), { ...settings, decisions });
  return { result, tape: { ...tape, seed, decisions: decisions.taken() } };
}
