/** `sennit raft` and the role hook, with real processes. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { until } from "../integration/meshes.ts";
import { NodeProcess, sennit } from "./process.ts";

Deno.test("G70 sennit raft shows groups and hands their leadership over; --on-role-change runs a program", async () => {
  const folder = await Deno.makeTempDir();
  const hook = `${folder}/hook`;
  await Deno.writeTextFile(hook, `#!/bin/sh\necho "$@" >> ${folder}/roles\n`, { mode: 0o755 });
  const roles = async () => {
    try {
      return (await Deno.readTextFile(`${folder}/roles`)).trim().split("\n");
    } catch {
      return [];
    }
  };
  await using a = await NodeProcess.start(`${folder}/a`, "a", ["--seed", "m", "--on-role-change", hook], {
    allow: ["--allow-run"],
  });
  const token = (await sennit("invite", "--data", a.data)).stdout.trim();
  await using b = await NodeProcess.start(`${folder}/b`, "b", ["--join", token]);
  await until("a is told that it leads", async () => (await roles()).length === 1);
  assertEquals(await roles(), ["a control leader"]);

  const shown = async () =>
    JSON.parse((await sennit("raft", "show", "control", "--data", a.data, "--json")).stdout);
  await until("b votes", async () => (await shown()).voters.length === 2);
  // On a machine that has much to do b may have been elected meanwhile.
  const lead = async () => {
    await sennit("raft", "transfer", "control", "a", "--data", a.data);
    return false;
  };
  await until("a leads, and the list says so", async () => {
    const [listed] = JSON.parse((await sennit("raft", "ls", "--data", a.data, "--json")).stdout);
    const { stdout } = await sennit("raft", "ls", "--data", a.data);
    return listed.name === "control" && listed.leader === "a" &&
        /^GROUP .*\ncontrol +0 +leader +\d+ +a /.test(stdout) || await lead();
  }, 60_000);
  await until("b follows it", async () => {
    const text = (await sennit("raft", "show", "0", "--data", b.data)).stdout;
    assertMatch(text, /^configuration +voters a, b$/m);
    return /^role +follower$/m.test(text) && /^leader +a$/m.test(text) || await lead();
  }, 60_000);

  // Through the node that leads, and back through the one that does not any more.
  const there = await sennit("raft", "transfer", "control", "b", "--data", a.data, "--json");
  assertEquals(there.code, 0, there.stderr);
  assertEquals(JSON.parse(there.stdout).leader, "b");
  await until("a is told that it leads no more", async () => (await roles()).at(-1) === "a control follower");
  const back = await sennit("raft", "transfer", "control", "a", "--data", a.data);
  assertEquals(back.code, 0, back.stderr);
  assertMatch(back.stdout, /^a leads control in term \d+\n$/);
  await until("a is told that it leads again", async () => (await roles()).at(-1) === "a control leader");

  const unknown = await sennit("raft", "show", "orders", "--data", a.data);
  assertEquals(unknown.code, 1);
  assertMatch(unknown.stderr, /^NOT_FOUND: This node holds no group "orders": it holds control/);
  const nobody = await sennit("raft", "transfer", "control", "c", "--data", a.data);
  assertEquals(nobody.code, 1);
  assertMatch(nobody.stderr, /^UNKNOWN_MEMBER: /);
  assertEquals((await sennit("raft", "transfer", "control")).code, 2);
  assertEquals(await a.stop(), 0);
  const told = await roles();
  assert(told.length >= 4 && told.length % 2 === 0, `${told}`);
  assertEquals(told, told.map((_, i) => i % 2 === 0 ? "a control leader" : "a control follower"));
  assert(await b.stop() === 0);

  // b never comes back: without the risk accepted the plan is shown and nothing done.
  const recover = ["recover", "--data", a.data, "--survivor", "a", "--dead", "b"];
  const planned = await sennit(...recover);
  assertEquals(planned.code, 2);
  assertMatch(
    planned.stdout,
    /^control +from a +\d+ of term \d+ +\d+ +a \d+ +nothing: every committed entry/m,
  );
  assertMatch(planned.stderr, /--accept-risk lost-entries/);
  const done = await sennit(...recover, "--accept-risk", "lost-entries", "--json");
  assertEquals(done.code, 0, done.stderr);
  const { recoveryEpoch, groups } = JSON.parse(done.stdout);
  assertEquals([groups[0].winner, recoveryEpoch >= 0x100_0000], ["a", true]);
  await using alone = await NodeProcess.start(a.data, "a", []);
  await until(
    "a leads alone",
    async () => (await sennit("kv", "put", "k", "v", "--data", alone.data)).code === 0,
  );
  await alone.stop();
  await Deno.remove(folder, { recursive: true });
});
