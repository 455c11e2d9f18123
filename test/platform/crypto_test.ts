import { assertEquals, assertNotEquals } from "@std/assert";
import { createHash, X509Certificate } from "node:crypto";
import type { CertificateSubject, CryptoOperation, CryptoResult } from "../../src/io/mod.ts";
import { MAX_WAITING_OPERATIONS } from "../../src/platform/deno_crypto.ts";
import { alternativeNamesOf } from "../../src/platform/certificate_names.ts";
import { Recorder } from "../conformance/recorder.ts";
import { check, driveReal, openPlatform } from "./bench.ts";

const DAY_MS = 86_400_000;
const WALL_MS = Date.UTC(2031, 0, 1);
const NODE: CertificateSubject = {
  role: "node",
  name: "n1",
  number: 77,
  hosts: ["n1.example.org", "10.1.2.3", "2001:db8::1"],
};

async function withCrypto(body: (run: Run, r: Recorder) => Promise<void>): Promise<void> {
  const test = await openPlatform();
  const r = new Recorder(test.platform, driveReal);
  const run = async (operation: CryptoOperation) => {
    const event = await r.crypto((token) => r.io.crypto.submit(operation, token));
    return event.ok ? event.result : event.message;
  };
  try {
    await body(run, r);
  } finally {
    await test.dispose();
  }
}

type Run = (operation: CryptoOperation) => Promise<CryptoResult | string>;

async function ok(result: Promise<CryptoResult | string>): Promise<CryptoResult> {
  const found = await result;
  if (typeof found === "string") throw new Error(found);
  return found;
}

async function refused(result: Promise<CryptoResult | string>): Promise<string> {
  const found = await result;
  return typeof found === "string" ? found : "it succeeded";
}

Deno.test("crypto hashes with SHA-256", () =>
  withCrypto((_run, r) => {
    const expected = createHash("sha256").update("abc").digest("hex");
    const hash = r.io.crypto.sha256(new TextEncoder().encode("abc"));
    assertEquals(hash.constructor, Uint8Array);
    assertEquals(hash.toHex(), expected);
    return Promise.resolve();
  }));

Deno.test("crypto makes an authority that issues what it is asked for", () =>
  withCrypto(async (run) => {
    const authority = await ok(run({ kind: "create-authority", meshId: "m", wallMs: WALL_MS }));
    const key = await ok(run({ kind: "create-key", subject: NODE, wallMs: WALL_MS }));
    const issued = await ok(run({
      kind: "issue",
      authorityCertificate: authority.certificate,
      authorityPrivateKey: authority.privateKey,
      publicKey: key.publicKey,
      subject: NODE,
      wallMs: WALL_MS,
    }));
    const [root, own, leaf] = [authority, key, issued].map((one) => new X509Certificate(one.certificate)) as [
      X509Certificate,
      X509Certificate,
      X509Certificate,
    ];
    check(root.ca && !leaf.ca && !own.ca, "only the authority is one");
    check(leaf.checkIssued(root) && leaf.verify(root.publicKey), "the authority signed it");
    check(own.verify(own.publicKey), "the enrolment certificate is self-signed");
    assertEquals(leaf.subject, "CN=n1");
    assertEquals(alternativeNamesOf(issued.certificate), [
      ...["n1", "localhost", "127.0.0.1", "::1", "n1.example.org", "10.1.2.3", "2001:db8::1"],
      "mesh://node/77",
    ]);
    const days = (one: X509Certificate) => (Date.parse(one.validTo) - Date.parse(one.validFrom)) / DAY_MS;
    assertEquals([days(root), days(leaf)], [3_650, 90]);
    const hash = (one: X509Certificate) =>
      createHash("sha256").update(one.publicKey.export({ type: "spki", format: "der" })).digest("hex");
    assertEquals([authority.keyHash, key.keyHash, key.keyHash], [root, own, leaf].map(hash));
    assertNotEquals(leaf.serialNumber, own.serialNumber);
  }));

Deno.test("crypto never issues beyond the end of the authority", () =>
  withCrypto(async (run) => {
    const authority = await ok(run({ kind: "create-authority", meshId: "m", wallMs: WALL_MS }));
    const key = await ok(run({ kind: "create-key", subject: NODE, wallMs: WALL_MS }));
    const issued = await ok(run({
      kind: "issue",
      authorityCertificate: authority.certificate,
      authorityPrivateKey: authority.privateKey,
      publicKey: key.publicKey,
      subject: { role: "admin", name: "root", number: 0, hosts: [] },
      wallMs: WALL_MS + 3_640 * DAY_MS,
    }));
    assertEquals(
      new X509Certificate(issued.certificate).validTo,
      new X509Certificate(authority.certificate).validTo,
    );
    assertEquals(
      alternativeNamesOf(issued.certificate),
      ["root", "mesh://admin/root"],
      "an admin is not reached",
    );
  }));

