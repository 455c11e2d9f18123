import { assertEquals, assertRejects } from "@std/assert";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { SennitError } from "../../src/core/errors.ts";
import { alternativeNamesOf } from "../../src/platform/certificate_names.ts";
import {
  type CertificateOptions,
  ensureSharedCertificates,
  loadCertificates,
} from "../../src/platform/mod.ts";
import { Recorder } from "../conformance/recorder.ts";
import { check, driveReal, makeAuthority, makeIdentity, nodeSubject, openPlatform } from "./bench.ts";

const DAY_MS = 86_400_000;

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const base = await Deno.makeTempDir({ prefix: "sennit-" });
  try {
    await body(`${base}/certs`);
  } finally {
    await Deno.remove(base, { recursive: true });
  }
}

async function failure(promise: Promise<unknown>): Promise<string> {
  const error = await assertRejects(() => promise, SennitError) as SennitError;
  assertEquals(error.code, "CONFIGURATION_INVALID");
  return error.message;
}

Deno.test("shared certificates are made once, for nodes that start at once too, A12 A13 A14 A15 A16 A17", () =>
  withFolder(async (folder) => {
    const [one, two] = await Promise.all([
      ensureSharedCertificates(folder, "n1"),
      ensureSharedCertificates(folder, "n2", ["10.0.0.9", "host.example"], { number: 42 }),
    ]);
    const files = [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
    assertEquals(files, [
      "ca-cert.pem",
      "ca-key.pem",
      "n1-cert.pem",
      "n1-key.pem",
      "n2-cert.pem",
      "n2-key.pem",
    ]);
    assertEquals(one.trust, two.trust, "one authority");
    assertEquals(await ensureSharedCertificates(folder, "n1"), one, "the second start uses the same");
    assertEquals(await ensureSharedCertificates(folder, "n2", ["host.example"], { number: 42 }), two);
    checkModes(folder);
    checkContents(one.trust[0]!, one, two);
  }));

function checkModes(folder: string): void {
  const mode = (path: string) => Deno.statSync(path).mode! & 0o777;
  assertEquals(mode(folder), 0o700);
  for (const name of ["ca", "n1", "n2"]) assertEquals(mode(`${folder}/${name}-key.pem`), 0o600, name);
}

function checkContents(
  ca: string,
  one: { certificate: string; privateKey: string },
  two: { certificate: string },
): void {
  const [root, first, second] = [ca, one.certificate, two.certificate].map((pem) =>
    new X509Certificate(pem)
  ) as [
    X509Certificate,
    X509Certificate,
    X509Certificate,
  ];
  const bits = (one: X509Certificate) => one.publicKey.asymmetricKeyDetails?.modulusLength;
  const days = (one: X509Certificate) => (Date.parse(one.validTo) - Date.parse(one.validFrom)) / DAY_MS;
  assertEquals([bits(root), bits(first), days(root), days(first)], [4096, 2048, 365, 90]);
  check(root.ca && first.verify(root.publicKey) && second.verify(root.publicKey));
  check(first.subject.split("\n").includes("CN=n1"), first.subject);
  assertEquals(alternativeNamesOf(one.certificate).slice(0, 4), ["n1", "localhost", "127.0.0.1", "::1"]);
  check(/^mesh:\/\/node\/\d+$/.test(alternativeNamesOf(one.certificate).at(-1)!), "numbered by its name");
  const names = alternativeNamesOf(two.certificate);
  assertEquals(["10.0.0.9", "host.example", "mesh://node/42"].every((name) => names.includes(name)), true);
  check(one.privateKey.startsWith("-----BEGIN RSA PRIVATE KEY-----"), "PKCS#1");
  check(first.checkPrivateKey(createPrivateKey(one.privateKey)));
}

Deno.test("shared certificates are renewed when they expire or lack a name, and guarded when damaged", () =>
  withFolder(async (folder) => {
    const start = Date.now();
    const first = await ensureSharedCertificates(folder, "n1");
    const fresh = await ensureSharedCertificates(folder, "n1", [], { wallMs: start + 89 * DAY_MS });
    assertEquals(fresh.certificate, first.certificate);
    const named = await ensureSharedCertificates(folder, "n1", ["new.example"]);
    check(alternativeNamesOf(named.certificate).includes("new.example"), "a new name");
    const renewed = await ensureSharedCertificates(folder, "n1", [], { wallMs: start + 91 * DAY_MS });
    check(Date.parse(new X509Certificate(renewed.certificate).validTo) > start + 170 * DAY_MS, "a new term");
    assertEquals(renewed.trust, first.trust);
    const late = ensureSharedCertificates(folder, "n1", [], { wallMs: start + 366 * DAY_MS });
    check(/outside its validity/.test(await failure(late)));
    const stray = await makeIdentity(nodeSubject("n2", 2), await makeAuthority());
    await Deno.writeTextFile(`${folder}/n2-cert.pem`, stray.identity.certificate);
    check(/without n2-key.pem/.test(await failure(ensureSharedCertificates(folder, "n2"))));
    await Deno.writeTextFile(`${folder}/n2-key.pem`, stray.identity.privateKey);
    check(/did not issue n2-cert.pem/.test(await failure(ensureSharedCertificates(folder, "n2"))));
    await Deno.writeTextFile(`${folder}/ca-cert.pem`, "scribble");
    check(/Not a certificate/.test(await failure(ensureSharedCertificates(folder, "n1"))));
    await assertRejects(() => ensureSharedCertificates(folder, "../n1"), SennitError, "Not a node name");
    await assertRejects(() => ensureSharedCertificates(folder, "ca"), SennitError, 'cannot be named "ca"');
  }));

Deno.test("shared certificates let the nodes of one folder talk and nobody else", () =>
  withFolder(async (folder) => {
    const platforms = await Promise.all([openPlatform(), openPlatform()]);
    const [a, b] = platforms.map((test) => new Recorder(test.platform, driveReal)) as [Recorder, Recorder];
    a.io.network.useIdentity(await ensureSharedCertificates(folder, "n1"));
    b.io.network.useIdentity(await ensureSharedCertificates(folder, "n2"));
    a.io.network.listen("127.0.0.1:0", a.token());
    const { address } = await a.network("listening");
    b.io.network.dial({ address, expect: { kind: "member" } }, b.token());
    const { peer } = await b.network("opened");
    assertEquals([peer.trusted, peer.role, peer.name], [true, "node", "n1"]);
    const seen = (await a.network("opened")).peer;
    assertEquals([seen.trusted, seen.role, seen.name], [true, "node", "n2"]);
    for (const test of platforms) await test.dispose();
  }));

Deno.test("external certificates are read from files and variables and checked, A22 A23 A24 A25", () =>
  withFolder(async (folder) => {
    await Deno.mkdir(folder);
    const authority = await makeAuthority();
    const { identity } = await makeIdentity(nodeSubject("n1", 1), authority);
    const texts = { cert: identity.certificate, key: identity.privateKey, ca: authority.certificate };
    for (const [name, text] of Object.entries(texts)) await Deno.writeTextFile(`${folder}/${name}.pem`, text);
    const file: CertificateOptions = {
      source: "file",
      certificate: `${folder}/cert.pem`,
      privateKey: `${folder}/key.pem`,
      authority: `${folder}/ca.pem`,
    };
    assertEquals(await loadCertificates(file), identity);
    const env = { source: "env", certificate: "CERT", privateKey: "KEY", authority: "CA" };
    const variables: Record<string, string> = { CERT: texts.cert, KEY: texts.key, CA: texts.ca };
    assertEquals(await loadCertificates(env, (name) => variables[name]), identity);
    for (const [name, what] of [["CERT", "certificate"], ["KEY", "key"], ["CA", "CA"]] as const) {
      const without = loadCertificates(env, (asked) => asked === name ? "" : variables[asked]);
      assertEquals(await failure(without), `${what} environment variable ${name} is empty`);
    }
    const vault = loadCertificates({ ...file, source: "vault" });
    assertEquals(await failure(vault), "unsupported certificate source: vault");
    await loadCertificates({ ...file, requiredSans: ["n1", "localhost", "127.0.0.1", "::1"] });
    const missing = loadCertificates({ ...file, requiredSans: ["n1", "*.example.org"] });
    assertEquals(await failure(missing), "certificate missing required SAN: *.example.org");
    const absent = await failure(loadCertificates({ ...file, authority: `${folder}/none.pem` }));
    check(absent.startsWith(`failed to read CA file ${folder}/none.pem: `), absent);
    const noPem = loadCertificates(env, (name) => name === "CA" ? "scribble" : variables[name]);
    assertEquals(await failure(noPem), "no certificates found in PEM data");
  }));

Deno.test("external certificates that others would refuse are refused at the start, A20", async () => {
  const now = Date.now();
  const authority = await makeAuthority(now - 100 * DAY_MS);
  const { identity } = await makeIdentity(nodeSubject("n1", 1), authority, now - 95 * DAY_MS);
  const other = await makeAuthority();
  const load = (ca: string, key: string, options: Partial<CertificateOptions> = {}) => {
    const variables: Record<string, string> = { CERT: identity.certificate, KEY: key, CA: ca };
    const names = { source: "env", certificate: "CERT", privateKey: "KEY", authority: "CA" };
    return loadCertificates({ ...names, ...options }, (name) => variables[name]);
  };
  const { privateKey } = identity;
  check((await failure(load(authority.certificate, privateKey))).includes("certificate has expired"));
  await load(authority.certificate, privateKey, { allowExpired: true });
  const unknown = await failure(load(other.certificate, privateKey, { allowExpired: true }));
  assertEquals(unknown, "certificate validation failed: certificate signed by unknown authority");
  await load(other.certificate, privateKey, { allowExpired: true, verifyChain: false });
  const stolen = await failure(load(authority.certificate, other.privateKey, { allowExpired: true }));
  check(/belongs to another certificate/.test(stolen), stolen);
  check(
    /not a private key/.test(await failure(load(authority.certificate, "scribble", { allowExpired: true }))),
  );
});
