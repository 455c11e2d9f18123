/** Adds the counts of one run to those of many. */
import type { FaultCount } from "./ledger.ts";

export function addAll(sums: Record<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count;
}

export function addFaults(
  sums: Record<string, FaultCount>,
  counts: Readonly<Record<string, FaultCount>>,
): void {
  for (const [name, { tried, struck }] of Object.entries(counts)) {
    const sum = sums[name] ??= { tried: 0, struck: 0 };
    sum.tried += tried;
    sum.struck += struck;
  }
}
