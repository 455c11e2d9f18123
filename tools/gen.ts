/**
 * `deno task gen`: TypeScript from the .proto files into proto/gen, which is committed. With `--check` it generates
 * aside and says whether what is committed is what would be generated.
 */
import { succeeds } from "./run.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const COMMITTED = `${ROOT}proto/gen`;

const OPTIONS = [
  "outputServices=grpc-js",
  "esModuleInterop=true",
  "importSuffix=.ts",
  "forceLong=number", // One of 2^53 or more is refused by the decoder.
  "oneof=unions-value",
  "useOptionals=none",
  "outputJsonMethods=false",
  "outputPartialMethods=false",
  "outputExtensions=false",
  "useExactTypes=false",
  "unknownFields=false",
].join(",");

/** Generates into `folder`; the head of each file loses the compilers' names and versions, which the lock file holds. */
async function generate(folder: string): Promise<boolean> {
  const plugin = await Deno.makeTempFile({ prefix: "sennit-protoc-gen-" });
  try {
    // buf starts plugins as programs of their own.
    const command =
      `exec "${Deno.execPath()}" run -A --config "${ROOT}deno.json" npm:ts-proto@2.18.0/protoc-gen-ts_proto`;
    await Deno.writeTextFile(plugin, `#!/bin/sh\n${command}\n`);
    await Deno.chmod(plugin, 0o755);
    const template = {
      version: "v2",
      plugins: [{ local: plugin, out: folder, opt: OPTIONS }],
    };
    const buf = [Deno.execPath(), "run", "-A", "npm:@bufbuild/buf@1.74.0/buf"];
    const source = `${ROOT}proto`;
    return await succeeds([...buf, "generate", source, "--template", JSON.stringify(template)]);
  } finally {
    await Deno.remove(plugin);
  }
}

/** Path to text of every file below. */
async function filesBelow(folder: string, below = ""): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for await (const entry of Deno.readDir(`${folder}/${below}`)) {
    const path = `${below}${entry.name}`;
    if (entry.isFile) files.set(path, await Deno.readTextFile(`${folder}/${path}`));
    else for (const [name, text] of await filesBelow(folder, `${path}/`)) files.set(name, text);
  }
  return files;
}

async function check(): Promise<number> {
  const aside = await Deno.makeTempDir({ prefix: "sennit-gen-" });
  try {
    if (!await generate(aside)) return 1;
    const [wanted, found] = [await filesBelow(aside), await filesBelow(COMMITTED)];
    const names = [...new Set([...wanted.keys(), ...found.keys()])].sort();
    const stale = names.filter((name) => wanted.get(name) !== found.get(name));
    if (stale.length > 0) console.error(`Stale below proto/gen, run \`deno task gen\`: ${stale.join(", ")}`);
    return stale.length === 0 ? 0 : 1;
  } finally {
    await Deno.remove(aside, { recursive: true });
  }
}

async function regenerate(): Promise<number> {
  await Deno.remove(COMMITTED, { recursive: true }).catch(() => {});
  await Deno.mkdir(COMMITTED, { recursive: true });
  return await generate(COMMITTED) ? 0 : 1;
}

Deno.exit(await (Deno.args.includes("--check") ? check() : regenerate()));
