/**
 * What a leader sends to a peer, by the peer's progress: probes, a window of appends, or a snapshot. Appends
 * leave before they are durable here; the window keeps them bounded in messages and in bytes.
 */
import { assert } from "../core/assert.ts";
import type { Index, MemberId, Term } from "../core/ids.ts";
import type { Core } from "./core.ts";
import type { Leadership } from "./leadership.ts";
import type { Progress } from "./progress.ts";
import type { EntryMeta } from "./types.ts";

/** Entries of one append, whatever their size. */
export const APPEND_ENTRIES_LIMIT = 4096;
/** How long the host may take to begin sending a snapshot, in election timeouts: it reads it from its disk. */
export const SNAPSHOT_SEND_ELECTIONS = 60;
/** How long a snapshot's transfer may stand still, in election timeouts. */
export const SNAPSHOT_STALL_ELECTIONS = 4;
/** How long after it was sent its installation may take, in election timeouts. */
export const SNAPSHOT_INSTALL_ELECTIONS = 10;

export const NO_ENTRIES: readonly EntryMeta[] = [];

/** What one append carries. */
interface Cut {
  readonly first: Index;
  readonly entries: readonly EntryMeta[];
  readonly bytes: number;
}

/** The entries cut last: in the steady state all peers get the same ones. */
interface Cuts {
  last: Cut;
}

/** Sends to every peer what it may get now. */
export function sendAppends(core: Core, leadership: Leadership): void {
  assert(core.role === "leader", "only a leader appends");
  const cuts: Cuts = { last: { first: 0 as Index, entries: NO_ENTRIES, bytes: 0 } };
  for (const [member, progress] of leadership.progress) {
    if (progress.state === "probe") sendProbe(core, member, progress, cuts);
    if (progress.state === "replicate") sendWindow(core, leadership, member, progress, cuts);
    assert(progress.next <= core.log.lastIndex + 1, "nothing is sent that is not there");
  }
}

function sendProbe(core: Core, to: MemberId, progress: Progress, cuts: Cuts): void {
  if (progress.probeSent || progress.match >= core.log.lastIndex) return;
  const previousTerm = core.log.termAt(progress.next - 1 as Index);
  if (previousTerm === null) {
    sendSnapshot(core, to, progress);
    return;
  }
  sendAppend(core, to, progress, previousTerm, cutAt(core, progress.next, cuts).entries);
  progress.probeSent = true;
}

function sendWindow(core: Core, leadership: Leadership, to: MemberId, progress: Progress, cuts: Cuts): void {
  const { inflightMessagesLimit, inflightBytesLimit } = core.options;
  let sent = false;
  while (
    progress.next <= core.log.lastIndex && progress.hasRoom(inflightMessagesLimit, inflightBytesLimit)
  ) {
    const previousTerm = core.log.termAt(progress.next - 1 as Index);
    if (previousTerm === null) {
      sendSnapshot(core, to, progress);
      return;
    }
    const { entries, bytes } = cutAt(core, progress.next, cuts);
    assert(entries.length > 0, "the window moves");
    sendAppend(core, to, progress, previousTerm, entries);
    progress.sent(entries[entries.length - 1]!.index, bytes);
    sent = true;
  }
  if (progress.next <= core.log.lastIndex) core.passed.add("raft: a peer's window is full");
  if (!sent && progress.probeWanted) {
    const previousTerm = core.log.termAt(progress.next - 1 as Index);
    if (previousTerm === null) {
      sendSnapshot(core, to, progress);
      return;
    }
    sendAppend(core, to, progress, previousTerm, NO_ENTRIES);
  }
  progress.probeWanted = false;
  // A commit does not wait for the next append or the next interval.
  if (progress.toldCommit < Math.min(progress.match, core.commit)) {
    sendHeartbeat(core, leadership, to, progress);
  }
}

function sendAppend(
  core: Core,
  to: MemberId,
  progress: Progress,
  previousTerm: Term,
  entries: readonly EntryMeta[],
): void {
  const previousIndex = progress.next - 1 as Index;
  assert(previousIndex >= core.log.baseIndex, "an append continues what is in the log");
  assert(entries.length === 0 || entries[0]!.index === progress.next, "an append is without gaps");
  const { term, commit } = core;
  core.send(to, { kind: "append", term, previousIndex, previousTerm, commit, entries });
  const told = Math.min(commit, previousIndex + entries.length) as Index;
  if (told > progress.toldCommit) progress.toldCommit = told;
}

/** Says that this member leads, and what is committed as far as the peer is known to have it. */
export function sendHeartbeat(
  core: Core,
  leadership: Leadership,
  to: MemberId,
  progress: Progress,
): void {
  const commit = Math.min(progress.match, core.commit) as Index;
  assert(commit <= core.commit, "only what is committed is told");
  core.send(to, { kind: "heartbeat", term: core.term, commit, readRound: leadership.readRound });
  if (commit > progress.toldCommit) progress.toldCommit = commit;
}

/** Has the host send the snapshot at the base, to a peer that is there. */
function sendSnapshot(core: Core, to: MemberId, progress: Progress): void {
  const { electionTimeoutMs } = core.options;
  if (core.now - progress.contactMs >= electionTimeoutMs) return;
  const { baseIndex: index, baseTerm: term, baseConfiguration: configuration } = core.log;
  assert(index > progress.match, "a snapshot brings something new");
  assert(index <= core.commit, "a snapshot holds committed entries only");
  progress.becomeSnapshot(index, core.now + SNAPSHOT_SEND_ELECTIONS * electionTimeoutMs);
  core.send(to, { kind: "snapshot", term: core.term, snapshot: { index, term, configuration } });
}

function cutAt(core: Core, first: Index, cuts: Cuts): Cut {
  if (cuts.last.first !== first) cuts.last = cutEntries(core, first, core.log.lastIndex);
  return cuts.last;
}

/** The entries from `first` up to `end` that one append may carry; one that is larger than the limit goes alone. */
export function cutEntries(core: Core, first: Index, end: Index): Cut {
  const { log, options } = core;
  let last = first - 1;
  let bytes = 0;
  while (last < end && last - first + 1 < APPEND_ENTRIES_LIMIT) {
    const length = log.lengthAt(last + 1 as Index);
    if (last >= first && bytes + length > options.appendBytesLimit) break;
    bytes += length;
    last++;
  }
  const entries = last < first ? NO_ENTRIES : log.slice(first, last as Index);
  assert(entries.length <= APPEND_ENTRIES_LIMIT, "an append is bounded");
  return { first, entries, bytes };
}
