import { assertEquals } from "@std/assert";
import { type Flow, Flows, TokenSource } from "../../src/core/flow.ts";
import type { Token } from "../../src/core/ids.ts";

function* twice(submitted: Token[]): Flow<string, number> {
  const first = yield (token) => submitted.push(token);
  const second = yield (token) => submitted.push(token);
  if (second < 0) throw new Error("negative");
  return `${first} then ${second}`;
}

Deno.test("a flow goes on with each completion under its own token, and ends with its result", () => {
  const flows = new Flows<number>(new TokenSource());
  const submitted: Token[] = [];
  const results: string[] = [];
  flows.start(twice(submitted), (result) => results.push(result), () => {});
  assertEquals([submitted.length, flows.size], [1, 1]);
  assertEquals(flows.resume(99 as Token, 0), false);
  assertEquals(flows.resume(submitted[0]!, 1), true);
  assertEquals(flows.resume(submitted[0]!, 1), false, "a token is used once");
  flows.resume(submitted[1]!, 2);
  assertEquals([results, flows.size], [["1 then 2"], 0]);
});

Deno.test("what a flow throws goes to its own failure and to no other flow", () => {
  const flows = new Flows<number>(new TokenSource());
  const [a, b]: Token[][] = [[], []];
  const log: string[] = [];
  flows.start(twice(a!), (result) => log.push(result), (error) => log.push((error as Error).message));
  flows.start(twice(b!), (result) => log.push(result), (error) => log.push((error as Error).message));
  flows.resume(a![0]!, 1);
  flows.resume(b![0]!, 5);
  flows.resume(a![1]!, -1);
  flows.resume(b![1]!, 6);
  assertEquals(log, ["negative", "5 then 6"]);
});
