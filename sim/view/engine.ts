/**
 * The worker of the page: holds the simulator and the nodes' own code. It runs the whole run once to record it, and after that as far
 * as the page asks: each step forward is node code that runs now, each step back is the run once more from its beginning.
 */
/// <reference lib="webworker" />
import { crc32c } from "../../src/core/crc32c.ts";
import { EntryKind } from "../../src/raft/types.ts";
import type { GroupInspection } from "../../src/node/inspection.ts";
import type { Host } from "../host.ts";
import { hex } from "../prf.ts";
import { type RunSettings, SteppedRun } from "../run.ts";
import { formatRunName } from "../run_name.ts";
import { parseTape, Player, runOf } from "../tape.ts";
import { numbersOf, RunRecorder, streamsOf } from "./recorder.ts";
import type {
  EntryMoment,
  FromEngine,
  GroupMoment,
  HostMoment,
  Moment,
  RunSource,
  ToEngine,
} from "./rows.ts";

/** Between two batches of a recording, and between two looks for a newer wish. */
const SLICE_EVENTS = 8_192;
const ENTRIES_SHOWN = 12;
const STORY_LINES = 200;

const ENTRY_KINDS: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(EntryKind).map(([name, kind]) => [kind, name.toLowerCase()]),
);

const port = globalThis as unknown as DedicatedWorkerGlobalScope;

let live: SteppedRun | null = null;
let wantedEvent = 0;
let isGoing = false;

port.onmessage = ({ data }: MessageEvent<ToEngine>) => {
  try {
    if (data.kind === "record") record(data.source);
    else go(data.source, data.event);
  } catch (error) {
    fail(error);
  }
};

function tell(message: FromEngine): void {
  port.postMessage(message);
}

function fail(error: unknown): void {
  tell({ kind: "failed", message: error instanceof Error ? error.stack ?? error.message : String(error) });
}

function begin(source: RunSource, settings: RunSettings): SteppedRun {
  if (source.tape === null) return new SteppedRun(source.name, settings);
  const tape = parseTape(source.tape);
  const decisions = new Player(tape.decisions);
  return new SteppedRun(formatRunName(runOf(tape)), { ...settings, decisions });
}

function record(source: RunSource): void {
  const watcher = new RunRecorder();
  const run = begin(source, { watcher, storyLines: STORY_LINES, logLimit: 4 * STORY_LINES });
  const { world } = run;
  tell({ kind: "hosts", names: world.hosts.map((host) => host.name) });
  while (!run.runTo(world.trace.events + SLICE_EVENTS)) tell({ kind: "batch", batch: watcher.take() });
  watcher.end(world);
  tell({ kind: "batch", batch: watcher.take() });
  const { checkpoints: _, ...result } = run.result!;
  tell({ kind: "over", result });
}

function go(source: RunSource, event: number): void {
  wantedEvent = event;
  if (live !== null && live.world.trace.events > event) {
    live.abandon();
    live = null;
  }
  live ??= begin(source, {});
  if (!isGoing) goOn(live, performance.now());
}

/** In slices, so that a newer wish is heard. */
function goOn(run: SteppedRun, sinceMs: number): void {
  isGoing = false;
  if (run !== live) {
    if (live !== null) goOn(live, performance.now());
    return;
  }
  const at = run.world.trace.events;
  const isOver = run.runTo(Math.min(wantedEvent, at + SLICE_EVENTS));
  if (isOver || run.world.trace.events >= wantedEvent) {
    tell({ kind: "at", moment: momentOf(run, performance.now() - sinceMs) });
    return;
  }
  tell({ kind: "going", at: run.world.trace.events, to: wantedEvent });
  isGoing = true;
  setTimeout(() => {
    try {
      goOn(run, sinceMs);
    } catch (error) {
      fail(error);
    }
  }, 0);
}

function momentOf(run: SteppedRun, wallMs: number): Moment {
  const { world, result } = run;
  return {
    event: world.trace.events,
    nowUs: world.nowUs,
    trace: world.trace.hash,
    isOver: result !== null,
    wallMs,
    hosts: world.hosts.map(hostMoment),
  };
}

function hostMoment(host: Host): HostMoment {
  const node = host.isUp ? host.node?.inspect() ?? null : null;
  return {
    name: host.name,
    isUp: host.isUp,
    isPaused: host.isPaused,
    incarnation: host.incarnation,
    turns: host.turns,
    wallMs: host.wallMs(),
    diskBytes: host.disk.usedBytes,
    node: node === null
      ? null
      : { state: node.state, memberId: node.memberId, sizes: node.sizes, streams: streamsOf(node.streams) },
    groups: node?.groups.map(groupMoment) ?? [],
  };
}

function groupMoment(group: GroupInspection): GroupMoment {
  const { incoming, outgoing, learners } = group.configuration;
  const state = group.stateBytes();
  const entries: EntryMoment[] = [];
  const first = Math.max(group.base + 1, group.last - ENTRIES_SHOWN + 1);
  for (let index = first; index <= group.last; index++) {
    const entry = group.entry(index as typeof group.last);
    if (entry === null) continue;
    const { term, crc } = entry;
    entries.push({ index, term, kind: ENTRY_KINDS[entry.kind] ?? String(entry.kind), crc: hex(crc >>> 0) });
  }
  const joint = outgoing.length === 0 ? "" : ` (leaving ${outgoing.join(" ")})`;
  return {
    ...numbersOf(group),
    name: group.name,
    configuration: `${incoming.join(" ")}${joint}${
      learners.length === 0 ? "" : `, learns ${learners.join(" ")}`
    }`,
    entries,
    stateBytes: state.length,
    stateCrc: hex(crc32c(state) >>> 0),
  };
}
