/** The documentation's blocks of code run as they stand: each is a file of one program's folder. */
import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);
const BLOCK = /<!-- file: ([\w.]+)(?:, run: ([^\n]*?))? -->\n```ts\n([\s\S]*?)```/g;

Deno.test("docs/testing-your-code.md: its blocks type-check, run, and print what is said of them", async () => {
  const text = await Deno.readTextFile(new URL("docs/testing-your-code.md", ROOT));
  const blocks = [...text.matchAll(BLOCK)].map(([, file, output, code]) => ({
    file: file!,
    output,
    code: code!,
  }));
  assert(blocks.length >= 5 && blocks.filter(({ output }) => output !== undefined).length >= 3);
  const folder = await Deno.makeTempDir({ prefix: "sennit-docs-" });
  try {
    for (const { file, code } of blocks) await Deno.writeTextFile(`${folder}/${file}`, code);
    const settings = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
    const imports = { ...settings.imports };
    for (const [name, path] of Object.entries(settings.exports as Record<string, string>)) {
      imports[`@sennit/sennit${name.slice(1)}`] = new URL(path, ROOT).href;
    }
    const config = { imports, compilerOptions: settings.compilerOptions, nodeModulesDir: "none" };
    await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify(config));
    for (const { file, output } of blocks) {
      if (output === undefined) continue;
      const args = ["run", "-A", "--check", "--quiet", "--no-lock", file];
      const done = await new Deno.Command(Deno.execPath(), { args, cwd: folder }).output();
      assert(done.success, `${file}: ${new TextDecoder().decode(done.stderr)}`);
      assertEquals(new TextDecoder().decode(done.stdout), `${output}\n`, file);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