Deno.test("crypto unseals only for the holder of the key and only what was sealed", () =>
  withCrypto(async (run) => {
    const [mine, other] = [
      await ok(run({ kind: "create-key", subject: NODE, wallMs: WALL_MS })),
      await ok(run({ kind: "create-key", subject: NODE, wallMs: WALL_MS })),
    ];
    const { publicKey, privateKey } = mine;
    for (const length of [0, 1, 1_000, 100_000]) {
      const bytes = new Uint8Array(length).map((_, i) => i & 0xff);
      const sealed = (await ok(run({ kind: "seal", publicKey, bytes }))).bytes;
      assertEquals((await ok(run({ kind: "unseal", privateKey, bytes: sealed }))).bytes, bytes);
    }
    const secret = new TextEncoder().encode("authority key");
    const sealed = (await ok(run({ kind: "seal", publicKey, bytes: secret }))).bytes;
    const again = (await ok(run({ kind: "seal", publicKey, bytes: secret }))).bytes;
    assertNotEquals(sealed, again, "no two sealed texts are alike");
    const wrong = { kind: "unseal", privateKey: other.privateKey, bytes: sealed } as const;
    check((await refused(run(wrong))).startsWith("Cannot unseal: "));
    for (let at = 0; at < sealed.length; at++) {
      const changed = sealed.with(at, sealed[at]! ^ 1);
      const message = await refused(run({ kind: "unseal", privateKey, bytes: changed }));
      check(message.startsWith("Cannot unseal: "), `byte ${at}: ${message}`);
    }
    for (const cut of [0, 1, 66, sealed.length - 1]) {
      const message = await refused(run({ kind: "unseal", privateKey, bytes: sealed.slice(0, cut) }));
      check(message.startsWith("Cannot unseal: "), `cut to ${cut}: ${message}`);
    }
  }));

Deno.test("crypto verifies a human's secret against its slow hash", () =>
  withCrypto(async (run) => {
    const salt = new Uint8Array(16).fill(9);
    const { text } = await ok(run({ kind: "hash-secret", secret: "correct horse", salt }));
    check(text.startsWith("scrypt$15$8$1$"), text);
    assertEquals(
      (await ok(run({ kind: "verify-secret", secret: "correct horse", hash: text }))).matches,
      true,
    );
    assertEquals(
      (await ok(run({ kind: "verify-secret", secret: "correct horsf", hash: text }))).matches,
      false,
    );
    const other = await ok(run({ kind: "hash-secret", secret: "correct horse", salt: salt.with(0, 1) }));
    assertNotEquals(other.text, text);
    const greedy = text.replace("$15$", "$30$");
    check(/not allowed/.test(await refused(run({ kind: "verify-secret", secret: "x", hash: greedy }))));
    check(/Not a hash/.test(await refused(run({ kind: "verify-secret", secret: "x", hash: "plain" }))));
    check(
      /A salt has/.test(await refused(run({ kind: "hash-secret", secret: "x", salt: new Uint8Array(3) }))),
    );
  }));

Deno.test("crypto says what it could not do and goes on", () =>
  withCrypto(async (run) => {
    const broken = { kind: "seal", publicKey: "no key", bytes: new Uint8Array(1) } as const;
    check((await refused(run(broken))).startsWith("Cannot seal: "));
    await ok(run({ kind: "create-key", subject: NODE, wallMs: WALL_MS }));
  }));

Deno.test("crypto refuses more operations than its queue holds and completes the others in order", () =>
  withCrypto(async (_run, r) => {
    const count = MAX_WAITING_OPERATIONS + 10;
    const operation = { kind: "seal", publicKey: "no key", bytes: new Uint8Array(1) } as const;
    for (let i = 0; i < count; i++) r.io.crypto.submit(operation, r.token());
    await r.until(() => r.events.length === count, "all completions");
    const over = r.events.filter((event) =>
      event.kind === "crypto" && !event.ok && /too many/.test(event.message)
    );
    check(over.length > 0 && over.length < 11, `${over.length} were refused`);
    const tokens = r.events.flatMap((event) => event.kind === "crypto" ? [event.token as number] : []);
    const done = tokens.slice(over.length);
    assertEquals(done, done.toSorted((a, b) => a - b));
  }));
