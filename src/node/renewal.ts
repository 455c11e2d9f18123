/**
 * Certificates last for months and a mesh for years: each node has its own renewed in time, without a restart. Who holds the
 * authority's key signs for itself; another one asks a holder over their session, which proves who asks.
 */
import type { MemberId } from "../core/ids.ts";
import type { Member } from "./control_state.ts";
import { type Authority, issueFor } from "./founding.ts";
import type { Runtime } from "./runtime.ts";

/** How often the age is looked at, and how long an answer may take before another holder is asked. */
const CHECK_MS = 60_000;

export class Renewal {
  readonly #runtime: Runtime;
  readonly #authority: () => Authority | null;
  #checkAtMs = 0;
  /** Counts the requests, so that holders are asked in turn. */
  #asked = 0;

  constructor(runtime: Runtime, authority: () => Authority | null) {
    this.#runtime = runtime;
    this.#authority = authority;
  }

  deadline(): number {
    return this.#runtime.state === "member" ? this.#checkAtMs : Infinity;
  }

  tick(now: number): void {
    const { state, settings, identity, io } = this.#runtime;
    if (state !== "member" || now < this.#checkAtMs || settings.certificates !== null) return;
    this.#checkAtMs = now + Math.min(CHECK_MS, settings.certificateRenewMs);
    const ageMs = io.clock.wallMs() - identity.certifiedWallMs;
    // A certificate from the future was issued under a wrong clock: that one is renewed as well.
    if (ageMs < settings.certificateRenewMs && ageMs >= 0) return;
    const authority = this.#authority();
    const self = this.#runtime.controlState?.member(this.#runtime.memberId) ?? null;
    if (self === null || self.leaving !== "no") return;
    if (authority !== null) this.#sign(authority, self, (certificate) => this.renewed(certificate));
    else this.#ask();
  }

  /** Another member asks; it is answered where this node holds the authority's key. */
  requested(from: MemberId): void {
    const authority = this.#authority();
    const member = this.#runtime.controlState?.member(from) ?? null;
    if (authority === null || member === null || member.leaving !== "no") return;
    this.#sign(authority, member, (certificate) => {
      this.#runtime.sendNode(from, { kind: "renewed", certificate });
    });
  }

  /** A new certificate for this node: kept, and shown from the next handshake on. */
  renewed(certificate: string): void {
    const { identity, io } = this.#runtime;
    if (certificate === "" || certificate === identity.certificate) return;
    const certifiedWallMs = Math.floor(io.clock.wallMs());
    this.#runtime.keepIdentity((current) => ({ ...current, certificate, certifiedWallMs }), () => {
      this.#runtime.observer?.reach("a certificate was renewed");
    }, (error) => this.#runtime.fail(error));
  }

  #ask(): void {
    const runtime = this.#runtime;
    const state = runtime.controlState!;
    const holders = state.members().filter(({ memberId }) => {
      return memberId !== runtime.memberId && state.share(memberId) !== null &&
        runtime.reachable.has(memberId);
    });
    if (holders.length === 0) return;
    const holder = holders[this.#asked++ % holders.length]!;
    runtime.sendNode(holder.memberId, { kind: "renew" });
  }

  #sign(authority: Authority, member: Member, done: (certificate: string) => void): void {
    // A failure is met by the next look at the age.
    this.#runtime.run(issueFor(this.#runtime.io, authority, member), done, () => {});
  }
}
