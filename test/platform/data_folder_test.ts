import { assert, assertEquals, assertRejects } from "@std/assert";
import { SennitError } from "../../src/core/errors.ts";
import { DenoPlatform } from "../../src/platform/mod.ts";
import { openPlatform } from "./bench.ts";

async function openFailure(folder: string): Promise<SennitError> {
  return await assertRejects(() => DenoPlatform.open({ folder }), SennitError) as SennitError;
}

Deno.test("data folder belongs to one platform at a time", async () => {
  const first = await openPlatform();
  const error = await openFailure(first.folder);
  assertEquals(error.code, "DATA_IN_USE");
  assert(
    error.message.includes(first.folder) && error.message.includes(`process ${Deno.pid}`),
    error.message,
  );
  assert(/stop that one/.test(error.message), "it names the way out");
  await first.platform.close();
  const second = await DenoPlatform.open({ folder: first.folder });
  await second.close();
  await first.dispose();
});

Deno.test("data folder of a killed process is free again", async () => {
  const folder = await Deno.makeTempDir({ prefix: "sennit-" });
  const mod = new URL("../../src/platform/mod.ts", import.meta.url);
  const code = `import { DenoPlatform } from ${JSON.stringify(mod.href)};
    await DenoPlatform.open({ folder: Deno.args[0] }); console.log("open"); setInterval(() => {}, 1000);`;
  const script = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(script, code);
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--no-lock", "--config", config, script, folder],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.getReader();
  assertEquals(new TextDecoder().decode((await reader.read()).value).trim(), "open");
  const error = await openFailure(folder);
  assertEquals([error.code, error.details["owner"]], ["DATA_IN_USE", String(child.pid)]);
  child.kill("SIGKILL");
  await child.status;
  await reader.cancel();
  await (await DenoPlatform.open({ folder })).close();
  await Deno.remove(folder, { recursive: true });
  await Deno.remove(script);
});

Deno.test("data folder is made with those above it, for its owner only", async () => {
  const base = await Deno.makeTempDir({ prefix: "sennit-" });
  const platform = await DenoPlatform.open({ folder: `${base}/a/b` });
  assertEquals(Deno.statSync(`${base}/a/b`).mode! & 0o777, 0o700);
  assertEquals(Deno.statSync(`${base}/a/b/sennit.lock`).mode! & 0o777, 0o600);
  await platform.close();
  await Deno.remove(base, { recursive: true });
});

Deno.test("data folder on a full disk is named as such", async () => {
  const folder = await Deno.makeTempDir({ prefix: "sennit-" });
  await Deno.symlink("/dev/full", `${folder}/sennit.lock`);
  const error = await openFailure(folder);
  assertEquals(error.code, "DISK_FULL");
  assert(error.message.includes(folder) && /free some space/.test(error.message), error.message);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("data folder that cannot be written is named as such", async () => {
  const error = await openFailure("/sys/kernel"); // Not writable even for the administrator.
  assertEquals(error.code, "DISK_FAILED");
  assert(error.message.includes("/sys/kernel") && /cannot be written/.test(error.message), error.message);
});

Deno.test("data folder that is a file is refused", async () => {
  const file = await Deno.makeTempFile();
  const error = await openFailure(file);
  assertEquals(error.code, "DISK_FAILED");
  assert(/is a file/.test(error.message), error.message);
  await Deno.remove(file);
});
