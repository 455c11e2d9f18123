/**
 * The network port: connections that carry frames in order, mutually authenticated. A frame is what one
 * `send` took; it arrives whole and unchanged or the connection closes. What a frame means is `link/`'s.
 *
 * Buffers: `send` takes the bytes for good. A received frame is lent until the turn that takes it in ends.
 */
import type { Token } from "../core/ids.ts";

/** Names a connection or a listener of this node; never reused while the process lives. */
export type ConnectionId = Token;

/** What the transport proved about the other end. */
export interface PeerIdentity {
  /** True where the certificate chain leads to the trust bundle in use and is within its validity. */
  readonly trusted: boolean;
  /** `mesh://<role>/…` of the certificate's URI; "none" where it has no such URI or there is no certificate. */
  readonly role: "node" | "client" | "admin" | "none";
  /** The certificate's common name, "" if none. */
  readonly name: string;
  /** The number in `mesh://node/<number>`, 0 for others. */
  readonly number: number;
  /** SHA-256 of the certificate's public key (SubjectPublicKeyInfo), lower-case hexadecimal, "" if none. */
  readonly keyHash: string;
}

/** What this node shows to others and whom it believes. PEM texts in production, opaque in a simulation. */
export interface NetworkIdentity {
  readonly certificate: string;
  readonly privateKey: string;
  /** Certificates of the authorities that are believed; empty while not enrolled. */
  readonly trust: readonly string[];
}

export interface DialTarget {
  /** host:port */
  readonly address: string;
  /**
   * `member`: the peer's chain must lead to the trust bundle. `pinned`: the peer's chain must contain an authority
   * whose public key has this SHA-256 (lower-case hexadecimal); used by a joiner that has no bundle yet.
   */
  readonly expect: { readonly kind: "member" } | { readonly kind: "pinned"; readonly authorityHash: string };
}

export interface Network {
  /** Sets what later dials and handshakes use; open connections stay. */
  useIdentity(identity: NetworkIdentity): void;
  /** Listens on host:port (port 0: any); completes with `listening` or `dial-failed` under `token`. */
  listen(address: string, token: Token): void;
  /** Connects; completes with `opened` or `dial-failed` under `token`. */
  dial(target: DialTarget, token: Token): void;
  /** Sends one frame; silently nothing on a connection that has closed. */
  send(connection: ConnectionId, frame: Uint8Array<ArrayBuffer>): void;
  /** Bytes taken by `send` that have not left this node yet. */
  buffered(connection: ConnectionId): number;
  /** Closes after what was sent has left, or at once where that takes long. A `closed` event follows. */
  close(connection: ConnectionId, reason: string): void;
}

export type NetworkEvent =
  | { readonly kind: "listening"; readonly token: Token; readonly address: string }
  | {
    readonly kind: "opened";
    /** The dial's token, 0 for an inbound connection. */
    readonly token: Token;
    readonly connection: ConnectionId;
    readonly inbound: boolean;
    readonly address: string;
    readonly peer: PeerIdentity;
  }
  | {
    readonly kind: "dial-failed";
    readonly token: Token;
    readonly code: "UNREACHABLE" | "NOT_AUTHENTICATED" | "ADDRESS_IN_USE" | "INVALID_ARGUMENT";
    readonly message: string;
  }
  | { readonly kind: "frame"; readonly connection: ConnectionId; readonly bytes: Uint8Array<ArrayBuffer> }
  /** `buffered` fell to the low-water mark after having been above it. */
  | { readonly kind: "drained"; readonly connection: ConnectionId }
  | { readonly kind: "closed"; readonly connection: ConnectionId; readonly reason: string };
