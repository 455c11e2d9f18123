/** Runs the commands of a task one after the other and says at the end which of them failed. */

export interface Step {
  readonly name: string;
  readonly command: readonly string[];
}

/** Runs a command with its output passed through; true where it ended with 0. */
export async function succeeds(command: readonly string[]): Promise<boolean> {
  const [program, ...args] = command;
  const child = new Deno.Command(program!, { args, stdin: "null" }).spawn();
  return (await child.status).success;
}

/** Runs all steps, also after one failed, so that one run shows everything there is to mend. */
export async function runSteps(steps: readonly Step[]): Promise<number> {
  const failed: string[] = [];
  for (const step of steps) {
    console.error(`# ${step.name}`);
    if (!await succeeds(step.command)) failed.push(step.name);
  }
  if (failed.length > 0) console.error(`Failed: ${failed.join(", ")}`);
  return failed.length === 0 ? 0 : 1;
}
