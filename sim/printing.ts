/** What the simulator's commands print for people. */
import type { BatchReport, RunResult } from "./mod.ts";

/** `replayName`: what to replay, with the commit that it failed on. */
export function printResult(result: RunResult, replayName = result.name): void {
  const { name, outcome, events, virtualMs, wallMs } = result;
  const speed = `${Math.round(events / wallMs)}k events/s, ${(virtualMs / wallMs).toFixed(0)}x`;
  console.log(
    `${outcome.padEnd(8)} ${name}  ${events} events, ${(virtualMs / 1000).toFixed(1)} s virtual (${speed})`,
  );
  if (outcome === "ok" || outcome === "stopped") return;
  console.log(`\n  ${result.message}\n\n  ${replayCommand(replayName)}\n`);
}

export function replayCommand(name: string): string {
  return `deno task sennit sim replay ${name}`;
}

export function printReport(report: BatchReport, nameOf: (result: RunResult) => string): void {
  const seconds = (report.virtualMs / 1000).toFixed(0);
  console.log(`\n${report.runs} runs, ${report.events} events, ${seconds} s of virtual time`);
  console.log(`\n${"fault".padEnd(28)}${"tried".padStart(8)}${"struck".padStart(10)}`);
  for (const [name, { tried, struck }] of Object.entries(report.faults)) {
    console.log(`${name.padEnd(28)}${String(tried).padStart(8)}${String(struck).padStart(10)}`);
  }
  console.log(`\n${"checker".padEnd(28)}${"inputs".padStart(10)}`);
  for (const [name, inputs] of Object.entries(report.checks)) {
    console.log(`${name.padEnd(28)}${String(inputs).padStart(10)}`);
  }
  console.log(`\n${Object.entries(report.work).map(([name, n]) => `${name} ${n}`).join(", ")}`);
  console.log(`\n${"place in node code".padEnd(50)}${"passed".padStart(10)}`);
  for (const [mark, times] of Object.entries(report.marks)) {
    console.log(`${mark.padEnd(50)}${String(times).padStart(10)}`);
  }
  for (const what of report.vacuous) console.log(`vacuous: ${what}`);
  for (const result of report.failed) {
    const { outcome, checker, events } = result;
    console.log(`failed: ${outcome} ${checker} after ${events} events: ${replayCommand(nameOf(result))}`);
  }
}

export function printDetails(result: RunResult): void {
  const list = (entries: [string, unknown][]) =>
    entries.map(([name, value]) => `${name} ${value}`).join(", ");
  const faults = Object.entries(result.faults)
    .map(([name, { tried, struck }]) => [name, `${tried}/${struck}`] as [string, string]);
  console.log(`faults (tried/struck): ${list(faults)}`);
  console.log(`checks: ${list(Object.entries(result.checks))}`);
  console.log(`work: ${list(Object.entries(result.work))}`);
  console.log(`trace ${result.trace}`);
}
