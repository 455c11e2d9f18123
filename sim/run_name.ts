/**
 * What names a run: `[commit.][options.]seed`. The commit is a remark: a replay on another one says so. Options are
 * `key=value` joined by commas; a run without them is what its seed draws.
 */

export const OPTION_KEYS = [
  "nodes",
  "operations",
  "faults",
  "full",
  "lease",
  "syncs",
  "limits",
  "assertions",
] as const;
export type OptionKey = (typeof OPTION_KEYS)[number];

export type RunOptions = Readonly<Partial<Record<OptionKey, string>>>;

export interface RunName {
  readonly commit: string;
  readonly options: RunOptions;
  readonly seed: string;
}

/** Throws `TypeError` with what is wrong. */
export function parseRunName(name: string): RunName {
  const parts = name.split(".");
  const seed = parts.pop()!;
  if (!/^[\w-]{1,64}$/.test(seed)) throw new TypeError(`Not the name of a run: ${JSON.stringify(name)}`);
  let commit = "";
  const options: Partial<Record<OptionKey, string>> = {};
  for (const part of parts) {
    if (!part.includes("=")) {
      commit = part;
      continue;
    }
    for (const pair of part.split(",")) {
      const [key, value] = pair.split("=");
      if (!OPTION_KEYS.includes(key as OptionKey) || value === undefined || value === "") {
        throw new TypeError(`Unknown option ${JSON.stringify(pair)}: known are ${OPTION_KEYS.join(", ")}`);
      }
      options[key as OptionKey] = value;
    }
  }
  return { commit, options, seed };
}

export function formatRunName({ commit, options, seed }: RunName): string {
  const pairs = OPTION_KEYS.flatMap((key) => options[key] === undefined ? [] : [`${key}=${options[key]}`]);
  return [commit, pairs.join(","), seed].filter((part) => part !== "").join(".");
}
