/** Worlds for the tests of the simulator: hosts without faults, identities of a mesh of their own, conformance benches. */
import type { Token } from "../../src/core/ids.ts";
import type { CryptoOperation, CryptoResult, Inbox, IoEvent } from "../../src/io/mod.ts";
import type { NodeSettings } from "../../src/node/settings.ts";
import type { Host } from "../../sim/host.ts";
import type { NodeFactory } from "../../sim/simulated_node.ts";
import { World } from "../../sim/world.ts";
import type { NetworkBench, NetworkEnd } from "../conformance/network_suite.ts";
import type { Drive } from "../conformance/recorder.ts";

/** A world in which nobody starts nodes. */
export function emptyWorld(seed = "1"): World {
  const factory: NodeFactory = () => {
    throw new Error("This world has no nodes");
  };
  return new World({ seed, factory });
}

const DEADLINE_US = 60_000_000;

/** Virtual time goes on until the condition holds. */
export function driveOf(world: World): Drive {
  return (until, what) => {
    if (!world.runUntil(world.nowUs + DEADLINE_US, until)) throw new Error(`Gave up waiting for ${what}`);
  };
}

/** An inbox that keeps what it is given and asks for turns. */
export class Keeper implements Inbox {
  readonly events: IoEvent[] = [];
  readonly host: Host;
  turns = 0;
  onTurn: () => void = () => {};
  #lastToken = 1_000_000;

  constructor(host: Host, incarnation = 1) {
    this.host = host;
    host.attach(incarnation, this);
  }
  deliver(_incarnation: number, event: IoEvent): void {
    this.events.push(event);
    this.host.io.clock.requestTurn();
  }
  turn(): void {
    this.turns += 1;
    this.onTurn();
  }
  token(): Token {
    return this.#lastToken++ as Token;
  }
}

/** Runs one operation of the crypto port to its end. */
export function performCrypto(keeper: Keeper, operation: CryptoOperation): CryptoResult {
  const token = keeper.token();
  keeper.host.io.crypto.submit(operation, token);
  const find = () => keeper.events.find((event) => event.kind === "crypto" && event.token === token);
  keeper.host.world.runUntil(Infinity, () => find() !== undefined);
  const event = find()!;
  if (event.kind !== "crypto" || !event.ok) throw new Error(`${operation.kind} failed`);
  return event.result;
}

export interface TestAuthority {
  readonly certificate: string;
  readonly privateKey: string;
  readonly keyHash: string;
}

export function makeAuthority(keeper: Keeper): TestAuthority {
  return performCrypto(keeper, { kind: "create-authority", meshId: "test", wallMs: keeper.host.wallMs() });
}

/** Gives a host a certificate: of the authority, or self-signed. Returns its key's hash. */
export function enrol(keeper: Keeper, number: number, authority: TestAuthority | null): string {
  const { host } = keeper;
  const subject = { role: "node" as const, name: host.name, number, hosts: [] };
  const key = performCrypto(keeper, { kind: "create-key", subject, wallMs: host.wallMs() });
  if (authority === null) {
    host.io.network.useIdentity({ certificate: key.certificate, privateKey: key.privateKey, trust: [] });
    return key.keyHash;
  }
  const { certificate } = performCrypto(keeper, {
    kind: "issue",
    authorityCertificate: authority.certificate,
    authorityPrivateKey: authority.privateKey,
    publicKey: key.publicKey,
    subject,
    wallMs: host.wallMs(),
  });
  host.io.network.useIdentity({
    certificate,
    privateKey: key.privateKey,
    trust: [authority.certificate],
  });
  return key.keyHash;
}

export function makeNetworkBench(): NetworkBench {
  const world = emptyWorld();
  const authority = makeAuthority(new Keeper(world.addHost("authority")));
  const end = (name: string, number: number, signer: TestAuthority | null): NetworkEnd => {
    const host = world.addHost(name);
    const keyHash = enrol(new Keeper(host), number, signer);
    return { platform: host, identity: { role: "node", name, number, keyHash } };
  };
  return {
    left: end("left", 11, authority),
    right: end("right", 22, authority),
    stranger: end("stranger", 33, null),
    authorityHash: authority.keyHash,
    listenAddress: "listener.test:0",
    deadAddress: "left:9",
    drive: driveOf(world),
    dispose: () => {},
  };
}

/** Settings of a node with timeouts that suit small worlds. */
export function testSettings(name: string): NodeSettings {
  return {
    name,
    number: 0,
    listenAddress: `${name}:7000`,
    advertisedAddresses: [`${name}:7000`],
    certificates: null,
    foundingFeatureLevel: 1,
    raft: {
      electionTimeoutMs: 300,
      heartbeatIntervalMs: 60,
      inflightMessagesLimit: 16,
      inflightBytesLimit: 1 << 20,
      appendBytesLimit: 16 * 1024,
      pendingReadsLimit: 256,
      uncommittedBytesLimit: 1 << 20,
      leaseReads: false,
      leaseDriftPerMillion: 1000,
      quiesceIdle: false,
    },
    pingIntervalMs: 200,
    idleTimeoutMs: 1_000,
    redialMinMs: 20,
    redialMaxMs: 500,
    walSegmentBytes: 64 * 1024,
    entryCacheBytes: 1 << 20,
    snapshotEntries: 256,
    snapshotBytes: 1 << 20,
    snapshotChunkBytes: 48 * 1024,
    callTimeoutMs: 3_000,
    certificateRenewMs: 86_400_000,
    votersLimit: 5,
    borrowedBytesLimit: 0,
    voterReplaceMs: 300_000,
  };
}
