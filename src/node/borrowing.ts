/**
 * Full log replicas that a stream borrows: members that are neither source nor target, hold every batch, vote and deliver
 * nothing. A stream of a source and one target stops committing while either is away; with one replica more it goes on.
 *
 * Every member says in the control log how many bytes it lends. What is taken of it is the retention of all streams
 * that it is borrowed by, and the log's own order decides who comes first. A pure function of replicated state.
 */
import type { MemberId } from "../core/ids.ts";
import type { Member, StreamRecord } from "./control_state.ts";

/** Members of a stream's group that hold its log for others. */
export function borrowedBy({ source, targets, initial }: StreamRecord): readonly MemberId[] {
  return initial.incoming.filter((member) => member !== source && !targets.includes(member));
}

/** Bytes of what `member` lends that these streams may use. */
export function borrowedBytes(member: MemberId, streams: readonly StreamRecord[]): number {
  return streams.filter((stream) => borrowedBy(stream).includes(member))
    .reduce((total, { retentionBytes }) => total + retentionBytes, 0);
}

export interface Borrowing {
  readonly count: number;
  /** That each of them must have free. */
  readonly bytes: number;
  /** Members of the stream without these. */
  readonly taken: readonly MemberId[];
  readonly members: readonly Member[];
  readonly streams: readonly StreamRecord[];
  readonly lent: ReadonlyMap<MemberId, number>;
}

export type Borrowed =
  | { readonly kind: "members"; readonly members: readonly MemberId[] }
  | { readonly kind: "refused"; readonly message: string };

/** The members with most free space first; on hosts where none of the stream is, where there is a choice. */
export function borrowedReplicas({ count, bytes, taken, members, streams, lent }: Borrowing): Borrowed {
  if (count === 0) return { kind: "members", members: [] };
  const used = new Set(members.filter(({ memberId }) => taken.includes(memberId)).flatMap(hostsOf));
  const lenders = members.filter(({ memberId, leaving }) =>
    leaving === "no" && !taken.includes(memberId) && lent.has(memberId)
  ).map((member) => ({ member, free: lent.get(member.memberId)! - borrowedBytes(member.memberId, streams) }));
  const fit = lenders.filter(({ free }) => free >= bytes);
  const chosen: MemberId[] = [];
  while (chosen.length < count) {
    const sharing = ({ member }: { readonly member: Member }) =>
      hostsOf(member).some((host) => used.has(host)) ? 1 : 0;
    const next = fit.filter(({ member }) => !chosen.includes(member.memberId))
      .sort((a, b) => sharing(a) - sharing(b) || b.free - a.free || a.member.memberId - b.member.memberId)[0];
    if (next === undefined) return { kind: "refused", message: refusal(count, bytes, fit.length, lenders) };
    chosen.push(next.member.memberId);
    for (const host of hostsOf(next.member)) used.add(host);
  }
  return { kind: "members", members: chosen };
}

function refusal(
  count: number,
  bytes: number,
  fit: number,
  lenders: readonly { readonly member: Member; readonly free: number }[],
): string {
  const who = lenders.map(({ member, free }) => `${member.name} has ${Math.max(0, free)} left`).join(", ");
  return `Cannot borrow ${count} replicas of ${bytes} bytes each, ${fit} can be had` +
    ` (${who || "nobody besides source and targets lends space"}): ` +
    "raise borrowedBytesLimit of a member that is neither source nor target, or lower the stream's retention";
}

/** Without ports. */
export function hostsOf({ addresses }: { readonly addresses: readonly string[] }): string[] {
  return [
    ...new Set(addresses.map((address) => address.slice(0, Math.max(0, address.lastIndexOf(":"))))),
  ];
}
