/** What a user hands to `simulate`, what his workload and checks are given, and what comes back. */
import type { App, HandlerStatus } from "../../src/app/mod.ts";
import type { MeshClient, OpenStreamOptions, StreamClient } from "../../src/client/mod.ts";
import type { FaultCount } from "../ledger.ts";
import type { Outcome } from "../run.ts";
import type { FaultSchedule } from "./fault_schedule.ts";

/** One run as its workload, its invariant and its check see it: a client outside of the mesh, and the whole truth. */
export interface Simulation<Services = unknown> {
  readonly seed: string;
  /** Names of the nodes: n1, n2, … */
  readonly nodes: readonly string[];
  /** The stand-ins themselves: what really happened outside. */
  readonly services: Services;
  /** The mesh through one node, as a client elsewhere has it: it lives on when the node goes down. */
  mesh(node: string): MeshClient;
  /** Opens a stream, however often it takes: its source is where it is asked for. */
  openStream(name: string, options: OpenStreamOptions & { readonly source: string }): Promise<StreamClient>;
  /** Repeats what fails with an error that may pass. For what may be done twice. */
  retry<Result>(body: () => Promise<Result>): Promise<Result>;
  /** Runs a function of the application at a node. UNREACHABLE where the node is down, or goes down before it answered. */
  call(node: string, name: string, input?: unknown): Promise<unknown>;
  /** Virtual milliseconds since 1970. */
  now(): number;
  /** At least 0, below 1; of the seed. */
  random(): number;
  sleep(delayMs: number): Promise<void>;
  /** How the handlers of a node that is up stand. */
  handlers(node: string): HandlerStatus[];
  /** A line of the story that a failure prints. */
  note(text: string): void;
}

export interface SimulateOptions<Services = unknown> {
  /** The same object that `Mesh.start` takes. */
  readonly app: App<Services>;
  /** 1 to 9. @default 3 */
  readonly nodes?: number;
  /** Stand-ins for what is outside of the mesh, made anew for each run; they outlast every crash. */
  readonly services?: () => Services;
  /** What clients do. The faults end with it; calls that fail on the way are its own to meet. */
  readonly workload: (sim: Simulation<Services>) => Promise<void>;
  /** Called at the end, when all is healed and every handler has handled everything. Throws where a promise is broken. */
  readonly check: (sim: Simulation<Services>) => Promise<void> | void;
  /** Called again and again while the run lasts, for what must hold at every moment. */
  readonly invariant?: (sim: Simulation<Services>) => void;
  /** Runs. @default 20 */
  readonly seeds?: number;
  /** The first seed: a number, or a word that is numbered. @default "1" */
  readonly from?: string;
  /** Faults of every run; "none", or what each seed draws. @default "drawn" */
  readonly faults?: FaultSchedule | "none" | "drawn";
  /** Virtual milliseconds within which the workload must end. @default 120000 */
  readonly workloadMs?: number;
  /** Makes the schedule of the first failing run smaller by running it again. @default true */
  readonly shrink?: boolean;
  /** Told of each run as it ends. */
  readonly onResult?: (result: AppRunResult) => void;
}

export interface AppRunResult {
  readonly seed: string;
  readonly outcome: Outcome;
  /** What noticed: "check", "invariant", "workload", "handler-halted", "ambient-globals", or a checker of the mesh; "" where all is well. */
  readonly checker: string;
  readonly message: string;
  readonly events: number;
  readonly virtualMs: number;
  readonly wallMs: number;
  /** Equal in every process that runs this seed with these faults. */
  readonly trace: string;
  readonly schedule: FaultSchedule;
  /** How many of its faults were injected before the workload ended. */
  readonly injected: number;
  readonly faults: Readonly<Record<string, FaultCount>>;
  readonly work: Readonly<Record<string, number>>;
  readonly story: readonly string[];
}

export interface SimulateReport {
  readonly runs: number;
  readonly events: number;
  readonly virtualMs: number;
  readonly wallMs: number;
  readonly faults: Readonly<Record<string, FaultCount>>;
  readonly work: Readonly<Record<string, number>>;
  readonly failed: readonly AppRunResult[];
}
