/** What publishing and delivery of one stream share: the stream's record, its group and state, and the node around it. */
import { assert } from "../core/assert.ts";
import { type ErrorCode, SennitError } from "../core/errors.ts";
import type { MemberId, Token } from "../core/ids.ts";
import type { StreamResult, StreamState } from "../stream/mod.ts";
import type { Wal } from "../wal/mod.ts";
import type { Callers } from "./calls.ts";
import type { StreamRecord } from "./control_state.ts";
import type { Group } from "./group.ts";
import type { NodeMessage } from "./node_messages.ts";
import { failureOf } from "./replies.ts";
import { Reads } from "./reads.ts";
import type { Requests } from "./requests.ts";
import type { StreamMachine } from "./stream_machine.ts";

/** What a stream needs of its node. */
export interface StreamNode {
  readonly memberId: MemberId;
  readonly wal: Wal;
  readonly callers: Callers;
  readonly requests: Requests<unknown>;
  readonly now: number;
  readonly callTimeoutMs: number;
  nextOutboxId(): number;
  /** This node cannot go on. */
  fail(error: unknown): void;
  sendNode(to: MemberId, message: NodeMessage): boolean;
  memberName(id: MemberId): string;
}

export class StreamSeat {
  record: StreamRecord;
  readonly group: Group;
  readonly machine: StreamMachine;
  readonly node: StreamNode;
  readonly reads = new Reads();

  constructor(record: StreamRecord, group: Group, machine: StreamMachine, node: StreamNode) {
    this.record = record;
    this.group = group;
    this.machine = machine;
    this.node = node;
  }

  /** Calls `act` once the state here holds everything that was committed before. */
  confirm(act: () => void, failed: (error: SennitError) => void): void {
    this.reads.add(act, failed, this.node.now, this.node.callTimeoutMs);
  }

  get state(): StreamState {
    return this.machine.state;
  }

  refuse(
    token: Token,
    code: ErrorCode,
    message: string,
    details: Record<string, string | number> = {},
  ): void {
    this.fail(token, new SennitError(code, message, { details }));
  }

  fail(token: Token, error: SennitError): void {
    this.node.callers.reply(token, { kind: "failed", error: failureOf(error) });
  }

  /** Answers a call whose command the state machine refused. */
  refused(token: Token, result: StreamResult): void {
    assert(result.kind === "refused", `a ${result.kind} answers its own request`);
    if (result.reason === "CLOSED") {
      this.refuse(token, "STREAM_CLOSED", `Stream ${this.record.name} is closed`);
    } else {this.refuse(
        token,
        "OVERLOADED",
        `The stream's limit of ${result.reason.toLowerCase()} is reached`,
      );}
  }
}
