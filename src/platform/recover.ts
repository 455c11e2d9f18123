/**
 * Recovery of a mesh that has lost its quorum, from the data folders of the survivors. Never automatic: whoever calls it
 * says that the others are gone for good and that entries may be lost.
 */
import { SennitError } from "../core/errors.ts";
import { nextRecoveryEpoch, planRecovery, type RecoveryPlan, StoppedNode, type Survey } from "../node/mod.ts";
import { DenoPlatform } from "./deno_platform.ts";

export interface RecoverOptions {
  /** Data folders of all survivors, which are stopped. Those of other machines are brought here, and back. */
  readonly folders: readonly string[];
  /** Every member's name stands in one of the two. */
  readonly survivors: readonly string[];
  readonly dead: readonly string[];
  /** Told what will be done, before anything is changed. */
  readonly planned?: (plan: RecoveryPlan) => Promise<void> | void;
  /** Without it nothing is changed. */
  readonly acceptLostEntries: boolean;
}

export interface Recovered extends RecoveryPlan {
  readonly recoveryEpoch: number;
}

interface Opened {
  readonly platform: DenoPlatform;
  readonly node: StoppedNode;
}

/**
 * Durable when it resolves: start the survivors then. Cut off anywhere, it is given again. Throws `SennitError`:
 * CONFIGURATION_INVALID, DATA_IN_USE, DATA_DAMAGED, NOT_FOUND.
 */
export async function recover(options: RecoverOptions): Promise<Recovered> {
  const opened: Opened[] = [];
  try {
    for (const folder of options.folders) opened.push(await open(folder));
    const surveys: Survey[] = [];
    for (const { node } of opened) {
      surveys.push(await run<Survey>((done, failed) => node.survey(done, failed)));
    }
    const plan = planRecovery(surveys, options);
    await options.planned?.(plan);
    if (!options.acceptLostEntries) {
      const text =
        "Nothing is changed without --accept-risk lost-entries: what the dead alone held is lost for good";
      throw new SennitError("CONFIGURATION_INVALID", text);
    }
    const recoveryEpoch = nextRecoveryEpoch(plan.epochBefore, opened[0]!.platform.io.random, 0);
    if (recoveryEpoch === null) throw new SennitError("UNSUPPORTED", "This mesh was recovered too often");
    // All promise before anybody goes on.
    for (const { node } of opened) {
      await run<void>((done, failed) => node.promise(recoveryEpoch, plan, done, failed));
    }
    for (const { node } of opened) await run<void>((done, failed) => node.force(plan, done, failed));
    return { ...plan, recoveryEpoch };
  } finally {
    await Promise.all(opened.map(({ platform }) => platform.close()));
  }
}

async function open(folder: string): Promise<Opened> {
  // Opening would make a folder that is missing.
  if (!(await Deno.stat(folder)).isDirectory) throw new SennitError("NOT_FOUND", `${folder} is no folder`);
  const platform = await DenoPlatform.open({ folder });
  const node = new StoppedNode(platform.io);
  platform.attach(1, node);
  return { platform, node };
}

function run<Result>(
  task: (done: (result: Result) => void, failed: (error: unknown) => void) => void,
): Promise<Result> {
  return new Promise((resolve, reject) => task(resolve, reject));
}
