/** An application at one node, from the node's start to its end: its handlers run, its functions answer. */
import { checkApp } from "./app.ts";
import { AppContext, type ContextParts } from "./context.ts";
import { HandlerLoop, type HandlerStatus } from "./handler_loop.ts";

export class RunningApp<Services> {
  readonly #loops: HandlerLoop<Services>[];
  readonly #functions: AppContext<Services>;
  #running: Promise<unknown> | null = null;

  /** Throws `TypeError` where the app's shape is wrong. */
  constructor(parts: ContextParts<Services>) {
    checkApp(parts.app);
    this.#functions = new AppContext(parts, "functions");
    this.#loops = Object.entries(parts.app.handlers ?? {}).map(([name, handler]) =>
      new HandlerLoop(name, handler, parts.face, new AppContext(parts, name))
    );
  }

  /** Handlers begin as soon as their streams are there. */
  start(): void {
    this.#running ??= Promise.all(this.#loops.map((loop) => loop.run()));
  }

  /** Runs a function by name: NOT_FOUND where there is none; what it throws is thrown. */
  call(name: string, input?: unknown): Promise<unknown> {
    return this.#functions.call(name, input);
  }

  status(): HandlerStatus[] {
    return this.#loops.map((loop) => loop.status());
  }

  /** No handler is given another message. */
  async stop(): Promise<void> {
    this.#functions.close();
    await Promise.all(this.#loops.map((loop) => loop.end()));
  }
}
