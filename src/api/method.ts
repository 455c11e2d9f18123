/**
 * A unary method as one row that both ends use: the server makes a call of the request and a response of the reply,
 * the client the other way round. What one end can say, the other understands, because it is written side by side.
 */
import type { MethodDefinition } from "@grpc/grpc-js";
import type { CallKind, CallOf, ReplyOf } from "../client/mod.ts";
import { expectReply } from "../client/mod.ts";
import { type Call, type Reply, REPLY_TO } from "../node/mod.ts";
import type { Access } from "./access.ts";

/** A row whose message types are its own affair. */
export interface UnaryMethod {
  readonly kind: CallKind;
  readonly access: Access;
  // deno-lint-ignore no-explicit-any -- rows of different types stand in one table; `unary` checks each.
  readonly definition: MethodDefinition<any, any>;
  toCall(request: unknown): Call;
  toResponse(reply: Reply): unknown;
  toRequest(call: Call): unknown;
  toReply(response: unknown): Reply;
}

/** Checks a row: each of its four functions against the method's messages and the call's contract. */
export function unary<Kind extends CallKind, Request, Response>(row: {
  readonly kind: Kind;
  readonly access: Access;
  readonly definition: MethodDefinition<Request, Response>;
  readonly toCall: (request: Request) => CallOf<Kind>;
  readonly toResponse: (reply: ReplyOf<(typeof REPLY_TO)[Kind]>) => Response;
  readonly toRequest: (call: CallOf<Kind>) => Request;
  readonly toReply: (response: Response) => ReplyOf<(typeof REPLY_TO)[Kind]>;
}): UnaryMethod {
  return {
    kind: row.kind,
    access: row.access,
    definition: row.definition,
    toCall: (request) => row.toCall(request as Request) as Call,
    toResponse: (reply) => row.toResponse(expectReply(reply, REPLY_TO[row.kind])),
    toRequest: (call) => row.toRequest(call as CallOf<Kind>),
    toReply: (response) => row.toReply(response as Response) as Reply,
  };
}
