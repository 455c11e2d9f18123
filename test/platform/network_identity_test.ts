import "reflect-metadata";
import { assertEquals, assertRejects } from "@std/assert";
import { Buffer } from "node:buffer";
import { X509Certificate } from "node:crypto";
import { connect as connectTls } from "node:tls";
import * as x509 from "@peculiar/x509";
import type { DialTarget } from "../../src/io/mod.ts";
import { signCertificate } from "../../src/platform/certificates.ts";
import { identifyPeer, NOBODY, readAuthorities } from "../../src/platform/peer_identity.ts";
import { Recorder } from "../conformance/recorder.ts";
import {
  check,
  driveReal,
  makeAuthority,
  makeEnd,
  makeIdentity,
  nodeSubject,
  type TestAuthority,
} from "./bench.ts";
import { mismatchedKey, runOpenssl, startOpensslServer } from "./openssl.ts";

const DAY_MS = 86_400_000;
const MEMBER = { kind: "member" } as const;

async function listen(r: Recorder): Promise<string> {
  r.io.network.listen("127.0.0.1:0", r.token());
  return (await r.network("listening")).address;
}

async function dial(r: Recorder, address: string, expect: DialTarget["expect"] = MEMBER) {
  const token = r.token();
  r.io.network.dial({ address, expect }, token);
  return await r.one(
    (event): event is Extract<typeof event, { kind: "opened" | "dial-failed" }> =>
      (event.kind === "opened" || event.kind === "dial-failed") && event.token === token,
    "the dial's end",
  );
}

Deno.test("network refuses a client that shows a certificate without its key", async () => {
  const authority = await makeAuthority();
  const server = await makeEnd("server", 1, authority);
  const victim = await makeIdentity(nodeSubject("victim", 2), authority);
  const thief = await makeIdentity(nodeSubject("thief", 3), null);
  const r = new Recorder(server.platform, driveReal);
  const address = await listen(r);
  const request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  const shown = { certificate: victim.identity.certificate };
  const honest = await runOpenssl(address, { ...shown, privateKey: victim.identity.privateKey }, request);
  check(honest.includes("426 Upgrade Required"), `the holder of the key is answered: ${honest}`);
  const stolen = mismatchedKey(victim.identity.privateKey, thief.identity.privateKey);
  const refused = await runOpenssl(address, { ...shown, privateKey: stolen }, request);
  check(!refused.includes("HTTP/1.1"), `without the key there is no answer: ${refused}`);
  check(/alert|unexpected eof|reset/.test(refused), refused);
  await server.test.dispose();
});

Deno.test("network refuses a server that shows a certificate without its key", async () => {
  const authority = await makeAuthority();
  const client = await makeEnd("client", 1, authority);
  const victim = await makeIdentity(nodeSubject("victim", 2), authority);
  const thief = await makeIdentity(nodeSubject("thief", 3), null);
  const r = new Recorder(client.platform, driveReal);
  const dialServer = async (privateKey: string) => {
    const server = await startOpensslServer({ certificate: victim.identity.certificate, privateKey });
    const failed = await dial(r, server.address);
    await server.stop();
    check(failed.kind === "dial-failed");
    return failed;
  };
  const honest = await dialServer(victim.identity.privateKey);
  check(honest.code === "UNREACHABLE" && honest.message.includes("200"), "it got as far as to speak HTTP");
  const stolen = await dialServer(mismatchedKey(victim.identity.privateKey, thief.identity.privateKey));
  assertEquals(stolen.code, "NOT_AUTHENTICATED", stolen.message);
  await client.test.dispose();
});

