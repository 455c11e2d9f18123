/**
 * Schedules of faults as fast-check makes them, and so makes them smaller:
 *
 *     await fc.assert(fc.asyncProperty(faultSchedule({ nodes: 3 }), (faults) => simulate({ ...options, faults, seeds: 1 })));
 */
import fc from "fast-check";
import { FAULT_KINDS, type FaultKind, type FaultSchedule } from "./fault_schedule.ts";

export interface FaultScheduleOptions {
  /** Of the mesh that the schedule is for. @default 3 */
  readonly nodes?: number;
  /** @default 12 */
  readonly maxFaults?: number;
  /** Faults begin within this. @default 10000 */
  readonly withinMs?: number;
  /** The longest one. @default 3000 */
  readonly maxForMs?: number;
  /** @default all but full disks */
  readonly kinds?: readonly FaultKind[];
}

/** Finer than this no fault is placed: it would only make shrinking long. */
const STEP_MS = 20;
const inMs = (steps: number) => steps * STEP_MS;

/** In order of time. Smaller: fewer faults, earlier, shorter. */
export function faultSchedule(options: FaultScheduleOptions = {}): fc.Arbitrary<FaultSchedule> {
  const { nodes = 3, maxFaults = 12, withinMs = 10_000, maxForMs = 3_000 } = options;
  const kinds = options.kinds ?? FAULT_KINDS.filter((kind) => kind !== "full-disk");
  const fault = fc.record({
    atMs: fc.integer({ min: 0, max: Math.floor(withinMs / STEP_MS) }).map(inMs),
    kind: fc.constantFrom(...kinds),
    nodes: fc.shuffledSubarray(Array.from({ length: nodes }, (_, i) => i + 1), { minLength: 1 }),
    forMs: fc.integer({ min: 1, max: Math.ceil(maxForMs / STEP_MS) }).map(inMs),
  });
  return fc.array(fault, { maxLength: maxFaults })
    .map((faults) => [...faults].sort((a, b) => a.atMs - b.atMs));
}
