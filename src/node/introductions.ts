/**
 * Members that others have not heard of yet. Who was away while a node was admitted refuses that node's sessions, until it
 * has applied the admission. Where the newcomer leads, nobody else could bring it that far: so a newcomer that is refused
 * asks the members that it does reach, and whoever has a session to the one that refused tells it who the newcomer is.
 */
import type { MemberId } from "../core/ids.ts";
import { MEMBERS_LIMIT } from "../core/limits.ts";
import { SECOND_FEATURE_LEVEL } from "./feature_level.ts";
import type { IdentityPeer } from "./identity.ts";
import type { Runtime } from "./runtime.ts";

/** This node was told at another member, by its name, that it is not known there. */
export function seekIntroduction(runtime: Runtime, name: string): void {
  const state = runtime.controlState;
  const member = state?.memberByName(name) ?? null;
  if (state === null || member === null || state.featureLevel < SECOND_FEATURE_LEVEL) return;
  for (const reached of runtime.reachable) {
    runtime.sendNode(reached, { kind: "introduce", member: member.memberId });
  }
}

/** `newcomer` asks to be made known to `to`. */
export function introduce(runtime: Runtime, newcomer: MemberId, to: MemberId): void {
  const member = runtime.controlState?.member(newcomer) ?? null;
  if (member === null || member.leaving !== "no" || !runtime.reachable.has(to)) return;
  const { number, memberId, name, addresses } = member;
  runtime.sendNode(to, { kind: "introduced", peer: { number, memberId, name, addresses } });
}

/** Another member says who this is. What is applied here already decides for itself. */
export function introduced(runtime: Runtime, peer: IdentityPeer): void {
  const state = runtime.controlState;
  if (state === null || peer.memberId <= state.applied || peer.memberId === runtime.memberId) return;
  if (runtime.expected.toldCount >= MEMBERS_LIMIT) return;
  runtime.expected.tell([peer]);
  runtime.setPeers(state.members(), state.applied);
  runtime.observer?.reach("a newcomer is introduced to who was away");
}