Deno.test("network believes a certificate only within its validity, A20", async () => {
  const now = Date.now();
  const authority = await makeAuthority(now - 100 * DAY_MS);
  const other = await makeAuthority();
  const strict = await makeEnd("strict", 1, authority);
  const lenient = await makeEnd("lenient", 2, authority, { allowExpired: true });
  const expired = await makeEnd("expired", 3, authority);
  const { identity } = await makeIdentity(nodeSubject("expired", 3), authority, now - 91 * DAY_MS);
  expired.platform.io.network.useIdentity(identity);
  const early = await makeEnd("early", 4, authority);
  const future = await makeIdentity(nodeSubject("early", 4), authority, now + DAY_MS);
  early.platform.io.network.useIdentity(future.identity);
  const foreign = await makeEnd("foreign", 5, other);
  const [s, l, e, f, x] = [strict, lenient, expired, early, foreign].map((end) =>
    new Recorder(end.platform, driveReal)
  ) as [Recorder, Recorder, Recorder, Recorder, Recorder];
  for (const r of [e, f]) {
    const address = await listen(r);
    const refused = await dial(s, address);
    check(refused.kind === "dial-failed" && refused.code === "NOT_AUTHENTICATED", JSON.stringify(refused));
    check(/outside its validity/.test(refused.message), refused.message);
    assertEquals((await dial(l, address)).kind, "opened", "AllowExpired lets it through");
  }
  const unknown = await dial(l, await listen(x));
  check(unknown.kind === "dial-failed" && /not issued by/.test(unknown.message), "and still checks trust");
  const address = await listen(s);
  assertEquals((await dial(e, address)).kind, "opened");
  const inbound = await s.network("opened", (event) => event.inbound);
  assertEquals([inbound.peer.trusted, inbound.peer.name], [false, "expired"]);
  for (const end of [strict, lenient, expired, early, foreign]) await end.test.dispose();
});

Deno.test("network uses a new identity for later handshakes and keeps open connections", async () => {
  const authority = await makeAuthority();
  const server = await makeEnd("old-name", 1, authority);
  const client = await makeEnd("client", 2, authority);
  const s = new Recorder(server.platform, driveReal);
  const c = new Recorder(client.platform, driveReal);
  const address = await listen(s);
  const first = await dial(c, address);
  check(first.kind === "opened" && first.peer.number === 1, JSON.stringify(first));
  const next = await makeAuthority();
  const renewed = await makeIdentity(nodeSubject("new-name", 9), next);
  server.platform.io.network.useIdentity({
    ...renewed.identity,
    trust: [next.certificate, authority.certificate],
  });
  const refused = await dial(c, address);
  check(
    refused.kind === "dial-failed" && refused.code === "NOT_AUTHENTICATED",
    "the authority is not known yet",
  );
  const own = await makeIdentity(nodeSubject("client", 2), authority);
  client.platform.io.network.useIdentity({
    ...own.identity,
    trust: [authority.certificate, next.certificate],
  });
  const second = await dial(c, address);
  check(second.kind === "opened" && second.peer.number === 9 && second.peer.name === "new-name", "rolled");
  c.io.network.send(first.connection, new Uint8Array([1]));
  assertEquals([...(await s.network("frame")).bytes], [1], "the old connection still works");
  for (const end of [server, client]) await end.test.dispose();
});

Deno.test("network refuses a pinned dial where the authority's certificate was merely sent along", async () => {
  const authority = await makeAuthority();
  const impostor = await makeEnd("impostor", 1, null);
  const joiner = await makeEnd("joiner", 2, null);
  const own = await makeIdentity(nodeSubject("impostor", 1), null);
  const borrowed = { ...own.identity, certificate: own.identity.certificate + authority.certificate };
  impostor.platform.io.network.useIdentity(borrowed);
  // Signed by another authority of the same name, with the true one sent along.
  const twin = await makeAuthority();
  const forger = await makeEnd("forger", 3, twin);
  const forged = await makeIdentity(nodeSubject("forger", 3), twin);
  forger.platform.io.network.useIdentity({
    ...forged.identity,
    certificate: forged.identity.certificate + authority.certificate,
    trust: [],
  });
  const j = new Recorder(joiner.platform, driveReal);
  for (const end of [impostor, forger]) {
    const address = await listen(new Recorder(end.platform, driveReal));
    const refused = await dial(j, address, { kind: "pinned", authorityHash: authority.keyHash });
    check(refused.kind === "dial-failed" && refused.code === "NOT_AUTHENTICATED", JSON.stringify(refused));
  }
  for (const end of [impostor, joiner, forger]) await end.test.dispose();
});

