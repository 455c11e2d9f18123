/**
 * An application: what of a user's runs at every node of a mesh. It is data and functions, and does nothing by itself: the same
 * object is handed to `Mesh.start` and to `simulate`.
 */
import type { Context } from "./context.ts";
import type { ReplicatedMachine } from "./replicate.ts";

/** One message of a stream as a handler is given it. */
export interface HandlerMessage {
  readonly stream: string;
  /** The same at every delivery of this message: what an effect can be made idempotent by. */
  readonly offset: number;
  readonly payload: Uint8Array;
  /** The payload as UTF-8. */
  text(): string;
}

/**
 * Handles a stream's messages at every node that is a target of it, one after the other and in order. A message is
 * acknowledged after `handle` has returned: after a crash in between it is handled again.
 */
export interface Handler<Services> {
  readonly stream: string;
  /** The subscription it goes on with. @default "default" */
  readonly subscription?: string;
  /** May throw: it is tried again, with longer and longer pauses. */
  readonly handle: (ctx: Context<Services>, message: HandlerMessage) => Promise<void> | void;
  /**
   * Where the effects are kept together with the offset that they reach: asked at every start for the first offset that has
   * no effect yet. Null: after what was acknowledged.
   */
  readonly startAt?: (ctx: Context<Services>) => Promise<number | null> | number | null;
  /** So often a message is tried before the handler halts at this node. @default 10 */
  readonly attempts?: number;
}

/** Answers calls by name: `mesh.callFunction(name, input)` from outside, `ctx.call(name, input)` from within. */
export type AppFunction<Services> = (ctx: Context<Services>, input: never) => unknown;

export interface App<Services = unknown> {
  readonly handlers?: Readonly<Record<string, Handler<Services>>>;
  readonly functions?: Readonly<Record<string, AppFunction<Services>>>;
  /** State machines that this node can be a member of: `replicate(() => new Accounts())`, by name. */
  readonly machines?: Readonly<Record<string, ReplicatedMachine>>;
}

export const HANDLER_ATTEMPTS = 10;
export const DEFAULT_SUBSCRIPTION = "default";

const APP_KEYS = ["handlers", "functions", "machines"];
const HANDLER_KEYS = ["stream", "subscription", "handle", "startAt", "attempts"];

/** Checks an application's shape and gives it its types. Throws `TypeError` that names what is wrong. */
export function defineApp<Services = unknown>(app: App<Services>): App<Services> {
  checkApp(app);
  return app;
}

export function checkApp<Services>(app: App<Services>): void {
  if (typeof app !== "object" || app === null) throw new TypeError("An app is an object");
  refuseUnknown("The app", app, APP_KEYS);
  const taken = new Map<string, string>();
  for (const [name, handler] of Object.entries(app.handlers ?? {})) {
    refuseUnknown(`Handler ${name}`, handler, HANDLER_KEYS);
    if (typeof handler.stream !== "string" || handler.stream === "") {
      throw new TypeError(`Handler ${name} has no stream: name the stream whose messages it handles`);
    }
    if (typeof handler.handle !== "function") throw new TypeError(`Handler ${name} has no function handle`);
    const { attempts = HANDLER_ATTEMPTS, subscription = DEFAULT_SUBSCRIPTION } = handler;
    if (!Number.isSafeInteger(attempts) || attempts < 1) {
      throw new RangeError(`Handler ${name} is tried 1 time or more, not ${attempts}`);
    }
    const seat = `${handler.stream}/${subscription}`;
    const other = taken.get(seat);
    if (other !== undefined) {
      throw new TypeError(`Handlers ${other} and ${name} would fence each other: give each a subscription`);
    }
    taken.set(seat, name);
  }
  for (const [name, one] of Object.entries(app.functions ?? {})) {
    if (typeof one !== "function") throw new TypeError(`Function ${name} of the app is none`);
  }
  for (const [name, one] of Object.entries(app.machines ?? {})) {
    if (typeof one !== "function") {
      throw new TypeError(`Machine ${name} of the app is none: wrap it in replicate()`);
    }
  }
}

function refuseUnknown(what: string, given: object, known: readonly string[]): void {
  for (const key of Object.keys(given)) {
    if (!known.includes(key)) throw new TypeError(`${what} has an unknown member ${key}: known are ${known}`);
  }
}
