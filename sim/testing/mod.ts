/**
 * Tests of your own code: runs an application's handlers and functions on unmodified nodes in a simulated world with
 * crashes, partitions and slow disks, from a seed.
 *
 *     await simulate({ app, services, workload, check, seeds: 100 });
 */
export { defineApp, replicate } from "../../src/app/mod.ts";
export type {
  App,
  Context,
  Handler,
  HandlerMessage,
  HandlerStatus,
  StateMachine,
} from "../../src/app/mod.ts";
export { faultSchedule, type FaultScheduleOptions } from "./arbitrary.ts";
export { FAULT_KINDS, type FaultKind, type FaultSchedule, type ScheduledFault } from "./fault_schedule.ts";
export { ServiceUnavailable } from "./services.ts";
export { simulate, simulateAll, SimulationFailure } from "./simulate.ts";
export type { AppRunResult, SimulateOptions, SimulateReport, Simulation } from "./spec.ts";
