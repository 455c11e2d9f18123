/** What a mesh may use is what all its members' builds support, and what a build does not know stops it by name. */
import { assertEquals, assertMatch } from "@std/assert";
import { ByteWriter } from "../../src/core/bytes.ts";
import type { Index, Term } from "../../src/core/ids.ts";
import { ControlMachine } from "../../src/node/control_machine.ts";
import { ControlState } from "../../src/node/control_state.ts";
import { FEATURE_LEVEL, FIRST_FEATURE_LEVEL } from "../../src/node/mod.ts";
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
