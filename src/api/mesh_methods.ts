/** The unary methods of MeshService. */
import type { MemberId, NodeNumber } from "../core/ids.ts";
import type { GroupStatus, JoinPolicy, MemberStatus, NodeStatus, StreamStatus } from "../node/calls.ts";
import {
  type GroupStatus as WireGroup,
  JoinPolicy as WirePolicy,
  MeshServiceService as Mesh,
  Role as WireRole,
  type StatusReply,
  type StreamStatus as WireStream,
} from "../../proto/gen/sennit/mesh/v1/mesh.ts";
import { unary, type UnaryMethod } from "./method.ts";
import { chosen } from "./words.ts";

const HOUR_MS = 3_600_000;
const DONE = { kind: "done" } as const;

const POLICIES: readonly (readonly [JoinPolicy, WirePolicy])[] = [
  ["OPEN", WirePolicy.JOIN_POLICY_OPEN],
  ["KEY_REQUIRED", WirePolicy.JOIN_POLICY_KEY_REQUIRED],
  ["CLOSED", WirePolicy.JOIN_POLICY_CLOSED],
];
const POLICY = chosen("policy", POLICIES);
const ROLE = chosen<"client" | "admin", WireRole>("role", [
  ["client", WireRole.ROLE_CLIENT],
  ["admin", WireRole.ROLE_ADMIN],
]);

interface WireJoined {
  readonly meshId: string;
  readonly meshName: string;
  readonly memberId: number;
}

const joinedResponse = ({ meshId, meshName, memberId }: WireJoined) => ({ meshId, meshName, memberId });
const joinedReply = ({ meshId, meshName, memberId }: WireJoined) => ({
  kind: "joined" as const,
  meshId,
  meshName,
  memberId: memberId as MemberId,
});

export const MESH_METHODS: readonly UnaryMethod[] = [
  unary({
    kind: "seed",
    access: "admin",
    definition: Mesh.seed,
    toCall: (r) => ({
      kind: "seed",
      meshName: r.meshName,
      policy: POLICY.read(r.policy, "OPEN"),
      joinKey: r.joinKey,
    }),
    toRequest: (c) => ({ meshName: c.meshName, policy: POLICY.write(c.policy), joinKey: c.joinKey }),
    toResponse: joinedResponse,
    toReply: joinedReply,
  }),
  unary({
    kind: "invite",
    access: "admin",
    definition: Mesh.invite,
    toCall: (r) => ({ kind: "invite", validMs: r.validMs || HOUR_MS }),
    toRequest: (c) => ({ validMs: c.validMs }),
    toResponse: (r) => ({ token: r.text }),
    toReply: (r) => ({ kind: "text", text: r.token }),
  }),
  unary({
    kind: "join",
    access: "admin",
    definition: Mesh.join,
    toCall: (r) => ({ kind: "join", token: r.token, joinKey: r.joinKey }),
    toRequest: (c) => ({ token: c.token, joinKey: c.joinKey }),
    toResponse: joinedResponse,
    toReply: joinedReply,
  }),
  unary({
    kind: "leave",
    access: "admin",
    definition: Mesh.leave,
    toCall: () => ({ kind: "leave" }),
    toRequest: () => ({}),
    toResponse: () => ({}),
    toReply: () => DONE,
  }),
  unary({
    kind: "evict",
    access: "admin",
    definition: Mesh.evict,
    toCall: (r) => ({ kind: "evict", name: r.name }),
    toRequest: (c) => ({ name: c.name }),
    toResponse: () => ({}),
    toReply: () => DONE,
  }),
  unary({
    kind: "set-policy",
    access: "admin",
    definition: Mesh.setPolicy,
    toCall: (r) => ({ kind: "set-policy", policy: POLICY.read(r.policy, null), joinKey: r.joinKey }),
    toRequest: (c) => ({ policy: POLICY.write(c.policy), joinKey: c.joinKey }),
    toResponse: () => ({}),
    toReply: () => DONE,
  }),
  unary({
    kind: "issue-client",
    access: "admin",
    definition: Mesh.issueClient,
    toCall: (r) => ({ kind: "issue-client", name: r.name, role: ROLE.read(r.role, "client") }),
    toRequest: (c) => ({ name: c.name, role: ROLE.write(c.role) }),
    toResponse: ({ certificate, privateKey, trust }) => ({ certificate, privateKey, trust: [...trust] }),
    toReply: ({ certificate, privateKey, trust }) => ({
      kind: "credentials",
      certificate,
      privateKey,
      trust,
    }),
  }),
  unary({
    kind: "transfer-leadership",
    access: "admin",
    definition: Mesh.transferLeadership,
    toCall: (r) => ({ kind: "transfer-leadership", stream: r.stream, to: r.to }),
    toRequest: (c) => ({ stream: c.stream, to: c.to }),
    toResponse: () => ({}),
    toReply: () => DONE,
  }),
  unary({
    kind: "raise-feature-level",
    access: "admin",
    definition: Mesh.raiseFeatureLevel,
    toCall: (r) => ({ kind: "raise-feature-level", level: r.level }),
    toRequest: (c) => ({ level: c.level }),
    toResponse: () => ({}),
    toReply: () => DONE,
  }),
  unary({
    kind: "status",
    access: "read",
    definition: Mesh.status,
    toCall: () => ({ kind: "status" }),
    toRequest: () => ({}),
    toResponse: (r) => statusResponse(r.status),
    toReply: (r) => ({ kind: "status", status: statusOf(r) }),
  }),
];

/** A copy whose lists may be changed: what the generated code wants, though it changes none. */
export function streamResponse(stream: StreamStatus): WireStream {
  return {
    ...stream,
    targets: [...stream.targets],
    borrowed: [...stream.borrowed],
    subscriptions: [...stream.subscriptions],
  };
}

export function streamOf(stream: WireStream): StreamStatus {
  return { ...stream, state: word(stream.state, ["open", "closed"]) };
}

function groupResponse(group: GroupStatus): WireGroup {
  const { voters, outgoing, learners, observers, peers } = group;
  return {
    ...group,
    voters: [...voters],
    outgoing: [...outgoing],
    learners: [...learners],
    observers: [...observers],
    peers: [...peers],
  };
}

function statusResponse(status: NodeStatus): StatusReply {
  return {
    ...status,
    members: status.members.map((member) => ({ ...member, addresses: [...member.addresses] })),
    groups: status.groups.map(groupResponse),
    streams: status.streams.map(streamResponse),
    warnings: [...status.warnings],
  };
}

function statusOf(reply: StatusReply): NodeStatus {
  return {
    ...reply,
    state: word(reply.state, ["empty", "joining", "member", "evicted", "failed"]),
    health: word(reply.health, ["HEALTHY", "DEGRADED", "CRITICAL"]),
    members: reply.members.map((member): MemberStatus => ({
      ...member,
      memberId: member.memberId as MemberId,
      number: member.number as NodeNumber,
      role: word(member.role, ["voter", "learner", "observer", "none"]),
    })),
    streams: reply.streams.map(streamOf),
    wal: reply.wal ?? { segments: 0, bytes: 0, durableLsn: 0 },
  };
}

/** One of the words that this version knows. */
function word<Word extends string>(text: string, words: readonly Word[]): Word {
  const known = words.find((candidate) => candidate === text);
  if (known === undefined) throw new TypeError(`Expected one of ${words.join(", ")}: got "${text}"`);
  return known;
}