Deno.test("network takes who shows no certificate for nobody", async () => {
  const server = await makeEnd("server", 1, await makeAuthority());
  const r = new Recorder(server.platform, driveReal);
  const [host, port] = (await listen(r)).split(":") as [string, string];
  const socket = connectTls({ host, port: Number(port), rejectUnauthorized: false }, () => {
    socket.write(
      "GET /mesh HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    );
  });
  assertEquals((await r.network("opened")).peer, NOBODY);
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  socket.destroy();
  await closed;
  await r.network("closed");
  await server.test.dispose();
});

Deno.test("network cannot be given an identity that it cannot read", async () => {
  const end = await makeEnd("node", 1, null);
  await assertRejects(() =>
    Promise.resolve().then(() =>
      end.platform.io.network.useIdentity({ certificate: "no PEM", privateKey: "", trust: [] })
    )
  );
  await end.test.dispose();
});

Deno.test("identifyPeer reads the role from exactly one mesh name", async () => {
  const authority = await makeAuthority();
  const role = async (uris: readonly string[], commonName: string) => {
    const peer = identifyPeer(
      await craft(authority, uris, commonName),
      readAuthorities([authority.certificate]),
      Date.now(),
    );
    check(peer.trusted, "all of them are the authority's");
    return `${peer.role} ${peer.number}`;
  };
  assertEquals(await role(["mesh://node/7"], "n"), "node 7");
  assertEquals(await role(["mesh://node/9007199254740991"], "n"), "node 9007199254740991");
  assertEquals(await role(["mesh://client/app"], "app"), "client 0");
  assertEquals(await role(["mesh://admin/root", "https://example.org"], "root"), "admin 0");
  const none = [
    ["mesh://node/0"],
    ["mesh://node/07"],
    ["mesh://node/9007199254740992"],
    ["mesh://node/-1"],
    ["mesh://node/1/2"],
    ["mesh://node/"],
    ["mesh://admin/other"],
    ["mesh://root/n"],
    ["mesh://node/1", "mesh://node/2"],
    ["mesh://node/1", "mesh://admin/n"],
    ["https://example.org"],
    [],
  ];
  for (const uris of none) assertEquals(await role(uris, "n"), "none 0", uris.join(" "));
});

Deno.test("identifyPeer does not take a node for an authority, nor noise for anybody", async () => {
  const authority = await makeAuthority();
  const node = await makeIdentity(nodeSubject("node", 1), authority);
  const below = await makeIdentity(nodeSubject("below", 2), {
    certificate: node.identity.certificate,
    privateKey: node.identity.privateKey,
    keyHash: node.keyHash,
  });
  const trust = readAuthorities([authority.certificate, node.identity.certificate]);
  const peer = identifyPeer(derOf(below.identity.certificate), trust, Date.now());
  assertEquals([peer.trusted, peer.number], [false, 2]);
  check(identifyPeer(derOf(node.identity.certificate), trust, Date.now()).trusted);
  assertEquals(identifyPeer(new Uint8Array([1, 2, 3]), trust, Date.now()), NOBODY);
  assertEquals(identifyPeer(null, trust, Date.now()), NOBODY);
});

function derOf(pem: string): Uint8Array {
  return new Uint8Array(new X509Certificate(pem).raw);
}

/** A certificate with any names that one likes. */
async function craft(
  authority: TestAuthority,
  uris: readonly string[],
  commonName: string,
): Promise<Uint8Array> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]) as CryptoKeyPair;
  const pkcs8 = Buffer.from(authority.privateKey.replace(/-----[^-]+-----/g, ""), "base64");
  const signingKey = await crypto.subtle.importKey("pkcs8", new Uint8Array(pkcs8), algorithm, false, [
    "sign",
  ]);
  const names = [...uris.map((value) => ({ type: "url" as const, value })), {
    type: "dns" as const,
    value: "x",
  }];
  const pem = await signCertificate({
    subject: [{ CN: [commonName] }],
    issuer: new x509.X509Certificate(authority.certificate),
    publicKey: keys.publicKey,
    signingKey,
    algorithm,
    wallMs: Date.now(),
    days: 1,
    extensions: [new x509.SubjectAlternativeNameExtension(names)],
  });
  return derOf(pem);
}
