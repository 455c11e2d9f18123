/** Listens at one address and passes on what comes to another: one node answers where somebody looks for another. */
export class Relay implements Disposable {
  readonly #listener: Deno.TcpListener;
  readonly #open = new Set<Deno.TcpConn>();
  /** Connections that were made and have ended. */
  ended = 0;

  constructor(at: string, to: string) {
    this.#listener = Deno.listen(targetOf(at));
    void this.#accept(targetOf(to));
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    for (const connection of this.#open) connection.close();
    this.#open.clear();
  }

  async #accept(to: Deno.ConnectOptions): Promise<void> {
    // Ends with the listener.
    for await (const near of this.#listener) {
      const far = await Deno.connect(to);
      this.#open.add(near).add(far);
      void this.#join(near, far);
    }
  }

  async #join(near: Deno.TcpConn, far: Deno.TcpConn): Promise<void> {
    // Whoever hangs up first ends both, and a reset is an end as well.
    await Promise.allSettled([near.readable.pipeTo(far.writable), far.readable.pipeTo(near.writable)]);
    this.#open.delete(near);
    this.#open.delete(far);
    this.ended += 1;
  }
}

function targetOf(address: string): { hostname: string; port: number } {
  const at = address.lastIndexOf(":");
  return { hostname: address.slice(0, at), port: Number(address.slice(at + 1)) };
}
