/** An ENROL session: a conversation with somebody who is no member, or in whom we are none. */
import type { Token } from "../core/ids.ts";
import type { Connection } from "./connection.ts";
import type { Outbox } from "./outbox.ts";

/** Names an enrolment session of this node. */
export type EnrolId = Token;

export interface EnrolSession {
  readonly id: EnrolId;
  readonly inbound: boolean;
  readonly address: string;
  readonly outbox: Outbox;
  /** Null while the dial is under way. */
  connection: Connection | null;
  /** When the session must have ended. */
  readonly deadlineMs: number;
  messageId: number;
}
