/** Words of the calls against numbers of the wire. */
import { SennitError } from "../core/errors.ts";

export interface Chosen<Word extends string, Wire extends number> {
  /** `unspecified` stands for 0, null where one must be named. Anything else unknown is INVALID_ARGUMENT. */
  read(wire: Wire, unspecified: Word | null): Word;
  write(word: Word): Wire;
}

export function chosen<Word extends string, Wire extends number>(
  what: string,
  pairs: readonly (readonly [Word, Wire])[],
): Chosen<Word, Wire> {
  return {
    read(wire, unspecified) {
      const word = wire === 0 ? unspecified : pairs.find(([, candidate]) => candidate === wire)?.[0] ?? null;
      if (word === null) {
        throw new SennitError("INVALID_ARGUMENT", `Cannot read the ${what}: current value is ${wire}`);
      }
      return word;
    },
    write: (word) => pairs.find(([candidate]) => candidate === word)![1],
  };
}
