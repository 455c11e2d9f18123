/** Runs as JUnit XML, which build servers show: one test case for each run. */

export interface JunitRun {
  /** Where runs have names; else they are called by their seeds. */
  readonly name?: string;
  readonly seed: string;
  readonly outcome: string;
  readonly checker: string;
  readonly message: string;
  readonly wallMs: number;
}

/** `texts`: what is to be shown of failed runs, by seed. */
export function junitXml(
  name: string,
  results: readonly JunitRun[],
  texts: ReadonlyMap<string, string>,
): string {
  const failures = results.filter((result) => result.outcome !== "ok").length;
  const wallMs = results.reduce((sum, result) => sum + result.wallMs, 0);
  const suite = `name="${escaped(name)}" tests="${results.length}" failures="${failures}" errors="0"`;
  const cases = results.map((result) => testCase(name, result, texts.get(result.seed) ?? result.message));
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    "<testsuites>",
    `  <testsuite ${suite} time="${seconds(wallMs)}">`,
    ...cases,
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}

function testCase(suite: string, result: JunitRun, text: string): string {
  const head = `    <testcase classname="${escaped(suite)}" name="${
    escaped(result.name ?? `seed ${result.seed}`)
  }" time="${seconds(result.wallMs)}"`;
  if (result.outcome === "ok") return `${head}/>`;
  const message = escaped(`${result.checker}: ${result.message}`);
  return [
    `${head}>`,
    `      <failure type="${result.outcome}" message="${message}">${escaped(text)}</failure>`,
    "    </testcase>",
  ].join("\n");
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

/** Characters that XML 1.0 cannot carry at all become question marks. */
function escaped(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, "?")
    .replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;")
    .replace(/\n/g, "&#10;");
}
