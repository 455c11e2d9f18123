/** What commands print: for people by default, JSON where asked for. Bytes that are no text are shown as base64. */
import type { SennitError } from "../core/errors.ts";
import type { GroupStatus, MemberStatus, NodeStatus, StreamStatus } from "../node/mod.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Writes to the standard output; resolves when it is taken, so that a slow reader slows the writer. */
export async function write(bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
}

export function line(text: string): Promise<void> {
  return write(encoder.encode(`${text}\n`));
}

/** One JSON document on one line; bytes become text, or `{"base64": …}` where they are none. */
export function json(value: unknown): string {
  // The holder's member, not the value given: a Buffer would have made itself plain before.
  return JSON.stringify(value, function (this: Record<string, unknown>, key: string, part: unknown) {
    const raw = this[key];
    return raw instanceof Uint8Array ? textOrBase64(raw) : part;
  });
}

export function textOrBase64(bytes: Uint8Array): string | { base64: string } {
  try {
    return decoder.decode(bytes);
  } catch {
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    return { base64: btoa(text) };
  }
}

/** What is said of a failure. */
export function describeError(error: SennitError, asJson: boolean): string {
  const { code, message, outcome, details } = error;
  return asJson ? json({ error: { code, message, outcome, details } }) : `${code}: ${message} (${outcome})`;
}

/** Columns as wide as their widest cell. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [head, ...rows.map((row) => row.map(String))];
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  return cells.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd())
    .join("\n");
}

export function describeStatus(status: NodeStatus): string {
  const head = status.state === "member"
    ? `${status.name} is member ${status.memberId} of mesh "${status.meshName}" (${status.meshId}), ` +
      `policy ${status.policy}, ${status.health}`
    : `${status.name} is ${status.state}`;
  const parts = [head, ...status.warnings.map((text) => `WARNING: ${text}`)];
  if (status.members.length > 0) {
    parts.push(table(["MEMBER", "NUMBER", "ROLE", "REACHABLE", "ADDRESSES"], status.members.map(memberRow)));
  }
  if (status.groups.length > 0) {
    parts.push(
      table(["GROUP", "ROLE", "LEADER", "TERM", "COMMIT", "APPLIED", "TROUBLE"], status.groups.map(groupRow)),
    );
  }
  if (status.streams.length > 0) parts.push(describeStreams(status.streams));
  return parts.join("\n\n");
}

export function describeStreams(streams: readonly StreamStatus[]): string {
  const head = ["STREAM", "STATE", "SOURCE", "TARGETS", "OFFSETS", "COMPLETED", "RETAINED"];
  return table(
    head,
    streams.map((stream) => [
      stream.name,
      stream.state,
      stream.source,
      stream.targets.join(","),
      `${stream.firstOffset}..${stream.nextOffset}`,
      stream.completedOffset,
      stream.retainedBytes,
    ]),
  );
}

function memberRow(member: MemberStatus): (string | number)[] {
  const reachable = member.self ? "self" : member.reachable ? `${member.rttMs.toFixed(1)} ms` : "no";
  return [member.name, member.number, member.role, reachable, member.addresses.join(",")];
}

function groupRow(group: GroupStatus): (string | number)[] {
  return [
    group.name,
    group.role,
    group.leader || "-",
    group.term,
    group.commit,
    group.applied,
    group.trouble,
  ];
}
