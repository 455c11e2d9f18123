import { assert, assertEquals, assertThrows } from "@std/assert";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { checkNodeName, isNodeName, nodeNumberOf } from "../../src/security/mod.ts";

const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash("sha256").update(bytes).digest());

Deno.test("isNodeName takes DNS labels only", () => {
  for (const good of ["a", "n1", "node-17", "0", "a--b", "x".repeat(63)]) assert(isNodeName(good), good);
  const bad = ["", "-a", "a-", "A", "a.b", "a_b", "a b", "ä", "a\n", "x".repeat(64), "../a", "a/b"];
  for (const name of bad) assert(!isNodeName(name), JSON.stringify(name));
});

Deno.test("checkNodeName says what is wrong", () => {
  assertThrows(() => checkNodeName(""), Error, "it is empty");
  assertThrows(() => checkNodeName("x".repeat(64)), Error, "64 characters");
  assertThrows(() => checkNodeName("Node"), Error, "lower-case");
  checkNodeName("node");
});

Deno.test("nodeNumberOf is the first 53 bits of the name's SHA-256", () => {
  fc.assert(fc.property(fc.string(), (name) => {
    const digest = createHash("sha256").update(new TextEncoder().encode(name)).digest();
    assertEquals(BigInt(nodeNumberOf(name, { sha256 })), digest.readBigUInt64BE(0) >> 11n);
  }));
});

Deno.test("nodeNumberOf is never the broadcast number and always a safe integer", () => {
  assertEquals(nodeNumberOf("x", { sha256: () => new Uint8Array(32) }), 1);
  assertEquals(nodeNumberOf("x", { sha256: () => new Uint8Array(32).fill(255) }), Number.MAX_SAFE_INTEGER);
});
