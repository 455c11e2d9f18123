/** The part of the `ws` library that is used, with its types: the library ships none. */
import type { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import * as library from "ws";

export interface WebSocket {
  readonly bufferedAmount: number;
  send(data: Uint8Array<ArrayBuffer>, options: { readonly binary: boolean }, onSent?: () => void): void;
  close(code: number, reason: string): void;
  /** Ends the socket at once; a `close` event follows, and an `error` before it where it was not open yet. */
  terminate(): void;
  on(event: "open", listener: () => void): void;
  /** A Buffer, since no other `binaryType` is asked for. */
  on(event: "message", listener: (data: Buffer, isBinary: boolean) => void): void;
  on(event: "close", listener: (code: number, reason: Buffer) => void): void;
  on(event: "error", listener: (error: Error) => void): void;
  /** Of a client, before `open`: the response that switched protocols. */
  on(event: "upgrade", listener: (response: IncomingMessage) => void): void;
}

export interface WebSocketClientOptions {
  readonly cert: string;
  readonly key: string;
  readonly ca: string[];
  readonly rejectUnauthorized: boolean;
  readonly minVersion: "TLSv1.3";
  readonly perMessageDeflate: false;
  readonly maxPayload: number;
  readonly handshakeTimeout: number;
  readonly followRedirects: false;
  readonly generateMask: (mask: Uint8Array) => void;
}

export interface WebSocketServer {
  handleUpgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    onUpgraded: (socket: WebSocket) => void,
  ): void;
}

export interface WebSocketServerOptions {
  readonly noServer: true;
  readonly clientTracking: false;
  readonly perMessageDeflate: false;
  readonly maxPayload: number;
}

export const WebSocket = library.WebSocket as new (url: string, options: WebSocketClientOptions) => WebSocket;
export const WebSocketServer = library.WebSocketServer as new (
  options: WebSocketServerOptions,
) => WebSocketServer;
