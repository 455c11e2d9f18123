/** Another build of Sennit, kept as its sources: the history of a clone may be short. */

/**
 * The build that this one must interoperate with, on links, on disks and in one log. Whoever gives out a build packs it
 * (`git archive --format=tar.gz -o test/compat/builds/NAME.tar.gz COMMIT src proto main.ts deno.json deno.lock`) and moves
 * this on. This one supports the first feature level alone.
 */
export const PREVIOUS_BUILD = "first_level";

/** Puts a build's tree into `folder`; the path of its program. */
export async function materialise(build: string, folder: string): Promise<string> {
  await Deno.mkdir(folder);
  const archive = new URL(`../compat/builds/${build}.tar.gz`, import.meta.url).pathname;
  const { success, stderr } = await new Deno.Command("tar", {
    args: ["-xzf", archive, "-C", folder],
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`Build ${build} cannot be unpacked: ${new TextDecoder().decode(stderr)}`);
  return `${folder}/main.ts`;
}
