/** The kill matrix as a page: docs/kill-matrix.md, written and read back, so that a part of it can be brought up to date. */
import { MUTANTS, NOT_PLANTED } from "../sim/mutants/mod.ts";
import { CI_MUTANTS, CI_RUNS } from "./mutants_ci.ts";
import type { Row } from "./mutants_plant.ts";

const HEAD = `# Kill matrix

Known bugs, planted one at a time into a copy of the tree (\`sim/mutants\`), and what noticed each first. Written by
\`deno task mutants --write\`; not edited by hand. Every edit applies to the tree and type-checks.

*Runs* counts simulated runs with consecutive seeds from 1, without options, until the bug was caught, that one included.
*First checker* is who saw it: a checker of \`sim/checkers\`, \`liveness\` where the mesh did not converge, \`crash\` where node
code threw, \`never-ends\` where a run went round in circles. *Assertions* counts failed assertions of node code in these
runs; they restart the node and do not stop the run.
`;

const COLUMNS = "| bug | what the code does | runs | first checker | assertions |\n|---|---|---:|---|---:|";

export function formatRow({ id, says, fate, runs, checker, assertions }: Row): string {
  const first = fate === "caught" ? checker : fate === "broken" ? "**does not apply**" : "**survived**";
  return `| ${id} | ${says.replaceAll("|", "\\|")} | ${runs} | ${first} | ${assertions} |`;
}

/**
 * All rows, in the order of the list, and what they do not show. `fresh`: how many of them were written just now;
 * `unchangedRuns`: through how many runs the unchanged tree went without a finding for these.
 */
export function formatPage(
  rows: readonly Row[],
  fresh: number,
  unchangedRuns: number,
  checkers: readonly string[],
): string {
  const byId = new Map(rows.map((row) => [row.id, row]));
  const ordered = MUTANTS.flatMap(({ id, says }) => {
    const row = byId.get(id);
    return row === undefined ? [] : [{ ...row, says }];
  });
  const lines = [HEAD, provenance(fresh, unchangedRuns), COLUMNS, ...ordered.map(formatRow), ""];
  const caught = ordered.filter((row) => row.fate === "caught").length;
  lines.push(`${caught} of ${MUTANTS.length} bugs are caught.`, "");
  const left = MUTANTS.filter(({ id }) => !byId.has(id));
  if (left.length > 0) {
    lines.push("## Not run yet", "", ...left.map(({ id, says }) => `- ${id}: ${says}`), "");
  }
  if (NOT_PLANTED.length > 0) {
    lines.push("## Not planted", "", ...NOT_PLANTED.map(({ id, why }) => `- ${id}: ${why}`), "");
  }
  const everyCheck = `Each within ${CI_RUNS} runs, before a change is accepted: ${CI_MUTANTS.join(", ")}.`;
  lines.push("## Planted in every check (`deno task mutants --ci`)", "", everyCheck, "");
  const silent = silentCheckers(ordered, checkers);
  if (silent.length > 0) {
    lines.push("## Checkers that saw no bug first", "", ...silent.map((name) => `- ${name}`), "");
  }
  return lines.join("\n");
}

/** Whether the rows are of one state of the tree. */
function provenance(fresh: number, unchangedRuns: number): string {
  const clean = `The unchanged tree passes the first ${unchangedRuns} of these runs`;
  if (fresh === MUTANTS.length) {
    return `${clean}, which is as many as any bug took. All rows are of one pass.\n`;
  }
  return `${clean}, which is as many as took the ${fresh} bugs that were run last; the other rows are of an earlier pass.\n`;
}

/** The rows of a page that `formatPage` wrote. */
export function parsePage(page: string): Row[] {
  const rows: Row[] = [];
  for (const line of page.split("\n")) {
    const match = /^\| ([a-z0-9-]+) \| (.*) \| (\d+) \| (\S.*?) \| (\d+) \|$/.exec(line);
    if (match === null) continue;
    const [, id, says, runs, first, assertions] = match as unknown as string[];
    const fate = first === "**survived**" ? "survived" : first === "**does not apply**" ? "broken" : "caught";
    rows.push({
      id: id!,
      says: says!,
      fate,
      runs: Number(runs),
      checker: fate === "caught" ? first! : "",
      message: "",
      assertions: Number(assertions),
    });
  }
  return rows;
}

/** Checkers of the runs that noticed no bug first. */
export function silentCheckers(rows: readonly Row[], checkers: readonly string[]): string[] {
  const first = new Set(rows.map((row) => row.checker));
  return checkers.filter((name) => !first.has(name));
}
