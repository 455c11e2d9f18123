/** `sennit raft`: the consensus groups of a node, and who leads them. */
import { SennitError } from "../core/errors.ts";
import { expectReply, type Face } from "../client/mod.ts";
import type { GroupStatus } from "../node/mod.ts";
import type { ArgumentsOf } from "./arguments.ts";
import { json, line, table } from "./output.ts";

/** How long a new leader is waited for, and how often it is looked for. */
const TRANSFER_MS = 10_000;
const LOOK_MS = 50;

export async function raftList(face: Face, args: ArgumentsOf<"raft-ls">): Promise<void> {
  const groups = await groupsOf(face);
  if (args.json) return await line(json(groups));
  const head = ["GROUP", "ID", "ROLE", "TERM", "LEADER", "COMMIT", "APPLIED", "LOG", "VOTERS", "TROUBLE"];
  const rows = groups.map((group) => [
    group.name,
    group.group,
    group.role,
    group.term,
    group.leader || "-",
    group.commit,
    group.applied,
    logOf(group),
    group.voters.join(","),
    group.trouble,
  ]);
  await line(table(head, rows));
}

export async function raftShow(face: Face, args: ArgumentsOf<"raft-show">): Promise<void> {
  const group = await groupNamed(face, args.group);
  if (args.json) return await line(json(group));
  const configuration = [
    `voters ${group.voters.join(", ")}`,
    ...(group.outgoing.length > 0 ? [`outgoing ${group.outgoing.join(", ")}`] : []),
    ...(group.learners.length > 0 ? [`learners ${group.learners.join(", ")}`] : []),
    ...(group.observers.length > 0 ? [`observers ${group.observers.join(", ")}`] : []),
  ].join("; ");
  const facts: [string, string | number][] = [
    ["group", `${group.name} (${group.group}, generation ${group.generation})`],
    ["role", group.role],
    ["term", group.term],
    ["leader", group.leader || "-"],
    ["vote", group.vote || "-"],
    ["commit", group.commit],
    ["applied", group.applied],
    ["log", `${logOf(group)}, durable to ${group.durable}`],
    ["configuration", configuration],
    ["pulls from", group.source],
    ["handing over to", group.transferTo],
    ["trouble", group.trouble],
  ];
  const width = Math.max(...facts.map(([name]) => name.length));
  for (const [name, value] of facts) if (value !== "") await line(`${name.padEnd(width)}  ${value}`);
  if (group.peers.length === 0) return;
  const peers = group.peers.map(({ member, state, match }) => [member, state, match]);
  await line(`\n${table(["PEER", "STATE", "MATCH"], peers)}`);
}

/** Asks for the change and ends once it is seen; TIMEOUT where it is not: the group goes on as it was, or with another. */
export async function raftTransfer(face: Face, args: ArgumentsOf<"raft-transfer">): Promise<void> {
  const { group: name, to } = args;
  const group = await groupNamed(face, name);
  await face.call({ kind: "transfer-leadership", stream: group.name, to });
  const deadline = performance.now() + TRANSFER_MS;
  for (let now = group; now.leader !== to; now = await groupNamed(face, name)) {
    if (performance.now() > deadline) {
      const text =
        `${to} does not lead ${group.name} after ${TRANSFER_MS} ms, the leader is ${
          now.leader || "nobody"
        }: ` +
        `see \`sennit raft show ${group.name}\` and repeat`;
      throw new SennitError("TIMEOUT", text, { outcome: "UNKNOWN", details: { leader: now.leader } });
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  const { leader, term } = await groupNamed(face, name);
  await line(
    args.json ? json({ group: group.name, leader, term }) : `${leader} leads ${group.name} in term ${term}`,
  );
}

function logOf({ first, last }: GroupStatus): string {
  return first > last ? `empty after ${last}` : `${first}..${last}`;
}

async function groupsOf(face: Face): Promise<readonly GroupStatus[]> {
  return expectReply(await face.call({ kind: "status" }), "status").status.groups;
}

/** By name, or by number where no name is so. */
async function groupNamed(face: Face, text: string): Promise<GroupStatus> {
  const groups = await groupsOf(face);
  const found = groups.find(({ name }) => name === text) ??
    groups.find(({ group }) => String(group) === text);
  if (found !== undefined) return found;
  const known = groups.map(({ name }) => name).join(", ") || "none";
  throw new SennitError("NOT_FOUND", `This node holds no group "${text}": it holds ${known}`);
}
