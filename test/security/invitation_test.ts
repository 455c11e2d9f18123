import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ByteWriter } from "../../src/core/bytes.ts";
import { crc32c } from "../../src/core/crc32c.ts";
import { SennitError } from "../../src/core/errors.ts";
import {
  decodeInvitation,
  encodeInvitation,
  type Invitation,
  INVITATION_PREFIX,
  isExpired,
  MAX_INVITATION_ADDRESSES,
  toBase64Url,
} from "../../src/security/mod.ts";

const EXAMPLE: Invitation = {
  meshId: "mesh-7",
  addresses: ["alpha.example:7001", "10.0.0.2:7001", "[2001:db8::1]:7001"],
  authorityHash: new Uint8Array(32).fill(0xab),
  secret: new Uint8Array(16).fill(0x17),
  expiresAtWallMs: 1_790_000_000_000,
};

const invitations: fc.Arbitrary<Invitation> = fc.record({
  meshId: fc.string({ minLength: 1, maxLength: 16 }),
  addresses: fc.array(fc.constantFrom(...EXAMPLE.addresses, "a:1", "localhost:65535"), {
    minLength: 1,
    maxLength: MAX_INVITATION_ADDRESSES,
  }),
  authorityHash: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => new Uint8Array(bytes)),
  secret: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => new Uint8Array(bytes)),
  expiresAtWallMs: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
});

Deno.test("invitation reads back what was written", () => {
  fc.assert(fc.property(invitations, (invitation) => {
    assertEquals(decodeInvitation(encodeInvitation(invitation)), invitation);
  }));
});

Deno.test("invitation is one URL-safe word", () => {
  const token = encodeInvitation(EXAMPLE);
  assert(/^sennit1\.[A-Za-z0-9_-]+$/.test(token), token);
  assertEquals(new URL(`sennit://join/${token}`).pathname.endsWith(token), true);
  assertEquals(decodeInvitation(`  ${token}\n`), EXAMPLE);
});

Deno.test("invitation with any one character changed is refused", () => {
  const token = encodeInvitation(EXAMPLE);
  for (let at = INVITATION_PREFIX.length; at < token.length; at++) {
    const letter = token[at] === "A" ? "B" : "A";
    refuse(token.slice(0, at) + letter + token.slice(at + 1), /mistyped|cut short/);
  }
});

Deno.test("invitation that was cut or joined is refused", () => {
  const token = encodeInvitation(EXAMPLE);
  for (let length = 0; length < token.length; length++) refuse(token.slice(0, length), /./);
  refuse(token + token.slice(INVITATION_PREFIX.length), /checksum|characters/);
  refuse(token + "A".repeat(10_000), /too long/);
});

Deno.test("invitation of another format names the way out", () => {
  refuse("sennit2." + "AAAA", /upgrade this node/);
  refuse("hello", /does not start with "sennit1."/);
});

Deno.test("invitation with a good checksum is still checked field by field", () => {
  const craft = (version: number, addresses: readonly string[], tail: number) => {
    const writer = new ByteWriter().u8(version).text("m").u8(addresses.length);
    for (const address of addresses) writer.text(address);
    writer.raw(new Uint8Array(32 + 16 + 8 + tail));
    writer.u32(crc32c(writer.view()));
    return INVITATION_PREFIX + toBase64Url(writer.view());
  };
  assertEquals(decodeInvitation(craft(1, ["a:1"], 0)).addresses, ["a:1"]);
  refuse(craft(2, ["a:1"], 0), /version 2/);
  refuse(craft(1, [], 0), /0 addresses/);
  refuse(craft(1, Array.from({ length: 17 }, () => "a:1"), 0), /too many/);
  refuse(craft(1, ["http://x"], 0), /not an address/);
  refuse(craft(1, ["a:1"], 1), /unexpected bytes/);
  refuse(craft(1, ["a:1"], -1), /Truncated/);
});

Deno.test("invitation decoding fails with nothing but its own error", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
    const body = new ByteWriter().raw(noise);
    body.u32(crc32c(body.view()));
    try {
      decodeInvitation(INVITATION_PREFIX + toBase64Url(body.view()));
    } catch (error) {
      assert(error instanceof SennitError && error.code === "INVITATION_INVALID", String(error));
    }
  }));
});

Deno.test("invitation that could not be read back is not written", () => {
  for (
    const wrong of [
      { meshId: "" },
      { meshId: "x".repeat(65) },
      { addresses: [] },
      { addresses: ["no-port"] },
      { secret: new Uint8Array(15) },
      { authorityHash: new Uint8Array(31) },
      { expiresAtWallMs: 2 ** 53 },
    ]
  ) assertThrows(() => encodeInvitation({ ...EXAMPLE, ...wrong }), RangeError);
});

Deno.test("invitation expires at its stamp", () => {
  assertEquals([-1, 0, 1].map((by) => isExpired(EXAMPLE, EXAMPLE.expiresAtWallMs + by)), [false, true, true]);
});

function refuse(token: string, why: RegExp): void {
  const error = assertThrows(() => decodeInvitation(token), SennitError) as SennitError;
  assertEquals(error.code, "INVITATION_INVALID");
  assert(why.test(error.message), `${error.message} should match ${why}`);
}
