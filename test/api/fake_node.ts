/** A node's face as the adapter sees it: takes calls down, answers what the test tells it to. */
import { NodeFace } from "../../src/client/mod.ts";
import type { Token } from "../../src/core/ids.ts";
import type { Call, Push, Reply } from "../../src/node/calls.ts";

export class FakeNode {
  readonly face = new NodeFace();
  readonly calls: { token: Token; call: Call }[] = [];
  /** Null answers nothing. */
  answer: (call: Call, token: Token) => Reply | null = () => ({ kind: "done" });

  constructor() {
    this.face.attach({
      call: (token, call) => {
        this.calls.push({ token, call });
        const reply = call.kind === "cancel" ? { kind: "done" as const } : this.answer(call, token);
        if (reply !== null && call.kind !== "credit") this.face.reply(token, reply);
      },
    });
  }

  /** The token of the last call of that kind. */
  tokenOf(kind: Call["kind"]): Token {
    const found = this.calls.findLast(({ call }) => call.kind === kind);
    if (found === undefined) throw new Error(`No call of kind ${kind}`);
    return found.token;
  }

  push(kind: Call["kind"], push: Push): void {
    this.face.push(this.tokenOf(kind), push);
  }
}

/** Waits until `condition` holds, with a deadline: for what arrives through sockets. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`Waited 10 s for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
