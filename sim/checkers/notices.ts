/**
 * What a node has to notice by itself, within some election timeouts of its own clock: a leader, that its disk makes nothing
 * durable any more, because others wait for it that could lead; a silent member, that the node of its leader is gone, or as its
 * leader that of any other (src/node/beats.ts). Whoever does not is found out only where somebody asks it for something.
 */
import type { MemberId } from "../../src/core/ids.ts";
import type { GroupInspection } from "../../src/node/inspection.ts";
import { memberKey } from "./keys.ts";
import { Lasting } from "./lasting.ts";
import type { LocalTime } from "./lease_rule.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

/** A disk counts as hung after two, and what waits behind the batch that hangs is in the next one; the rest is room. */
const DISK_ELECTIONS = 5;
/** A beat is missed after one, and falling silent takes a look at whom one has heard of within one; the rest is room. */
const SILENT_ELECTIONS = 5;

export class Notices implements Checker {
  readonly name = "notices";
  /** Looks of a silent member at one whose node was down. */
  inputs = 0;
  /** Looks at leaders that waited for their disk. */
  diskInputs = 0;
  readonly #waiting = new Lasting<string>();
  /** By silent member, of each whose node it listens for. */
  readonly #away = new Map<string, Lasting<MemberId>>();

  /** `isDiskFull`: the member's; `downAs`: the last start of a member's node where it is down, else null. */
  check(
    group: GroupInspection,
    now: LocalTime,
    electionTimeoutMs: number,
    downAs: (member: MemberId) => number | null,
    isDiskFull: boolean,
  ): void {
    const { role, last, durable, memberId } = group;
    const key = memberKey(group.group, group.generation, memberId);
    // One that is full refuses by name, and goes on by itself.
    const isWaiting = role === "leader" && last > durable && !isDiskFull;
    if (isWaiting) this.diskInputs += 1;
    if (this.#waiting.lasts(key, isWaiting ? durable : null, now, DISK_ELECTIONS * electionTimeoutMs)) {
      this.#fail(group, `leads on although nothing after entry ${durable} of ${last} becomes durable`);
    }
    if (!group.isSilent) {
      this.#away.delete(key);
      return;
    }
    let away = this.#away.get(key);
    if (away === undefined) this.#away.set(key, away = new Lasting());
    for (const member of whoseNodes(group)) {
      const down = downAs(member);
      if (down !== null) this.inputs += 1;
      if (away.lasts(member, down, now, SILENT_ELECTIONS * electionTimeoutMs)) {
        this.#fail(group, `is silent although the node of ${member} is gone`);
      }
    }
  }

  #fail({ memberId, name, term }: GroupInspection, what: string): never {
    throw new SafetyViolation(this.name, `member ${memberId} of ${name} in term ${term} ${what}`);
  }
}

/** Those that a silent member listens for. */
function whoseNodes({ role, leader, memberId, configuration }: GroupInspection): readonly MemberId[] {
  if (role !== "leader") return leader === 0 ? [] : [leader];
  const { incoming, outgoing, learners } = configuration;
  return [...incoming, ...outgoing, ...learners].filter((member) => member !== memberId);
}
