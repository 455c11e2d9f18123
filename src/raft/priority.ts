/**
 * Election priority: who should lead where several can. Others wait an election timeout longer before they campaign, and a
 * leader hands over to a voter of higher priority that is there and has everything committed. No more than advice:
 * whoever has the log and the votes leads, whatever its priority.
 */
import { assert } from "../core/assert.ts";
import { type MemberId, NO_MEMBER } from "../core/ids.ts";
import type { Core } from "./core.ts";
import type { Leadership } from "./leadership.ts";

/** How long a leader stays before it hands over to a member of higher priority, in election timeouts. */
export const SETTLED_ELECTIONS = 2;

/** How much longer this member waits before it stands: another voter has a higher priority. */
export function patienceMs({ priorities, configuration, self, options }: Core): number {
  if (priorities.size === 0) return 0;
  const own = priorities.get(self) ?? 0;
  const isSecond = configuration.incoming.some((member) => (priorities.get(member) ?? 0) > own);
  return isSecond ? options.electionTimeoutMs : 0;
}

/** The voter of the highest priority above the leader's that could lead at once; NO_MEMBER where there is none. */
export function preferredHeir(core: Core, leadership: Leadership): MemberId {
  const { priorities, configuration, now, options } = core;
  let heir: MemberId = NO_MEMBER;
  let highest = priorities.get(core.self) ?? 0;
  for (const member of configuration.incoming) {
    const priority = priorities.get(member) ?? 0;
    if (priority <= highest) continue;
    const progress = leadership.progress.get(member);
    assert(progress !== undefined, "a voter is a peer");
    const isThere = now - progress.contactMs < options.electionTimeoutMs && progress.state === "replicate";
    if (!isThere || progress.match < core.commit) continue;
    highest = priority;
    heir = member;
  }
  return heir;
}
