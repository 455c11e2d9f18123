/**
 * One handler at one node: subscribes, handles message after message, acknowledges, and subscribes again after whatever
 * ended that. A message that keeps failing halts the handler, and is never skipped.
 */
import { type Face, MACHINE, type Message, Subscription } from "../client/mod.ts";
import { decodeText } from "../core/bytes.ts";
import { type ErrorCode, SennitError } from "../core/errors.ts";
import { DEFAULT_SUBSCRIPTION, type Handler, HANDLER_ATTEMPTS } from "./app.ts";
import type { AppContext } from "./context.ts";

const RETRY_MIN_MS = 50;
export const RETRY_MAX_MS = 1000;

export interface HandlerStatus {
  readonly handler: string;
  readonly stream: string;
  /** waiting: not subscribed, and why stands in `reason`. halted: a message failed too often, for good. */
  readonly state: "waiting" | "running" | "halted" | "ended";
  readonly reason: string;
  /** Of the failure that it waits after; null while it runs. */
  readonly code: ErrorCode | null;
  /** Everything below is handled and acknowledged; -1 before the first subscription. */
  readonly acknowledgedOffset: number;
  /** Messages handled, those that were handled again included. */
  readonly handled: number;
  /** Tries that threw. */
  readonly failed: number;
}

class Halt extends Error {}

export class HandlerLoop<Services> {
  readonly #name: string;
  readonly #handler: Handler<Services>;
  readonly #face: Face;
  readonly #ctx: AppContext<Services>;
  #subscription: Subscription | null = null;
  #ended = false;
  #endPause: (() => void) | null = null;
  #retryMs = RETRY_MIN_MS;
  #state: HandlerStatus["state"] = "waiting";
  #reason = "It has not begun";
  #code: ErrorCode | null = null;
  #acknowledgedOffset = -1;
  #handled = 0;
  #failed = 0;

  constructor(name: string, handler: Handler<Services>, face: Face, ctx: AppContext<Services>) {
    this.#name = name;
    this.#handler = handler;
    this.#face = face;
    this.#ctx = ctx;
  }

  status(): HandlerStatus {
    return {
      handler: this.#name,
      stream: this.#handler.stream,
      state: this.#state,
      reason: this.#reason,
      code: this.#code,
      acknowledgedOffset: this.#acknowledgedOffset,
      handled: this.#handled,
      failed: this.#failed,
    };
  }

  async run(): Promise<void> {
    while (!this.#ended) {
      try {
        await this.#consume();
      } catch (error) {
        if (this.#ended) break;
        if (error instanceof Halt) return;
        if (!(error instanceof SennitError)) throw error;
        this.#state = "waiting";
        this.#reason = `${error.code}: ${error.message}`;
        this.#code = error.code;
      }
      await this.#pause();
    }
    this.#state = "ended";
  }

  async end(): Promise<void> {
    this.#ended = true;
    this.#ctx.close();
    this.#endPause?.();
    await this.#subscription?.close();
  }

  async #consume(): Promise<void> {
    const { stream, subscription: name = DEFAULT_SUBSCRIPTION } = this.#handler;
    const fromOffset = await this.#try(
      "startAt",
      async () => await this.#handler.startAt?.(this.#ctx) ?? null,
    );
    const subscription = await Subscription.open(this.#face, stream, {
      name,
      ...(fromOffset === null ? {} : { fromOffset }),
    });
    this.#subscription = subscription;
    try {
      this.#state = "running";
      this.#reason = "";
      this.#code = null;
      this.#acknowledgedOffset = subscription.nextOffset;
      // While it subscribed there was nothing to close.
      if (this.#ended) return;
      for await (const { firstOffset, messages } of subscription.batches()) {
        for (const [at, payload] of messages.entries()) {
          if (this.#ended) return;
          await this.#handle({ offset: firstOffset + at, payload });
        }
        const next = firstOffset + messages.length;
        await subscription.ack(next - 1);
        this.#acknowledgedOffset = next;
        if (this.#ended) return;
      }
    } finally {
      this.#subscription = null;
      if (this.#state === "running") await subscription.close();
    }
  }

  async #handle({ offset, payload }: Message): Promise<void> {
    const { stream } = this.#handler;
    const message = { stream, offset, payload, text: () => decodeText(payload) };
    await this.#try(`offset ${offset}`, async () => await this.#handler.handle(this.#ctx, message));
    this.#handled += 1;
    this.#retryMs = RETRY_MIN_MS;
  }

  async #try<Result>(what: string, body: () => Promise<Result>): Promise<Result> {
    const { attempts = HANDLER_ATTEMPTS } = this.#handler;
    for (let attempt = 1;; attempt++) {
      try {
        return await body();
      } catch (error) {
        this.#failed += 1;
        const said = error instanceof Error ? error.message : String(error);
        this.#reason = `${what} failed ${attempt} times: ${said}`;
        if (attempt >= attempts) {
          this.#state = "halted";
          throw new Halt(this.#reason);
        }
        if (this.#ended) throw new Halt("The node stops");
        await this.#pause();
      }
    }
  }

  /** Longer each time, and never quite the same, so that many do not come back at once. */
  async #pause(): Promise<void> {
    const { after, random } = this.#face.surroundings ?? MACHINE;
    const delayMs = Math.ceil(this.#retryMs * (0.5 + random() / 2));
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MAX_MS);
    if (this.#ended) return;
    await new Promise<void>((resolve) => {
      const cancel = after(delayMs, resolve);
      this.#endPause = () => {
        cancel();
        resolve();
      };
    });
    this.#endPause = null;
  }
}
