/** One measured figure, and the little arithmetic that all benchmarks share. */

export interface Figure {
  /** `stream.e2e` and the like; stable, so that runs can be compared. */
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What exactly was measured, for the reader. */
  readonly what: string;
  /** "higher" or "lower" is better. */
  readonly better: "higher" | "lower";
  /** What it is to reach, where something was set. */
  readonly goal?: number;
}

export interface Benchmark {
  readonly name: string;
  run(seconds: number): Promise<readonly Figure[]>;
}

/** The better one of two measurements of the same thing: other processes only ever make it worse. */
export function best(a: Figure, b: Figure): Figure {
  return (a.better === "higher") === (a.value > b.value) ? a : b;
}

/** Sorts `samples` in place; `share` 0.5 is the median. */
export function percentile(samples: number[], share: number): number {
  if (samples.length === 0) throw new RangeError("Cannot take a percentile of no samples");
  samples.sort((a, b) => a - b);
  return samples[Math.min(samples.length - 1, Math.floor(samples.length * share))]!;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
