/**
 * Runs a program at each change of this node's role in a group: PROGRAM NODE GROUP leader|follower. One run at a time and
 * in order; while one runs, later changes of a group that cancel each other out are left out. What the program does is
 * its own affair: the node neither waits for it nor follows from how it ends.
 */
import type { RoleChange } from "../client/mod.ts";

/** What a stop leaves to the last runs. */
const LAST_RUNS_MS = 5000;

export class RoleHook {
  readonly #program: string;
  readonly #node: string;
  /** What the program was told last, by group. */
  readonly #told = new Map<string, RoleChange["role"]>();
  /** What it is to be told next; one change for each group. */
  readonly #due = new Map<string, RoleChange["role"]>();
  #running: Promise<void> | null = null;

  constructor(program: string, node: string) {
    this.#program = program;
    this.#node = node;
  }

  changed({ group, role }: RoleChange): void {
    this.#due.delete(group);
    if (this.#told.get(group) !== role) this.#due.set(group, role);
    this.#running ??= this.#runAll().finally(() => this.#running = null);
  }

  /** Ends when everything was run, or after a moment. */
  async settled(): Promise<void> {
    if (this.#running === null) return;
    const limit = Promise.withResolvers<void>();
    const timer = setTimeout(limit.resolve, LAST_RUNS_MS);
    await Promise.race([this.#running, limit.promise]);
    clearTimeout(timer);
  }

  async #runAll(): Promise<void> {
    // Not in the node's own turn, which this was called from.
    await Promise.resolve();
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      const [group, role] = next;
      this.#due.delete(group);
      this.#told.set(group, role);
      await this.#run(group, role);
    }
  }

  #next(): [string, RoleChange["role"]] | undefined {
    return this.#due.entries().next().value;
  }

  async #run(group: string, role: RoleChange["role"]): Promise<void> {
    try {
      const child = new Deno.Command(this.#program, {
        args: [this.#node, group, role],
        stdin: "null",
        stdout: "null",
        stderr: "inherit",
      }).spawn();
      const { success, code } = await child.status;
      if (!success) console.error(`${this.#program} ${this.#node} ${group} ${role} ended with ${code}`);
    } catch (error) {
      console.error(
        `Cannot run ${this.#program} ${this.#node} ${group} ${role}: ${(error as Error).message}`,
      );
    }
  }
}
