/**
 * The network of a real node: WebSocket messages over TLS 1.3 with certificates on both sides. The handshake accepts
 * any certificate whose key the peer holds; `peer_identity.ts` says what it is worth. A dial is stricter than a
 * listener: it fails unless the peer is what the dial expects.
 */
import { Buffer } from "node:buffer";
import { X509Certificate } from "node:crypto";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import { WebSocket } from "./web_socket.ts";
import { SennitError } from "../core/errors.ts";
import type { Token } from "../core/ids.ts";
import type {
  ConnectionId,
  DialTarget,
  Network,
  NetworkEvent,
  NetworkIdentity,
  PeerIdentity,
} from "../io/mod.ts";
import { formatAddress, parseAddress } from "../security/mod.ts";
import { explainDialError } from "./dial_errors.ts";
import type { Outlet } from "./outlet.ts";
import { type Authority, identifyPeer, issued, keyHashOf, readAuthorities } from "./peer_identity.ts";
import { splitCertificates } from "./pem.ts";
import { MAX_FRAME_BYTES, WssConnection } from "./wss_connection.ts";
import { HANDSHAKE_TIMEOUT_MS, MESH_PATH, type TlsContext, WssListener } from "./wss_listener.ts";

/** Inbound and outbound connections together; beyond it callers are told 503. */
export const MAX_CONNECTIONS = 4_096;
/** Dials that have not ended yet. */
const MAX_DIALS = 256;
/** How far up a chain that a peer sent is looked at. */
const MAX_CHAIN = 5;

export interface WssOptions {
  readonly limitConnections?: number;
  readonly handshakeTimeoutMs?: number;
  /** Believe certificates outside their validity; who issued them is checked all the same. */
  readonly allowExpired?: boolean;
}

interface Identity {
  readonly context: TlsContext;
  readonly trust: readonly Authority[];
}

export class WssNetwork implements Network {
  readonly #outlet: Outlet;
  readonly #limitConnections: number;
  readonly #handshakeTimeoutMs: number;
  readonly #allowExpired: boolean;
  readonly #connections = new Map<ConnectionId, WssConnection>();
  readonly #dials = new Set<WebSocket>();
  readonly #listeners = new Set<WssListener>();
  #identity: Identity | null = null;
  #lastId = 0;
  #closed = false;

  constructor(outlet: Outlet, options: WssOptions = {}) {
    this.#outlet = outlet;
    this.#limitConnections = options.limitConnections ?? MAX_CONNECTIONS;
    this.#handshakeTimeoutMs = options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS;
    this.#allowExpired = options.allowExpired ?? false;
  }

  useIdentity(identity: NetworkIdentity): void {
    const trust = readAuthorities(identity.trust);
    const own = new X509Certificate(identity.certificate);
    // The issuer goes along, so that a joiner that knows only the authority's hash can check the chain.
    const issuers = trust.filter((authority) => own.checkIssued(authority.certificate));
    const chain = [...splitCertificates(identity.certificate), ...issuers.map((authority) => authority.pem)];
    const context = {
      cert: [...new Set(chain)].join(""),
      key: identity.privateKey,
      ca: trust.map((authority) => authority.pem),
    };
    this.#identity = { context, trust };
    for (const listener of this.#listeners) listener.useContext(context);
  }

  listen(address: string, token: Token): void {
    const incarnation = this.#outlet.incarnation;
    const identity = this.#identity;
    const target = readAddress(address, true);
    if (typeof target === "string" || identity === null || this.#closed) {
      this.#failDial(incarnation, token, "INVALID_ARGUMENT", this.#whyNot(target, identity));
      return;
    }
    const listener = new WssListener({
      context: identity.context,
      limitConnections: this.#limitConnections,
      handshakeTimeoutMs: this.#handshakeTimeoutMs,
      countConnections: () => this.#connections.size,
      onConnection: (socket, tls) => this.#onInbound(incarnation, socket, tls),
    });
    this.#listeners.add(listener);
    listener.listen(
      target,
      (bound) => this.#outlet.deliver(incarnation, { kind: "listening", token, address: bound }),
      (error) => {
        this.#listeners.delete(listener);
        const { code, message } = explainDialError(error, `listen on ${address}`);
        this.#failDial(incarnation, token, code, message);
      },
    );
  }

  dial(target: DialTarget, token: Token): void {
    const incarnation = this.#outlet.incarnation;
    const identity = this.#identity;
    const address = readAddress(target.address, false);
    if (typeof address === "string" || identity === null || this.#closed) {
      this.#failDial(incarnation, token, "INVALID_ARGUMENT", this.#whyNot(address, identity));
      return;
    }
    if (this.#dials.size >= MAX_DIALS || this.#connections.size >= this.#limitConnections) {
      this.#failDial(
        incarnation,
        token,
        "UNREACHABLE",
        "Too many connections of this node are open or being opened",
      );
      return;
    }
    const socket = new WebSocket(`wss://${formatAddress(address.host, address.port)}${MESH_PATH}`, {
      ...identity.context,
      rejectUnauthorized: false, // Decided on the certificate itself when the handshake is done, see #check.
      minVersion: "TLSv1.3",
      perMessageDeflate: false,
      maxPayload: MAX_FRAME_BYTES,
      handshakeTimeout: this.#handshakeTimeoutMs,
      followRedirects: false,
      // RFC 6455 section 10.3 masks against proxies that take frames for requests; inside TLS there are none, and a
      // mask of zeros saves a pass over every byte at both ends.
      generateMask: leaveZeros,
    });
    this.#dials.add(socket);
    this.#awaitOpening(socket, target, incarnation, token);
  }

  send(connection: ConnectionId, frame: Uint8Array<ArrayBuffer>): void {
    this.#connections.get(connection)?.send(frame);
  }

