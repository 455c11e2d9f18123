import { assertEquals } from "@std/assert";
import type { KeyChange } from "../../src/mod.ts";
import { Meshes, refusal, until } from "./meshes.ts";

const text = (bytes: Uint8Array | null | undefined) => bytes ? new TextDecoder().decode(bytes) : null;

Deno.test("kv: what one node writes every node reads, at once", () =>
  Meshes.with(async (meshes) => {
    const [a, b, c] = await meshes.form("a", "b", "c");
    const first = await b!.kv.put("k", "1");
    assertEquals(text((await c!.kv.get("k"))?.value), "1");
    assertEquals(await a!.kv.get("nothing"), null);
    await refusal("COMPARE_FAILED", () => c!.kv.put("k", "2", { expectedVersion: 0 }));
    const second = await c!.kv.put("k", "2", { expectedVersion: first });
    const failed = await refusal("COMPARE_FAILED", () => a!.kv.delete("k", { expectedVersion: first }));
    assertEquals(failed.details.version, second);
    await a!.kv.delete("k", { expectedVersion: second });
    assertEquals(await b!.kv.get("k"), null);
    await refusal("NOT_FOUND", () => b!.kv.delete("k"));
  }));

Deno.test("kv.list() pages through sorted keys of a prefix", () =>
  Meshes.with(async (meshes) => {
    const [a] = await meshes.form("a");
    const names = Array.from({ length: 1203 }, (_, at) => `p/${String(at).padStart(5, "0")}`);
    await Promise.all([...names, "q/1"].map((name) => a!.kv.put(name, name)));
    const found: string[] = [];
    for await (const { key, value } of a!.kv.list("p/")) {
      assertEquals(text(value), key);
      found.push(key);
    }
    assertEquals(found, names);
  }));

Deno.test("kv.watch() at another node shows changes of its prefix in order", () =>
  Meshes.with(async (meshes) => {
    const [a, b] = await meshes.form("a", "b");
    const seen: KeyChange[] = [];
    const watching = (async () => {
      for await (const change of b!.kv.watch("w/")) {
        seen.push(change);
        if (change.value === null) return;
      }
    })();
    await until("the watch is open", async () => {
      await a!.kv.put("w/1", "x");
      return seen.length > 0;
    });
    await a!.kv.put("other", "y");
    await a!.kv.delete("w/1");
    await watching;
    assertEquals(seen.every((change) => change.key === "w/1"), true);
    for (let at = 1; at < seen.length; at++) assertEquals(seen[at]!.version > seen[at - 1]!.version, true);
  }));

Deno.test("kv refuses empty and oversized keys and oversized values by name", () =>
  Meshes.with(async (meshes) => {
    const [a] = await meshes.form("a");
    await refusal("INVALID_ARGUMENT", () => a!.kv.put("", "x"));
    await refusal("TOO_LARGE", () => a!.kv.put("k".repeat(1025), "x"));
    await refusal("TOO_LARGE", () => a!.kv.put("k", new Uint8Array(1024 * 1024 + 1)));
    await a!.kv.put("k", new Uint8Array(1024 * 1024));
  }));

Deno.test("G63 without a majority writes fail as not applied, and go on once it is back", () =>
  Meshes.with(async (meshes) => {
    const a = await meshes.start("a", { settings: { callTimeoutMs: 1500 } });
    await a.seed({ meshName: "test" });
    const b = await meshes.start("b");
    await b.join(await a.invite());
    await until("b votes", async () => (await a.status()).members.every((member) => member.role === "voter"));
    const { address } = b;
    await meshes.stop(b);
    const { outcome } = await refusal("TIMEOUT", () => a.kv.put("k", "1")).catch(() =>
      refusal("NO_LEADER", () => a.kv.put("k", "1"))
    );
    assertEquals(["NOT_APPLIED", "UNKNOWN"].includes(outcome), true);
    await refusal("NO_LEADER", () => a.kv.get("k"));
    assertEquals((await a.status()).groups[0]!.trouble.includes("b away"), true);
    await meshes.start("b", { listen: address });
    await until("writes go on", async () => {
      try {
        await a.kv.put("k", "2");
        return true;
      } catch {
        return false;
      }
    });
  }));

Deno.test("what kv.list() and kv.get() give out is the caller's own", () =>
  Meshes.with(async (meshes) => {
    const [a] = await meshes.form("a");
    await a!.kv.put("k", "kept");
    for await (const { value } of a!.kv.list()) value.fill(0);
    (await a!.kv.get("k"))!.value.fill(0);
    assertEquals(new TextDecoder().decode((await a!.kv.get("k"))!.value), "kept");
  }));
