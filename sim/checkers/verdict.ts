/** What checkers have in common: a name, how much evidence they were given, and how they say that something must not be. */

/** A promise of the mesh was broken. */
export class SafetyViolation extends Error {
  override readonly name = "SafetyViolation";
  readonly checker: string;

  constructor(checker: string, message: string) {
    super(`${checker}: ${message}`);
    this.checker = checker;
  }
}

export interface Checker {
  readonly name: string;
  /** Pieces of evidence seen: a checker that was given none has shown nothing. */
  readonly inputs: number;
}
