/** Making identities: the key of a first start, a mesh's founding, an admission received. Flows over disk and crypto ports. */
import { type CertificateSubject, drawBytes, type Io } from "../io/mod.ts";
import { encodeText } from "../core/bytes.ts";
import type { Flow } from "../core/flow.ts";
import type { MemberId, NodeNumber } from "../core/ids.ts";
import { NO_ORIGIN } from "../core/origin.ts";
import { ulidBytes, ulidText } from "../core/ulid.ts";
import { isAddress, nodeNumberOf, parseAddress } from "../security/mod.ts";
import { replaceFile } from "../wal/mod.ts";
import type { JoinPolicy } from "./calls.ts";
import { cryptoResult, type NodeCompletion } from "./completions.ts";
import { type Candidate, encodeControlCommand } from "./control_commands.ts";
import { encodeIdentity, type Identity, IDENTITY_PATH, newIdentity } from "./identity.ts";
import type { Runtime } from "./runtime.ts";

const SALT_BYTES = 16;

/** What making identities needs of a node, which may be one that does not run. */
export type Founder = Pick<Runtime, "io" | "settings" | "boot" | "addresses" | "identity">;

export function* saveIdentity(
  runtime: Pick<Founder, "io">,
  identity: Identity,
): Flow<Identity, NodeCompletion> {
  yield* replaceFile(runtime.io.disk, IDENTITY_PATH, encodeIdentity(identity)) as Flow<void, NodeCompletion>;
  return identity;
}

/** The first start on an empty folder: a key of one's own and a certificate that nobody but oneself has signed. */
export function* createIdentity(runtime: Pick<Founder, "io" | "settings">): Flow<Identity, NodeCompletion> {
  const { io, settings } = runtime;
  const number = settings.number !== 0 ? settings.number : nodeNumberOf(settings.name, io.crypto);
  const subject = { role: "node" as const, name: settings.name, number, hosts: [] };
  const key = cryptoResult(
    yield (token) => io.crypto.submit({ kind: "create-key", subject, wallMs: io.clock.wallMs() }, token),
  );
  const identity = newIdentity({
    name: settings.name,
    number,
    certificate: key.certificate,
    privateKey: key.privateKey,
    publicKey: key.publicKey,
  });
  return yield* saveIdentity(runtime, identity);
}

export function candidateOf(runtime: Pick<Founder, "identity" | "addresses">): Candidate {
  const { identity } = runtime;
  return {
    name: identity.name,
    number: identity.number as NodeNumber,
    addresses: runtime.addresses,
    publicKey: identity.publicKey,
  };
}

export interface Founding {
  readonly identity: Identity;
  /** The first entry of the control log. */
  readonly genesis: Uint8Array<ArrayBuffer>;
}

/** Makes a mesh: its id, its authority, the founder's certificate. Nothing is written yet. */
export function* found(
  runtime: Founder,
  meshName: string,
  policy: JoinPolicy,
  joinKey: string,
): Flow<Founding, NodeCompletion> {
  const { io, identity, settings, boot } = runtime;
  const wallMs = io.clock.wallMs();
  const meshId = ulidText(ulidBytes(wallMs, drawBytes(io.random, "node/mesh-id", boot, 10)));
  const founder = candidateOf(runtime);
  const joinKeyHash = joinKey === "" ? "" : yield* hashJoinKey(runtime, joinKey);
  let certificate = identity.certificate;
  let trust: readonly string[] = settings.certificates?.trust ?? [];
  let authorityHash = "";
  let sealedAuthority = new Uint8Array(0);
  if (settings.certificates === null) {
    const authority = cryptoResult(
      yield (token) => io.crypto.submit({ kind: "create-authority", meshId, wallMs }, token),
    );
    const certified = yield* issueFor(io, authority, founder);
    const sealed = cryptoResult(
      yield (token) =>
        io.crypto.submit({
          kind: "seal",
          publicKey: identity.publicKey,
          bytes: encodeText(authority.privateKey),
        }, token),
    );
    certificate = certified;
    trust = [authority.certificate];
    authorityHash = authority.keyHash;
    sealedAuthority = sealed.bytes;
  }
  const genesis = encodeControlCommand({
    kind: "genesis",
    origin: NO_ORIGIN,
    meshId,
    meshName,
    admission: { policy, joinKeyHash },
    founder,
    trust,
    sealedAuthority,
    featureLevel: settings.foundingFeatureLevel,
  });
  const member: Identity = {
    ...identity,
    state: "member",
    certificate,
    meshId,
    meshName,
    memberId: 1 as MemberId,
    trust,
    authorityHash,
    genesis: [...genesis],
    certifiedWallMs: Math.floor(wallMs),
  };
  return { identity: member, genesis };
}

export function* hashJoinKey(
  runtime: Pick<Founder, "io" | "boot">,
  joinKey: string,
): Flow<string, NodeCompletion> {
  const { io, boot } = runtime;
  const salt = drawBytes(
    io.random,
    "node/join-key-salt",
    boot + Math.floor(io.clock.monotonicMs()),
    SALT_BYTES,
  );
  const result = cryptoResult(
    yield (token) => io.crypto.submit({ kind: "hash-secret", secret: joinKey, salt }, token),
  );
  return result.text;
}

/** The authority of the mesh, as a holder has it. */
export interface Authority {
  readonly certificate: string;
  readonly privateKey: string;
}

/** Signs a member's key; results in its certificate. */
export function* issueFor(io: Io, authority: Authority, member: Candidate): Flow<string, NodeCompletion> {
  const result = cryptoResult(
    yield (token) =>
      io.crypto.submit({
        kind: "issue",
        authorityCertificate: authority.certificate,
        authorityPrivateKey: authority.privateKey,
        publicKey: member.publicKey,
        subject: subjectOf(member),
        wallMs: io.clock.wallMs(),
      }, token),
  );
  return result.certificate;
}

/** The certificate of a member: its name and number, and the hosts that it is reached under. */
export function subjectOf(candidate: Candidate): CertificateSubject {
  const hosts = candidate.addresses.filter((address) => isAddress(address)).map((each) =>
    parseAddress(each).host
  );
  return { role: "node", name: candidate.name, number: candidate.number, hosts: [...new Set(hosts)] };
}
