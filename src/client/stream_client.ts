/** One stream as an application sees it at one node. */
import { expectReply, type Face } from "./face.ts";
import { Producer, type ProducerOptions } from "./producer.ts";
import { type SubscribeOptions, Subscription } from "./subscription.ts";
import type { StreamStatus } from "../node/calls.ts";

export class StreamClient {
  readonly #face: Face;
  readonly name: string;

  constructor(face: Face, name: string) {
    this.#face = face;
    this.name = name;
  }

  /** A producer session; the node must be a member of the stream. A newer session of the same name fences this one. */
  producer(name: string, options: ProducerOptions = {}): Promise<Producer> {
    return Producer.open(this.#face, this.name, name, options);
  }

  /** Subscribes at this node, which must be a target of the stream. */
  subscribe(options: SubscribeOptions = {}): Promise<Subscription> {
    return Subscription.open(this.#face, this.name, options);
  }

  async status(): Promise<StreamStatus | null> {
    const { streams } = expectReply(await this.#face.call({ kind: "stream-list" }), "streams");
    return streams.find((stream) => stream.name === this.name) ?? null;
  }

  /**
   * Refuses new messages from now on; what is in it can still be received. Once every subscription has processed everything,
   * and all members know, the stream is dropped and its name is free. `discard`: at once, whatever was not processed.
   */
  async close(options: { readonly discard?: boolean } = {}): Promise<void> {
    await this.#face.call({ kind: "stream-close", name: this.name, discard: options.discard ?? false });
  }
}
