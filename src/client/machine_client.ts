/** One replicated state machine as an application sees it at one node, which must be a member of it. */
import { decodeText, encodeText } from "../core/bytes.ts";
import { expectReply, type Face } from "./face.ts";

export interface OpenMachineOptions {
  /** Names of the nodes that run it; each must have it in its application. */
  readonly members: readonly string[];
}

/** Commands, results, questions and answers are JSON data. */
export class MachineClient<Command = unknown, Result = unknown, Question = unknown, Answer = unknown> {
  readonly #face: Face;
  readonly name: string;

  constructor(face: Face, name: string) {
    this.#face = face;
    this.name = name;
  }

  /**
   * Brings a command into the log; resolves with the machine's result once that is committed and applied at this node. An error
   * whose `outcome` is UNKNOWN leaves open whether it will be: propose again only what may be applied twice, or let
   * commands carry an identity that the machine keeps. What the machine threw is INVALID_ARGUMENT with outcome APPLIED.
   */
  async propose(command: Command): Promise<Result> {
    const bytes = encodeData(command);
    const call = { kind: "machine-propose", machine: this.name, command: bytes } as const;
    return decodeData(expectReply(await this.#face.call(call), "answer").bytes) as Result;
  }

  /** Linearizable: the answer holds every command that was acknowledged before. */
  async query(question: Question): Promise<Answer> {
    const bytes = encodeData(question);
    const call = { kind: "machine-query", machine: this.name, question: bytes } as const;
    return decodeData(expectReply(await this.#face.call(call), "answer").bytes) as Answer;
  }
}

/** JSON in UTF-8; nothing is null. */
export function encodeData(data: unknown): Uint8Array<ArrayBuffer> {
  return encodeText(JSON.stringify(data ?? null)) as Uint8Array<ArrayBuffer>;
}

export function decodeData(bytes: Uint8Array): unknown {
  return JSON.parse(decodeText(bytes));
}
