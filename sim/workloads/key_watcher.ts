/** A client that watches the key-value at one node, and begins again there where its watch ends. */
import type { Token } from "../../src/core/ids.ts";
import type { Push, Reply } from "../../src/node/calls.ts";
import { EventKind, type Target } from "../event_queue.ts";
import type { Host } from "../host.ts";
import type { Draws } from "../prf.ts";
import type { World } from "../world.ts";
import { type Caller, type Calls, RETRY_MEAN_MS, RETRY_MIN_MS } from "./clients.ts";

/** All keys of the clients begin so. */
const PREFIX = "key-";
const PATIENCE_MS = 5_000;

/** Told of what a watch is shown. */
export interface WatchObserver {
  opened(token: Token, host: string, prefix: string, version: number): void;
  shown(token: Token, key: string, value: Uint8Array | null, version: number): void;
  ended(token: Token): void;
}

export class KeyWatcher implements Target, Caller {
  readonly traceId = 253;
  readonly isRemote = true;
  readonly #world: World;
  readonly #calls: Calls;
  readonly #observer: WatchObserver;
  readonly #draws: Draws;
  readonly #host: Host;
  readonly counts = { opened: 0, shown: 0 };
  #token: Token | null = null;

  constructor(world: World, calls: Calls, observer: WatchObserver, host: Host) {
    this.#world = world;
    this.#calls = calls;
    this.#observer = observer;
    this.#host = host;
    this.#draws = world.prf.site(`key-watcher/${host.name}`);
  }

  begin(): void {
    this.#later();
  }

  onEvent(): void {
    if (this.#token !== null) return;
    this.#token = this.#calls.make(this.#host, { kind: "kv-watch", prefix: PREFIX }, this, PATIENCE_MS, true);
    if (this.#token === null) this.#later();
  }

  onReply(token: Token, reply: Reply): void {
    if (reply.kind === "version") {
      this.counts.opened += 1;
      this.#observer.opened(token, this.#host.name, PREFIX, reply.version);
    } else if (reply.kind === "failed") this.#end(token);
    else throw new Error(`The node answered a watch with ${reply.kind}`);
  }

  onPush(token: Token, push: Push): void {
    if (push.kind === "kv-change") {
      this.counts.shown += 1;
      this.#observer.shown(token, push.key, push.value, push.version);
    } else this.#end(token);
  }

  onLost(token: Token): void {
    this.#end(token);
  }

  #end(token: Token): void {
    this.#observer.ended(token);
    this.#calls.forget(token);
    this.#token = null;
    this.#later();
  }

  #later(): void {
    const waitUs = 1000 * (RETRY_MIN_MS + this.#draws.exponential(RETRY_MEAN_MS)) + 1;
    this.#world.schedule(this.#world.nowUs + waitUs, this, EventKind.Client, 300, 0, null);
  }
}
