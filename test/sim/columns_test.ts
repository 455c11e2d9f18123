/** The text of a run: a column for each node, lines of what matters, and what is chosen of them. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type ColumnFilter, Columns, LEGEND } from "../../sim/columns.ts";
import { runOne } from "../../sim/mod.ts";

const NAME = "nodes=3,operations=120,faults=crash-process+partition-halves.5";
const MAIN = new URL("../../sim/main.ts", import.meta.url).href;

function linesOf(filter: ColumnFilter = {}, limit?: number) {
  const columns = new Columns(filter, limit);
  const result = runOne(NAME, { watcher: columns });
  return { lines: columns.format(), result };
}

/** Splits a line into event, seconds, group and what follows. */
function fields(line: string): string[] {
  return line.trim().split(/\s+/);
}

Deno.test("a run reads downwards, one column for each node", () => {
  const { lines, result } = linesOf();
  assertEquals(runOne(NAME).trace, result.trace, "who reads changes nothing");
  const [legend, head, ...rest] = lines;
  assertEquals(legend, LEGEND);
  assertEquals(fields(head!), ["event", "seconds", "group", "n1", "n2", "n3"]);
  assert(rest.length > 50);
  const events = rest.map((line) => Number(fields(line)[0]));
  assertEquals(events, [...events].sort((a, b) => a - b));
  const text = rest.join("\n");
  for (const seen of [/\*L 1\/\d+/, /candidate -> leader/, /commits \d+ -> \d+/, /term \d+ -> \d+/]) {
    assertMatch(text, seen);
  }
  assertMatch(text, /\*x .*crash$/m, "a node that is down");
  assertMatch(text, /[Lf]\/ \d+\/\d+/, "a node that is cut off");
  // Every term has one leader, in the text too.
  const leaders = new Map<string, Set<string>>();
  for (const line of rest.filter((line) => line.endsWith("-> leader"))) {
    const { groups } = line.match(/^\s*\d+ +\S+ +(?<group>\S+) .*\*L\S* (?<term>\d+)\//)!;
    const column = String(line.indexOf("*"));
    const key = `${groups!["group"]} ${groups!["term"]}`;
    leaders.set(key, (leaders.get(key) ?? new Set()).add(column));
  }
  assert(leaders.size >= 2 && [...leaders.values()].every((columns) => columns.size === 1));
});

Deno.test("nodes, kinds and a group are chosen", () => {
  const all = linesOf().lines.slice(2);
  const commits = linesOf({ kinds: ["commit"] }).lines.slice(2);
  assert(commits.length > 0 && commits.every((line) => line.includes("commits")));
  assertEquals(commits, all.filter((line) => / commits \d+ -> /.test(line)));
  const stream = linesOf({ group: "stream-0", kinds: ["role", "term", "commit"] }).lines.slice(2);
  assert(stream.length > 0 && stream.every((line) => fields(line)[2] === "stream-0"));
  const [, head, ...one] = linesOf({ nodes: ["n2"], kinds: ["role"] }).lines;
  assertEquals(fields(head!).slice(3), ["n2"]);
  assert(one.length > 0 && one.every((line) => line.includes("*")));
});

Deno.test("only the last lines are kept where so many are asked for", () => {
  const all = linesOf().lines.slice(2);
  const last = linesOf({}, 7).lines;
  assertEquals(last[1], `(${all.length - 7} lines before these)`);
  assertEquals(
    last.slice(3).map((line) => fields(line).join(" ")),
    all.slice(-7).map((line) => fields(line).join(" ")),
  );
});

Deno.test("replay takes the choice from its flags, and refuses a kind that there is not", async () => {
  const replay = async (...args: string[]) => {
    const command = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", MAIN, "replay", NAME, ...args],
    });
    const { code, stdout, stderr } = await command.output();
    return { code, out: new TextDecoder().decode(stdout), error: new TextDecoder().decode(stderr) };
  };
  const { code, out } = await replay("--nodes", "n1,n3", "--kinds", "role,fault", "--lines", "20");
  assertEquals(code, 0);
  assertMatch(out, /group +n1 +n3/);
  assertEquals(out.match(/commits/), null);
  const refused = await replay("--kinds", "colour");
  assertEquals(refused.code, 2);
  assertMatch(refused.error, /--kinds knows role, term, .*, not colour/);
});
