/**
 * A term begins with a candidate, who votes for itself in it (Raft paper, section 5.2); a pre-candidate asks without entering
 * one (Ongaro's thesis, section 9.6). So whoever is the first in a term stands for election, or has heard from one that
 * does. Broken, terms grow wherever a member is cut off, and each return costs the mesh its leader.
 */
import type { GroupInspection } from "../../src/node/inspection.ts";
import { groupKey } from "./keys.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

export class TermOrigin implements Checker {
  readonly name = "term-origin";
  inputs = 0;
  readonly #begun = new Map<string, Set<number>>();

  /** A candidate's request for votes arrived somewhere. */
  announced(group: number, generation: number, term: number): void {
    this.#of(groupKey(group, generation)).add(term);
  }

  check({ group, generation, name, memberId, term, vote, role }: GroupInspection): void {
    if (term === 0) return;
    const begun = this.#of(groupKey(group, generation));
    if (begun.has(term)) return;
    this.inputs += 1;
    if (vote !== memberId) {
      throw new SafetyViolation(
        this.name,
        `member ${memberId} is the first in term ${term} of ${name}, as ${role}, and nobody stood for election in it`,
      );
    }
    begun.add(term);
  }

  #of(key: string): Set<number> {
    let begun = this.#begun.get(key);
    if (begun === undefined) this.#begun.set(key, begun = new Set());
    return begun;
  }
}
