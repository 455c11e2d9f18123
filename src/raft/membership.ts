/**
 * Changes of the configuration: of one voter at a time (Ongaro's thesis, section 4.1), of several by a joint configuration that
 * the leader leaves as soon as it is committed (4.3). With the rule that was found missing in 2015: none before an
 * entry of the leader's own term is committed, or two leaders could each commit a change that the other knows nothing of.
 */
import { assert } from "../core/assert.ts";
import { type Index, type MemberId, NO_MEMBER, type Term } from "../core/ids.ts";
import {
  changeConfiguration,
  type ConfigurationChange,
  type ConfigurationRefusal,
  type ConfigurationTarget,
  isJoint,
  targetConfiguration,
} from "./configuration.ts";
import type { Core } from "./core.ts";
import { appendConfiguration, appendOwn } from "./leader.ts";
import { EntryKind } from "./types.ts";

export type ProposalRefusal = "NOT_LEADER" | "TRANSFERRING" | "OVERLOADED";
export type ChangeRefusal =
  | ProposalRefusal
  | ConfigurationRefusal
  | "CHANGE_IN_PROGRESS"
  | "NOT_YET_COMMITTED_IN_TERM";

export interface Accepted {
  readonly ok: true;
  readonly index: Index;
  readonly term: Term;
}

export interface Refused<Reason> {
  readonly ok: false;
  readonly reason: Reason;
  /** Who leads, 0 where that is not known. */
  readonly leader: MemberId;
}

/** Appends a command of `lengthBytes`. */
export function proposeCommand(core: Core, lengthBytes: number): Accepted | Refused<ProposalRefusal> {
  const { leadership, leader } = core;
  if (leadership === null) return { ok: false, reason: "NOT_LEADER", leader };
  if (leadership.transferTo !== NO_MEMBER) return { ok: false, reason: "TRANSFERRING", leader };
  // One proposal always fits, however large, so that the limit delays but never forbids.
  const bytes = leadership.uncommittedBytes + lengthBytes;
  if (leadership.uncommittedBytes > 0 && bytes > core.options.uncommittedBytesLimit) {
    return { ok: false, reason: "OVERLOADED", leader };
  }
  const { term } = core;
  const index = appendOwn(core, leadership, EntryKind.Command, lengthBytes, null);
  assert(index > core.commit, "a proposal is not committed yet");
  return { ok: true, index, term };
}

/** Appends the configuration that a change leads to; it is active at once. */
export function proposeChange(
  core: Core,
  change: ConfigurationChange | ConfigurationTarget,
): Accepted | Refused<ChangeRefusal> {
  const { leadership, leader, term, configuration } = core;
  if (leadership === null) return { ok: false, reason: "NOT_LEADER", leader };
  if (leadership.transferTo !== NO_MEMBER) return { ok: false, reason: "TRANSFERRING", leader };
  if (!core.committedInTerm) return { ok: false, reason: "NOT_YET_COMMITTED_IN_TERM", leader };
  if (core.log.configurationIndex > core.commit || isJoint(configuration)) {
    return { ok: false, reason: "CHANGE_IN_PROGRESS", leader };
  }
  const after = "kind" in change
    ? changeConfiguration(configuration, change)
    : targetConfiguration(configuration, change);
  if (typeof after === "string") return { ok: false, reason: after, leader };
  const index = appendConfiguration(core, leadership, after);
  assert(core.log.configurationIndex === index, "a configuration is active from its append on");
  return { ok: true, index, term };
}
