/** The network port with an ear on it: who runs the node learns when it shows another identity. */
import type { ConnectionId, DialTarget, Network, NetworkIdentity } from "../io/mod.ts";
import type { Token } from "../core/ids.ts";

export class IdentityTap implements Network {
  readonly #network: Network;
  readonly #onIdentity: (identity: NetworkIdentity) => void;

  constructor(network: Network, onIdentity: (identity: NetworkIdentity) => void) {
    this.#network = network;
    this.#onIdentity = onIdentity;
  }

  useIdentity(identity: NetworkIdentity): void {
    this.#network.useIdentity(identity);
    this.#onIdentity(identity);
  }
  listen(address: string, token: Token): void {
    this.#network.listen(address, token);
  }
  dial(target: DialTarget, token: Token): void {
    this.#network.dial(target, token);
  }
  send(connection: ConnectionId, frame: Uint8Array<ArrayBuffer>): void {
    this.#network.send(connection, frame);
  }
  buffered(connection: ConnectionId): number {
    return this.#network.buffered(connection);
  }
  close(connection: ConnectionId, reason: string): void {
    this.#network.close(connection, reason);
  }
}
