/** The program: `sennit`, and `sennit sim …`, which lives beside the sources and never among them. */
const [first, ...rest] = Deno.args;

async function main(): Promise<number> {
  if (first === "sim") {
    const sim = await import(new URL("./sim/main.ts", import.meta.url).href);
    return await sim.main(rest);
  }
  const cli = await import("./src/cli/mod.ts");
  return await cli.main(Deno.args);
}

Deno.exit(await main());
