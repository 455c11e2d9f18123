/** What a mesh may use is what all its members' builds support, and what a build does not know stops it by name. */
import { assertEquals, assertMatch } from "@std/assert";
import { ByteWriter } from "../../src/core/bytes.ts";
import type { Index, Term } from "../../src/core/ids.ts";
import { ControlMachine } from "../../src/node/control_machine.ts";
import { ControlState } from "../../src/node/control_state.ts";
import { FEATURE_LEVEL, FIRST_FEATURE_LEVEL } from "../../src/node/mod.ts";
import { localSettings } from "../../src/node/settings.ts";
import { SennitError } from "../../src/mod.ts";
import { ControlLog } from "../node/control_log.ts";
import { Meshes, refusal, until } from "./meshes.ts";

Deno.test("raiseFeatureLevel() is refused while a member is away, and holds for everybody once it is done", () =>
  Meshes.with(async (meshes) => {
    meshes.settings = { foundingFeatureLevel: FIRST_FEATURE_LEVEL };
    const [a, b, c] = await meshes.form("a", "b", "c");
    await meshes.stop(b!);
    await meshes.stop(a!);
    const again = await meshes.restart("a");
    await until(
      "c is there",
      async () => (await again.status()).members.some((each) => each.name === "c" && each.reachable),
    );
    const error = await refusal("VERSION_MISMATCH", () => again.raiseFeatureLevel());
    assertMatch(error.message, /b was not met yet/);
    const back = await meshes.restart("b");
    await until("b is there", async () => (await again.status()).members.every((each) => each.reachable));
    await refusal("VERSION_MISMATCH", () => again.raiseFeatureLevel(FEATURE_LEVEL + 1));
    await again.raiseFeatureLevel();
    for (const mesh of [again, back, c!]) {
      await until("everybody knows", async () => (await mesh.status()).featureLevel === FEATURE_LEVEL);
    }
    await refusal("INVALID_ARGUMENT", () => again.raiseFeatureLevel(FEATURE_LEVEL));
    await refusal("VERSION_MISMATCH", () => again.raiseFeatureLevel());
  }));

Deno.test("a new mesh begins at the level of its founder's build", () =>
  Meshes.with(async (meshes) => {
    const [a] = await meshes.form("a");
    assertEquals((await a!.status()).featureLevel, FEATURE_LEVEL);
  }));

Deno.test("what leases rest on is agreed in the log, and a node that is set otherwise does not take part", () =>
  Meshes.with(async (meshes) => {
    const local = localSettings("").raft;
    const set = (electionTimeoutMs: number) => meshes.settings = { raft: { ...local, electionTimeoutMs } };
    set(1500);
    const [a] = await meshes.form("a");
    set(1000);
    const b = await meshes.start("b");
    await b.join(await a!.invite());
    await until("b has read what was agreed", async () => (await b.status()).state === "failed");
    const error = await refusal("CONFIGURATION_INVALID", () => b.kv.get("key"));
    assertMatch(error.message, /agreed on electionTimeoutMs 1500, and node b is set to 1000/);
    await meshes.stop(b);
    set(1500);
    const again = await meshes.restart("b");
    await again.kv.put("key", new Uint8Array([1]));
    assertEquals((await a!.kv.get("key"))?.value, new Uint8Array([1]));
  }));

Deno.test("what leases rest on is agreed once, at the third level, and is part of the state", () => {
  const lease = { electionTimeoutMs: 700, leaseDriftPerMillion: 20 };
  const log = new ControlLog().found();
  assertEquals(log.refusal({ kind: "agree-lease", lease }), "INVALID_ARGUMENT");
  log.apply({ kind: "raise-feature-level", level: 3 });
  assertEquals([log.refusal({ kind: "agree-lease", lease }), log.state.lease], ["", lease]);
  const other = { electionTimeoutMs: 900, leaseDriftPerMillion: 20 };
  assertEquals(log.refusal({ kind: "agree-lease", lease: other }), "INVALID_ARGUMENT");
  const read = ControlState.decode(log.state.encode());
  assertEquals([read.lease, read.encode()], [lease, log.state.encode()]);
});

Deno.test("a command, a level and a state of a later build are VERSION_MISMATCH, never skipped", () => {
  const unknown = new ByteWriter().u8(200).u64(0).u32(0).u64(0).take();
  const machine = new ControlMachine(new ControlLog().found().state);
  const mismatch = (act: () => void, says: RegExp) => {
    try {
      act();
    } catch (error) {
      if (!(error instanceof SennitError) || error.code !== "VERSION_MISMATCH") throw error;
      return assertMatch(error.message, says);
    }
    throw new Error("Expected a refusal");
  };
  mismatch(
    () => machine.apply(machine.applied + 1 as Index, 1 as Term, unknown),
    /Control command 200 is unknown/,
  );
  const later = new ByteWriter().u8(14).u64(0).u32(0).u64(0).u32(FEATURE_LEVEL + 1).take();
  const other = new ControlMachine(new ControlLog().found().state);
  mismatch(() => other.apply(other.applied + 1 as Index, 1 as Term, later), /Feature level \d+ is unknown/);
  mismatch(() => other.restore(new Uint8Array([9]), 0 as Index), /Control state format 9/);
  assertEquals(new ControlState().featureLevel, FIRST_FEATURE_LEVEL);
});
