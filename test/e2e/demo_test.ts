import { assert, assertEquals } from "@std/assert";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

Deno.test("demo: three processes, a target and the leader killed, every line takes effect once and in order", async () => {
  const file = await Deno.makeTempFile({ suffix: ".txt" });
  try {
    await Deno.writeTextFile(file, Array.from({ length: 3000 }, (_, at) => `line ${at}\n`).join(""));
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", MAIN, "demo", "--json", "--file", file],
    }).output();
    const said = new TextDecoder().decode(stdout);
    assertEquals(code, 0, said + new TextDecoder().decode(stderr));
    const outcome = JSON.parse(said);
    assertEquals(outcome.lines, 3000);
    assertEquals(outcome.killed[0], "b");
    for (const target of outcome.targets) {
      assertEquals(target.effects, 3000);
      assertEquals(target.inOrder, true);
      assertEquals(target.sha256, outcome.sourceSha256);
    }
    assert(outcome.targets.some((target: { redeliveries: number }) => target.redeliveries > 0));
  } finally {
    await Deno.remove(file);
  }
});
