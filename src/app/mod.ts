/** A user's application at a node: its shape, what its code is given, and how it runs. */
export { type App, type AppFunction, checkApp, defineApp, type Handler, type HandlerMessage } from "./app.ts";
export type { Context } from "./context.ts";
export { type HandlerStatus, RETRY_MAX_MS } from "./handler_loop.ts";
export { replicate, type ReplicatedMachine, type StateMachine } from "./replicate.ts";
export { RunningApp } from "./running_app.ts";
