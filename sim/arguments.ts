/** The words and flags of the simulator's commands. */

export class UsageError extends Error {}

export interface Arguments {
  readonly words: readonly string[];
  readonly flags: ReadonlyMap<string, string>;
}

/** Flags named in `switches` stand alone, those in `values` take what follows. Throws `UsageError`, also where one is given twice. */
export function parseArguments(
  args: readonly string[],
  switches: readonly string[],
  values: readonly string[],
): Arguments {
  const words: string[] = [];
  const flags = new Map<string, string>();
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (!arg.startsWith("--")) {
      words.push(arg);
      continue;
    }
    const name = arg.slice(2);
    if (flags.has(name)) throw new UsageError(`${arg} is given twice`);
    if (switches.includes(name)) flags.set(name, "true");
    else if (values.includes(name) && args[i + 1] !== undefined) flags.set(name, args[++i]!);
    else throw new UsageError(`Unknown or incomplete flag ${arg}`);
  }
  return { words, flags };
}

/** A number of at least 0. */
export function numberFlag(flags: ReadonlyMap<string, string>, name: string, otherwise: number): number {
  const text = flags.get(name);
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!(Number.isFinite(value) && value >= 0)) throw new UsageError(`--${name} is not a number: ${text}`);
  return value;
}

/** The one word that a command takes. */
export function oneWord({ words }: Arguments, what: string): string {
  if (words.length !== 1) throw new UsageError(`Give ${what}, and nothing else`);
  return words[0]!;
}
