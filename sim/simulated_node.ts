/** What the world asks of a node: the shape of the product's own node, so that a small one can stand in for tests of the world. */
import type { Token } from "../src/core/ids.ts";
import type { Inbox, Io } from "../src/io/mod.ts";
import type { Call, Callers } from "../src/node/calls.ts";
import type { NodeInspection, Observer } from "../src/node/inspection.ts";
import type { NodeSettings } from "../src/node/settings.ts";

export interface SimulatedNode extends Inbox {
  start(incarnation: number): void;
  call(token: Token, call: Call): void;
  stop(): void;
  inspect(): NodeInspection;
}

export type NodeFactory = (
  io: Io,
  settings: NodeSettings,
  callers: Callers,
  observer: Observer | null,
) => SimulatedNode;