  buffered(connection: ConnectionId): number {
    return this.#connections.get(connection)?.buffered() ?? 0;
  }

  close(connection: ConnectionId, reason: string): void {
    this.#connections.get(connection)?.close(reason);
  }

  /** Ends every connection, dial and listener; resolves when the listeners' ports are free. */
  async shutDown(): Promise<void> {
    this.#closed = true;
    await this.reset("this node stopped");
  }

  /** A new incarnation starts without the connections of the one before. */
  async reset(reason: string): Promise<void> {
    for (const socket of this.#dials) socket.terminate();
    for (const connection of this.#connections.values()) connection.terminate(reason);
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    await Promise.all(listeners.map((listener) => listener.close()));
  }

  #awaitOpening(socket: WebSocket, target: DialTarget, incarnation: number, token: Token): void {
    let tls: TLSSocket | null = null;
    let done = false;
    const fail = (code: DialFailure, message: string) => {
      this.#dials.delete(socket);
      if (!done) this.#failDial(incarnation, token, code, message);
      done = true;
    };
    socket.on("upgrade", (response) => tls = response.socket as TLSSocket);
    socket.on("error", (error: Error) => {
      const { code, message } = explainDialError(error, `dial ${target.address}`);
      fail(code, message);
    });
    socket.on("close", () => fail("UNREACHABLE", `Cannot dial ${target.address}: closed before it was open`));
    socket.on("open", () => {
      const verdict = this.#check(tls, target);
      if (typeof verdict === "string") {
        fail("NOT_AUTHENTICATED", verdict);
        socket.terminate();
        return;
      }
      this.#dials.delete(socket);
      done = true;
      this.#open(incarnation, socket, token, target.address, verdict);
    });
  }

  /** The peer where it is what the dial expects, else why not. */
  #check(tls: TLSSocket | null, target: DialTarget): PeerIdentity | string {
    const shown = tls?.getPeerCertificate(true);
    if (shown?.raw === undefined) return `The node at ${target.address} showed no certificate`;
    const now = Date.now();
    const trust = this.#identity?.trust ?? [];
    const peer = identifyPeer(new Uint8Array(shown.raw), trust, now, this.#allowExpired);
    if (target.expect.kind === "member") {
      if (peer.trusted) return peer;
      const known = identifyPeer(new Uint8Array(shown.raw), trust, now, true).trusted;
      return `The certificate of the node at ${target.address} ` +
        (known ? "or its authority is outside its validity" : "was not issued by an authority of this mesh");
    }
    if (chainHolds(shown, target.expect.authorityHash, now, this.#allowExpired)) return peer;
    return `The node at ${target.address} does not belong to the mesh of the invitation: ` +
      "no valid certificate of the expected authority in its chain";
  }

  #onInbound(incarnation: number, socket: WebSocket, tls: TLSSocket): void {
    if (incarnation !== this.#outlet.incarnation || this.#closed) {
      socket.terminate();
      return;
    }
    const raw = tls.getPeerCertificate(false)?.raw as Buffer | undefined;
    const der = raw === undefined ? null : new Uint8Array(raw);
    const peer = identifyPeer(der, this.#identity?.trust ?? [], Date.now(), this.#allowExpired);
    this.#open(incarnation, socket, null, formatAddress(tls.remoteAddress ?? "", tls.remotePort ?? 0), peer);
  }

  #open(
    incarnation: number,
    socket: WebSocket,
    token: Token | null,
    address: string,
    peer: PeerIdentity,
  ): void {
    const id = ++this.#lastId as ConnectionId;
    const deliver = (event: NetworkEvent) => {
      if (event.kind === "closed") this.#connections.delete(id);
      this.#outlet.deliver(incarnation, event);
    };
    this.#connections.set(id, new WssConnection(id, incarnation, socket, deliver));
    const inbound = token === null;
    this.#outlet.deliver(incarnation, {
      kind: "opened",
      token: token ?? (0 as Token),
      connection: id,
      inbound,
      address,
      peer,
    });
  }

  #whyNot(address: unknown, identity: Identity | null): string {
    if (typeof address === "string") return address;
    return identity === null ? "This node has no certificate yet" : "The network of this node is closed";
  }

  #failDial(incarnation: number, token: Token, code: DialFailure, message: string): void {
    this.#outlet.deliver(incarnation, { kind: "dial-failed", token, code, message });
  }
}

export type DialFailure = Extract<NetworkEvent, { kind: "dial-failed" }>["code"];

/** Host and port, or what is wrong. */
function readAddress(address: string, allowAnyPort: boolean): { host: string; port: number } | string {
  try {
    return parseAddress(address, allowAnyPort);
  } catch (error) {
    if (error instanceof SennitError) return error.message;
    throw error;
  }
}

/**
 * True where the chain that the peer sent holds the authority with this key and that authority really issued the
 * peer's certificate: its mere presence proves nothing, everybody may send it along.
 */
function chainHolds(
  shown: DetailedPeerCertificate,
  authorityHash: string,
  wallMs: number,
  allowExpired: boolean,
): boolean {
  const leaf = new X509Certificate(shown.raw);
  let above: DetailedPeerCertificate | undefined = shown.issuerCertificate;
  for (let depth = 0; above?.raw !== undefined && depth < MAX_CHAIN; depth++) {
    const authority = new X509Certificate(Buffer.from(above.raw));
    if (keyHashOf(authority) === authorityHash) {
      return issued(authority, leaf, wallMs, allowExpired);
    }
    if (above.issuerCertificate === above) return false;
    above = above.issuerCertificate;
  }
  return false;
}

function leaveZeros(mask: Uint8Array): void {
  mask.fill(0);
}
