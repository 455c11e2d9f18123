/**
 * A consumer that comes late: it reads a stream from as far back as its node holds it, in small pieces, and finds at each
 * offset what the others have seen there. What it reads has long left everybody's memory. What its disk has lost and the
 * others have dropped, as everybody has processed it, it is told of: it goes on behind that.
 */
import type { Offset, Token } from "../../src/core/ids.ts";
import type { Push, Reply } from "../../src/node/calls.ts";
import { recordBatchMessages } from "../../src/stream/mod.ts";
import { LivenessFailure } from "../formation.ts";
import type { Host } from "../host.ts";
import type { Steps } from "../steps.ts";
import type { World } from "../world.ts";
import type { Caller, Calls } from "./clients.ts";
import { type Effects, idOf } from "./effects.ts";
import { nameOf } from "./lives.ts";

const SUBSCRIPTION = "late";
const CREDIT_BYTES = 2 * 1024;
const PATIENCE_MS = 5_000;
const AGAIN_US = 50_000;
/** Of these it is told that there is nothing to read here any more. */
const GONE: ReadonlySet<string> = new Set(["STREAM_CLOSED", "STREAM_NOT_FOUND", "NOT_A_STREAM_MEMBER"]);

export class LateReader implements Caller {
  readonly isRemote = false;
  readonly #world: World;
  readonly #calls: Calls;
  readonly #effects: Effects;
  readonly #host: Host;
  readonly #life: string;
  #token: Token | null = null;
  #next = 0;
  #last = "no answer";
  #isGone = false;
  /** Messages read. */
  count = 0;

  constructor(world: World, calls: Calls, effects: Effects, host: Host, life: string) {
    this.#world = world;
    this.#calls = calls;
    this.#effects = effects;
    this.#host = host;
    this.#life = life;
  }

  /** Reads what the group's stream holds by now; fails where that takes longer than `limitMs`. */
  *read(members: readonly Host[], group: number, limitMs: number): Steps<void> {
    const deadlineUs = this.#world.nowUs + 1000 * limitMs;
    const end = Math.max(0, ...members.map((host) => streamAt(host, group)?.nextOffset ?? 0));
    while (!this.#isGone) {
      const first = streamAt(this.#host, group)?.firstOffset ?? 0;
      if (first > this.#next) {
        // What everybody has processed may be dropped at any time.
        this.#cancel();
        this.#next = first;
      }
      if (this.#next >= end) break;
      if (this.#world.nowUs >= deadlineUs) {
        const text = `${this.#host.name} does not send offset ${this.#next} of ${this.#life} below ${end}`;
        throw new LivenessFailure(`${text}: ${this.#last}`);
      }
      if (this.#token === null) this.#subscribe();
      yield* this.#world.advance(this.#world.nowUs + AGAIN_US);
    }
    this.#cancel();
  }

  onReply(token: Token, reply: Reply): void {
    if (token === this.#token && reply.kind === "failed") this.#end(reply.error.code);
  }

  onPush(token: Token, push: Push): void {
    if (token !== this.#token) return;
    if (push.kind === "subscription-ended") this.#end(push.error.code);
    else if (push.kind === "delivery") this.#take(push);
  }

  onLost(token: Token): void {
    if (token === this.#token) this.#end("no answer");
  }

  #subscribe(): void {
    const [stream, fromOffset] = [nameOf(this.#life), this.#next as Offset];
    const call = { kind: "subscribe", stream, subscription: SUBSCRIPTION, fromOffset } as const;
    this.#token = this.#calls.make(
      this.#host,
      { ...call, creditBytes: CREDIT_BYTES },
      this,
      PATIENCE_MS,
      true,
    );
  }

  #cancel(): void {
    if (this.#token !== null) this.#calls.tell(this.#host, { kind: "cancel", target: this.#token }, this);
    this.#end("cancelled");
  }

  #take({ baseOffset, skip, batch }: Push & { readonly kind: "delivery" }): void {
    if (baseOffset + skip !== this.#next) {
      this.#effects.violations.push(
        `${this.#life} at ${this.#host.name} delivers offset ${
          baseOffset + skip
        } where ${this.#next} is next`,
      );
    }
    const messages = recordBatchMessages(batch);
    for (let i = skip; i < messages.length; i++) {
      this.#effects.place(this.#life, baseOffset + i, idOf(messages[i]!));
      this.count += 1;
    }
    this.#next = baseOffset + messages.length;
    this.#calls.tell(this.#host, { kind: "credit", subscriber: this.#token!, bytes: batch.length }, this);
  }

  #end(why: string): void {
    if (this.#token !== null) this.#calls.forget(this.#token);
    this.#token = null;
    this.#last = why;
    this.#isGone ||= GONE.has(why);
  }
}

function streamAt(host: Host, group: number) {
  return host.node?.inspect().streams.find((each) => each.group === group);
}
