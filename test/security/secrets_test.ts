import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { DecodeError } from "../../src/core/errors.ts";
import {
  equalSecrets,
  fromBase64Url,
  hashInvitationSecret,
  matchesInvitationSecret,
  toBase64Url,
} from "../../src/security/mod.ts";

const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash("sha256").update(bytes).digest());

Deno.test("equalSecrets agrees with comparing byte by byte", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 20 }), fc.uint8Array({ maxLength: 20 }), (a, b) => {
    assertEquals(equalSecrets(a, b), Buffer.compare(a, b) === 0);
    assert(equalSecrets(a, a.slice()));
  }));
});

Deno.test("matchesInvitationSecret knows its secret and no other", () => {
  const secret = new Uint8Array(16).fill(5);
  const hash = hashInvitationSecret(secret, { sha256 });
  assertEquals(hash.length, 32);
  assertNotEquals(hash, sha256(secret), "the hash is of this purpose alone");
  assert(matchesInvitationSecret(secret, hash, { sha256 }));
  for (let at = 0; at < 16; at++) {
    assert(!matchesInvitationSecret(secret.with(at, 6), hash, { sha256 }));
  }
  assert(!matchesInvitationSecret(secret.subarray(1), hash, { sha256 }));
});

Deno.test("base64url agrees with the platform's", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
    const text = toBase64Url(bytes);
    assertEquals(text, Buffer.from(bytes).toString("base64url"));
    assertEquals(fromBase64Url(text), new Uint8Array(bytes));
  }));
});

Deno.test("fromBase64Url has one spelling for each value", () => {
  for (const bad of ["A", "AB", "AAB", "AA==", "A+AA", "A/AA", "AA AA", "äöü="]) {
    assertThrows(() => fromBase64Url(bad), DecodeError);
  }
});
