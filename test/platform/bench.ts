/** Real platforms for the tests of this room: folders that go away, identities of a mesh of one's own, deadlines. */
import { assert } from "@std/assert";
import type { CertificateSubject, NetworkIdentity } from "../../src/io/mod.ts";
import { createAuthority, createKey, issueCertificate } from "../../src/platform/certificates.ts";
import { DenoPlatform, MAX_FRAME_BYTES } from "../../src/platform/mod.ts";
import { WebSocket, type WebSocketClientOptions } from "../../src/platform/web_socket.ts";
import type { WssOptions } from "../../src/platform/wss_network.ts";
import type { NetworkBench, NetworkEnd } from "../conformance/network_suite.ts";

const DEADLINE_MS = 20_000;
const POLL_MS = 2;

/** Awaits a condition of the real world; the deadline is for what never comes. */
export async function driveReal(until: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!until()) {
    if (performance.now() > deadline) throw new Error(`Gave up waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** `assert` that the type checker understands: the library's has no types. */
export function check(condition: boolean, message = "Expected otherwise"): asserts condition {
  assert(condition, message);
}

export interface TestPlatform {
  readonly platform: DenoPlatform;
  readonly folder: string;
  dispose(): Promise<void>;
}

export async function openPlatform(network: WssOptions = {}): Promise<TestPlatform> {
  const folder = await Deno.makeTempDir({ prefix: "sennit-" });
  const platform = await DenoPlatform.open({ folder, network });
  return {
    platform,
    folder,
    dispose: async () => {
      await platform.close();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

export interface TestAuthority {
  readonly certificate: string;
  readonly privateKey: string;
  readonly keyHash: string;
}

export async function makeAuthority(wallMs = Date.now()): Promise<TestAuthority> {
  return await createAuthority("test-mesh", wallMs);
}

export function nodeSubject(name: string, number: number): CertificateSubject {
  return { role: "node", name, number, hosts: [] };
}

/** A key with a certificate: of the authority, or self-signed. */
export async function makeIdentity(
  subject: CertificateSubject,
  authority: TestAuthority | null,
  wallMs = Date.now(),
): Promise<{ identity: NetworkIdentity; keyHash: string }> {
  const key = await createKey(subject, wallMs);
  if (authority === null) {
    return {
      identity: { certificate: key.certificate, privateKey: key.privateKey, trust: [] },
      keyHash: key.keyHash,
    };
  }
  const certificate = await issueCertificate(authority, key.publicKey, subject, wallMs);
  return {
    identity: { certificate, privateKey: key.privateKey, trust: [authority.certificate] },
    keyHash: key.keyHash,
  };
}

export async function makeEnd(
  name: string,
  number: number,
  authority: TestAuthority | null,
  network: WssOptions = {},
): Promise<NetworkEnd & { test: TestPlatform }> {
  const test = await openPlatform(network);
  const { identity, keyHash } = await makeIdentity(nodeSubject(name, number), authority);
  test.platform.io.network.useIdentity(identity);
  return { test, platform: test.platform, identity: { role: "node", name, number, keyHash } };
}

export async function makeNetworkBench(): Promise<NetworkBench> {
  const authority = await makeAuthority();
  const ends = await Promise.all([
    makeEnd("left", 11, authority),
    makeEnd("right", 22, authority),
    makeEnd("stranger", 33, null),
  ]);
  return {
    left: ends[0],
    right: ends[1],
    stranger: ends[2],
    authorityHash: authority.keyHash,
    listenAddress: "127.0.0.1:0",
    deadAddress: `127.0.0.1:${await freePort()}`,
    drive: driveReal,
    dispose: async () => {
      for (const end of ends) await end.test.dispose();
    },
  };
}

/** A port on which nobody listens just now. */
export async function freePort(): Promise<number> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  await Promise.resolve();
  assert(port > 0);
  return port;
}

/** A WebSocket by hand, with this certificate. */
export function openSocket(address: string, identity: NetworkIdentity): WebSocket {
  const options: WebSocketClientOptions = {
    cert: identity.certificate,
    key: identity.privateKey,
    ca: [...identity.trust],
    rejectUnauthorized: false,
    minVersion: "TLSv1.3",
    perMessageDeflate: false,
    maxPayload: MAX_FRAME_BYTES,
    handshakeTimeout: 5_000,
    followRedirects: false,
    generateMask: (mask) => crypto.getRandomValues(mask as Uint8Array<ArrayBuffer>),
  };
  return new WebSocket(`wss://${address}/mesh`, options);
}
