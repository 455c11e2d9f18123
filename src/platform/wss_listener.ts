/**
 * The listening side of the wss transport: TLS 1.3, client certificate asked for, one path that upgrades, everything
 * else turned away. Whoever connects is unknown until its handshake is done, so both the number of sockets and the time
 * they may take are bounded, and nothing that they send can do more than end their own socket.
 */
import type { Buffer } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { type WebSocket, WebSocketServer } from "./web_socket.ts";
import { formatAddress, type HostPort } from "../security/mod.ts";
import { MAX_FRAME_BYTES } from "./wss_connection.ts";

export const MESH_PATH = "/mesh";
/** From the first byte to the end of the TLS handshake, and again to the end of the HTTP upgrade. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;
/** Sockets beyond the connection limit that may be in their handshake, so that they can be told 503. */
const SPARE_SOCKETS = 64;
const MAX_HEADER_BYTES = 8 * 1024;

export interface TlsContext {
  readonly cert: string;
  readonly key: string;
  readonly ca: string[];
}

export interface ListenerOptions {
  readonly context: TlsContext;
  readonly limitConnections: number;
  readonly handshakeTimeoutMs: number;
  /** How many connections are open now. */
  readonly countConnections: () => number;
  readonly onConnection: (socket: WebSocket, tls: TLSSocket) => void;
}

export class WssListener {
  readonly #server: Server;
  readonly #upgrades: WebSocketServer;
  readonly #options: ListenerOptions;
  readonly #sockets = new Set<Socket>();

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#upgrades = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: MAX_FRAME_BYTES,
    });
    this.#server = createServer({
      ...options.context,
      requestCert: true,
      rejectUnauthorized: false, // A joiner is not known yet; who is trusted is decided on the certificate itself.
      minVersion: "TLSv1.3",
      handshakeTimeout: options.handshakeTimeoutMs,
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: options.handshakeTimeoutMs,
      requestTimeout: options.handshakeTimeoutMs,
      connectionsCheckingInterval: Math.min(1_000, options.handshakeTimeoutMs),
    }, refuseRequest);
    this.#server.on("connection", (socket: Socket) => this.#onSocket(socket));
    this.#server.on("upgrade", (request, socket, head) => this.#onUpgrade(request, socket, head));
    // Garbage ends its own socket and nothing else.
    this.#server.on("tlsClientError", (_error: Error, socket: Duplex) => socket?.destroy());
    this.#server.on("clientError", (_error: Error, socket: Duplex) => socket?.destroy());
  }

  /** Calls one of the two, once. */
  listen(address: HostPort, onListening: (address: string) => void, onError: (error: Error) => void): void {
    this.#server.once("error", onError);
    this.#server.listen(address.port, address.host, () => {
      this.#server.off("error", onError);
      this.#server.on("error", () => {}); // An accept that fails (out of file handles) costs that one connection.
      onListening(formatAddress(address.host, (this.#server.address() as AddressInfo).port));
    });
  }

  /** What later handshakes use. */
  useContext(context: TlsContext): void {
    this.#server.setSecureContext({ ...context, minVersion: "TLSv1.3" });
  }

  /** Ends the listener and every socket that came through it. */
  async close(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await ended;
  }

  #onSocket(socket: Socket): void {
    if (this.#sockets.size >= this.#options.limitConnections + SPARE_SOCKETS) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => {}); // The close that follows says enough.
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => {});
    if (request.url !== MESH_PATH) {
      refuseUpgrade(socket, "404 Not Found");
      return;
    }
    if (this.#options.countConnections() >= this.#options.limitConnections) {
      refuseUpgrade(socket, "503 Service Unavailable");
      return;
    }
    this.#upgrades.handleUpgrade(request, socket, head, (webSocket: WebSocket) => {
      this.#options.onConnection(webSocket, socket as TLSSocket);
    });
  }
}

/** RFC 9110 section 15.5.22: this server speaks another protocol here. */
function refuseRequest(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(426, { connection: "close", upgrade: "websocket", "content-length": "0" });
  response.end();
}

function refuseUpgrade(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  socket.once("finish", () => socket.destroy());
}
