/** Another build of Sennit, taken from the repository's history. */

/**
 * The build that this one must interoperate with, on links, on disks and in one log: the last one before this that was
 * given out. Whoever gives out a build moves this on.
 */
export const PREVIOUS_BUILD = "04fc8fd";

/** Puts the tree of a commit into `folder`; the path of its program. */
export async function materialise(commit: string, folder: string): Promise<string> {
  await Deno.mkdir(folder);
  const script = 'git -C "$1" archive "$2" | tar -x -C "$3"';
  const root = new URL("../..", import.meta.url).pathname;
  const { success, stderr } = await new Deno.Command("bash", {
    args: ["-o", "pipefail", "-c", script, "bash", root, commit, folder],
    stderr: "piped",
  }).output();
  if (!success) {
    throw new Error(`Commit ${commit} is not in this clone's history: ${new TextDecoder().decode(stderr)}`);
  }
  return `${folder}/main.ts`;
}
