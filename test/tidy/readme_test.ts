import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);

Deno.test("README's first TypeScript block runs as it stands", async () => {
  const readme = await Deno.readTextFile(new URL("README.md", ROOT));
  const block = /<!-- run as a test -->\n```ts\n([\s\S]*?)```/.exec(readme)?.[1];
  if (block === undefined) throw new Error("The README has no block marked to be run");
  const folder = await Deno.makeTempDir({ prefix: "sennit-readme-" });
  try {
    const script = `${folder}/block.ts`;
    await Deno.writeTextFile(script, block.replace("./src/mod.ts", new URL("src/mod.ts", ROOT).href));
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "--config", new URL("deno.json", ROOT).pathname, script],
      cwd: folder,
    }).output();
    const said = new TextDecoder().decode(stdout);
    assert(code === 0, new TextDecoder().decode(stderr));
    assertEquals(said, "hello\n0 one\n1 two\n2 three\n");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
