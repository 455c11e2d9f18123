/**
 * A mesh in which half of the members or more have been away for a while is CRITICAL. What can be written is decided by the quorum
 * alone; but who is a member, and what all have agreed on, changes only by evicting those who never come back: everything else
 * waits until they are there to see it.
 */
import { SennitError } from "../core/errors.ts";
import type { MemberId } from "../core/ids.ts";
import type { Absences } from "./absences.ts";

/** Who is away for so many election timeouts counts: a restart, and a newcomer's first session, are shorter. */
const AWAY_ELECTIONS = 8;

interface Named {
  readonly memberId: MemberId;
  readonly name: string;
  readonly leaving: string;
}

/** Throws MESH_CRITICAL, naming who is away. */
export function refuseWhileCritical(
  members: readonly Named[],
  self: MemberId,
  absences: Absences,
  electionTimeoutMs: number,
  now: number,
): void {
  const staying = members.filter(({ leaving }) => leaving === "no");
  const awayLimitMs = AWAY_ELECTIONS * electionTimeoutMs;
  const away = staying.filter(({ memberId }) =>
    memberId !== self && absences.awayMs(memberId, 0, now) >= awayLimitMs
  );
  if (away.length === 0 || 2 * away.length < staying.length) return;
  const names = away.map(({ name }) => name).join(", ");
  throw new SennitError(
    "MESH_CRITICAL",
    `Of ${staying.length} members ${away.length} are away (${names}), as this node sees it: start them, or evict who ` +
      "never comes back; until then nothing else about the membership changes",
  );
}
