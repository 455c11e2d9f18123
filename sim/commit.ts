/** Which commit the simulator itself is of: a run's name may carry it, and a replay on another one says so. */

const ROOT = new URL("..", import.meta.url);

/** Short; with a `+` where the tree was changed since; "" where it is no git tree. */
export function currentCommit(): string {
  const commit = git("rev-parse", "--short", "HEAD");
  if (commit === "") return "";
  return git("status", "--porcelain", "--untracked-files=no", "--", "src", "sim") === ""
    ? commit
    : `${commit}+`;
}

/** What to say where a run was found on `commit` and is replayed on `now`; null where there is nothing to say. */
export function commitRemark(commit: string, now: string): string | null {
  const isSame = commit.startsWith(now) || now.startsWith(commit);
  if (commit === "" || now === "" || isSame && !commit.endsWith("+") && !now.endsWith("+")) return null;
  return `This run is of commit ${commit}; what is replayed is ${now}: it may go another way.`;
}

function git(...args: string[]): string {
  try {
    const { success, stdout } = new Deno.Command("git", { args, cwd: ROOT, stderr: "null" }).outputSync();
    return success ? new TextDecoder().decode(stdout).trim() : "";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotCapable) return "";
    throw error;
  }
}
