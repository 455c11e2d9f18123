/**
 * Golden scripts: `scripts/*.txt` hold commands and, indented, the exact effects. With `SENNIT_REWRITE=1` the effects are
 * written anew; commit the difference only where you understand it.
 */
import { assert, assertEquals } from "@std/assert";
import { rewrite } from "./script.ts";

const folder = new URL("scripts/", import.meta.url);

for (const { name } of [...Deno.readDirSync(folder)].sort((a, b) => a.name < b.name ? -1 : 1)) {
  Deno.test(`Raft does exactly what the script says: ${name}`, () => {
    const url = new URL(name, folder);
    const text = Deno.readTextFileSync(url);
    const actual = rewrite(text);
    if (Deno.env.get("SENNIT_REWRITE") === "1") Deno.writeTextFileSync(url, actual);
    else assertEquals(actual, text);
    assert(actual.split("\n").filter((line) => line.startsWith("  ")).length > 5, "a script has effects");
  });
}
