/** What a planted bug is: a small edit of the tree, named, that the simulator must notice. */

/** One place of one file; the text must be found there exactly once. */
export interface Edit {
  /** From the repository's root. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export interface Mutant {
  readonly id: string;
  /** What the code does wrong with it, in one line. */
  readonly says: string;
  readonly edits: readonly Edit[];
}

/** A bug of the literature that this design has no place for, or that these runs cannot show. */
export interface NotPlanted {
  readonly id: string;
  readonly why: string;
}
