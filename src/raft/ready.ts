/** Collects what a member wants done into one `Ready`, and says of each message which write it must wait for. */
import { assert } from "../core/assert.ts";
import type { Index } from "../core/ids.ts";
import type { Core } from "./core.ts";
import type { EntryMeta, HardState, RaftMessage, Ready } from "./types.ts";

const NO_ENTRIES: readonly EntryMeta[] = [];

/** Everything since the last call, or null where there is nothing. */
export function collect(core: Core): Ready | null {
  const { snapshot, changed, reads, failedReads, outbox: messages } = core;
  const entries = unpersisted(core);
  const withLog = entries.length > 0 || snapshot !== null;
  const hardState = hardStateOf(core, withLog);
  let persistToken = 0;
  if (withLog || hardState !== null) {
    persistToken = core.persistence.begin(core.log.lastIndex, withLog, core.hardStateDirty);
  }
  const applyLast = Math.min(core.commit, core.persistence.durableIndex) as Index;
  const applies = applyLast > core.applied;
  const idle = persistToken === 0 && messages.length === 0 && !applies && reads.length === 0 &&
    failedReads.length === 0 && !changed;
  if (idle) return null;
  for (const queued of messages) queued.afterToken = gateOf(core, queued.message);
  const ready: Ready = {
    persistToken,
    hardState,
    entries,
    snapshot,
    messages,
    applyFirst: (applies ? core.applied + 1 : 0) as Index,
    applyLast: (applies ? applyLast : 0) as Index,
    reads,
    failedReads,
    changed,
  };
  if (applies) core.applied = applyLast;
  if (hardState !== null) core.persistedCommit = hardState.commit;
  leaveNothing(core);
  return ready;
}

function unpersisted(core: Core): readonly EntryMeta[] {
  const first = core.persistence.nextIndex;
  const last = core.log.lastIndex;
  assert(first > core.log.baseIndex, "what a snapshot holds needs no writing");
  assert(first <= last + 1, "only what is in the log is written");
  return first > last ? NO_ENTRIES : core.log.slice(first, last);
}

/** The commit index alone is worth no write: it only saves replay. It rides along. */
function hardStateOf(core: Core, withLog: boolean): HardState | null {
  const { term, vote, commit } = core;
  assert(commit <= core.log.lastIndex, "a commit hint is never ahead of the log");
  if (!core.hardStateDirty && !(withLog && commit > core.persistedCommit)) return null;
  return { term, vote, commit };
}

/**
 * Nothing that tells of a term or a vote leaves before these are durable, and no acknowledgement before what it
 * acknowledges. A leader's appends do not wait for its own log: it counts itself like a follower.
 */
function gateOf(core: Core, message: RaftMessage): number {
  const gate = core.persistence.hardStateGate;
  assert(!core.hardStateDirty || gate > 0, "a changed hard state is being written");
  if (message.kind !== "append-reply" || !message.success) return gate;
  assert(message.term === core.term, "an acknowledgement is of the current term");
  return Math.max(gate, core.persistence.tokenCovering(message.index));
}

function leaveNothing(core: Core): void {
  core.outbox = [];
  core.reads = [];
  core.failedReads = [];
  core.snapshot = null;
  core.hardStateDirty = false;
  core.changed = false;
}
