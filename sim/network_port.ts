/** The network port of one incarnation of one host. */
import type { Token } from "../src/core/ids.ts";
import type { ConnectionId, DialTarget, Network, NetworkIdentity } from "../src/io/mod.ts";
import type { Host } from "./host.ts";
import type { SimNetwork } from "./network.ts";

export class NetworkPort implements Network {
  readonly #network: SimNetwork;
  readonly #host: Host;

  constructor(network: SimNetwork, host: Host) {
    this.#network = network;
    this.#host = host;
  }

  useIdentity(identity: NetworkIdentity): void {
    this.#network.useIdentity(this.#host, identity);
  }
  listen(address: string, token: Token): void {
    this.#network.listen(this.#host, address, token);
  }
  dial(target: DialTarget, token: Token): void {
    this.#network.dial(this.#host, target, token);
  }
  send(connection: ConnectionId, frame: Uint8Array<ArrayBuffer>): void {
    this.#network.send(this.#host, connection, frame);
  }
  buffered(connection: ConnectionId): number {
    return this.#network.buffered(this.#host, connection);
  }
  close(connection: ConnectionId, reason: string): void {
    this.#network.close(this.#host, connection, reason);
  }
}
