/** The unary methods of Kv, and its session, which carries the same messages. */
import type { KvRequest, KvResponse } from "../../proto/gen/sennit/mesh/v1/kv.ts";
import { KvService as Kv } from "../../proto/gen/sennit/mesh/v1/kv.ts";
import { SennitError } from "../core/errors.ts";
import type { Call, Reply } from "../node/calls.ts";
import { failureFromMessage, failureMessage } from "./failure.ts";
import { unary, type UnaryMethod } from "./method.ts";

const LIST_ENTRIES_DEFAULT = 100;

const PUT = unary({
  kind: "kv-put",
  access: "use",
  definition: Kv.put,
  toCall: (r) => ({ kind: "kv-put", key: r.key, value: r.value, expectedVersion: r.expectedVersion ?? null }),
  toRequest: (c) => ({ key: c.key, value: c.value, expectedVersion: c.expectedVersion ?? undefined }),
  toResponse: ({ version }) => ({ version }),
  toReply: ({ version }) => ({ kind: "version", version }),
});

const GET = unary({
  kind: "kv-get",
  access: "use",
  definition: Kv.get,
  toCall: (r) => ({ kind: "kv-get", key: r.key }),
  toRequest: (c) => ({ key: c.key }),
  toResponse: (r) => ({ value: r.value ?? undefined, version: r.version }),
  toReply: (r) => ({ kind: "value", value: r.value ?? null, version: r.version }),
});

const DELETE = unary({
  kind: "kv-delete",
  access: "use",
  definition: Kv.delete,
  toCall: (r) => ({ kind: "kv-delete", key: r.key, expectedVersion: r.expectedVersion ?? null }),
  toRequest: (c) => ({ key: c.key, expectedVersion: c.expectedVersion ?? undefined }),
  toResponse: ({ version }) => ({ version }),
  toReply: ({ version }) => ({ kind: "version", version }),
});

const LIST = unary({
  kind: "kv-list",
  access: "use",
  definition: Kv.list,
  toCall: (r) => ({
    kind: "kv-list",
    prefix: r.prefix,
    afterKey: r.afterKey,
    limit: r.limit || LIST_ENTRIES_DEFAULT,
  }),
  toRequest: (c) => ({ prefix: c.prefix, afterKey: c.afterKey, limit: c.limit }),
  toResponse: (r) => ({ entries: [...r.entries], more: r.more }),
  toReply: (r) => ({ kind: "entries", entries: r.entries, more: r.more }),
});

export const KV_METHODS: readonly UnaryMethod[] = [PUT, GET, DELETE, LIST];

const IN_SESSION = [["put", PUT], ["get", GET], ["delete", DELETE], ["list", LIST]] as const;
const RESPONSE_CASE = { version: "version", value: "value", entries: "entries" } as const;

/** True for calls that a session carries. */
export function isSessionCall(call: Call): boolean {
  return KV_METHODS.some((method) => method.kind === call.kind);
}

export function sessionCall(request: KvRequest): Call {
  const method = IN_SESSION.find(([name]) => name === request.request?.$case)?.[1];
  if (method === undefined) {
    throw new SennitError("INVALID_ARGUMENT", "The request asks for nothing that is known");
  }
  return method.toCall(request.request!.value);
}

export function sessionRequest(requestId: number, call: Call): KvRequest {
  const [name, method] = IN_SESSION.find(([, candidate]) => candidate.kind === call.kind)!;
  return { requestId, request: { $case: name, value: method.toRequest(call) } as KvRequest["request"] };
}

export function sessionResponse(requestId: number, reply: Reply): KvResponse {
  if (reply.kind === "failed") {
    return { requestId, response: { $case: "failure", value: failureMessage(reply.error) } };
  }
  const method = KV_METHODS.find((candidate) => REPLIES.get(candidate) === reply.kind);
  if (method === undefined) throw new TypeError(`Expected a reply of the key-value: got "${reply.kind}"`);
  return {
    requestId,
    response: {
      $case: RESPONSE_CASE[reply.kind as keyof typeof RESPONSE_CASE],
      value: method.toResponse(reply),
    } as KvResponse["response"],
  };
}

export function sessionReply(response: KvResponse): Reply {
  const { response: content } = response;
  if (content === undefined) {
    throw new SennitError("VERSION_MISMATCH", "The response says nothing that is known");
  }
  if (content.$case === "failure") return { kind: "failed", error: failureFromMessage(content.value) };
  const method = content.$case === "version" ? PUT : content.$case === "value" ? GET : LIST;
  return method.toReply(content.value);
}

const REPLIES: ReadonlyMap<UnaryMethod, Reply["kind"]> = new Map<UnaryMethod, Reply["kind"]>([
  [PUT, "version"],
  [GET, "value"],
  [LIST, "entries"],
]);
