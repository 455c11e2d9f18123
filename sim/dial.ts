/**
 * A dial under way. One that nobody answers either fails after a while, because somebody on the way says that there is no
 * way, or nobody says anything: then the transport asks again and again, each time after twice as long (RFC 6298, section
 * 5.5), for longer than a node waits. So a dial may also succeed that its node has given up.
 */
import type { Token } from "../src/core/ids.ts";
import type { DialTarget } from "../src/io/mod.ts";
import type { ConnectionEnd } from "./connection.ts";
import type { Host } from "./host.ts";
import type { Draws } from "./prf.ts";

const FAIL_MIN_US = 500_000;
const FAIL_LIMIT_US = 2_000_000;
const SILENT_PER_MILLION = 300_000;
const FIRST_AGAIN_US = 1_000_000;
/** As many as make a minute. */
const TRIES = 6;

export class Dial {
  readonly host: Host;
  readonly incarnation: number;
  readonly token: Token;
  readonly target: DialTarget;
  readonly submittedUs: number;
  end: ConnectionEnd | null = null;
  /** How often nobody answered. */
  #tries = 0;
  #isSilent = false;

  constructor(host: Host, token: Token, target: DialTarget, submittedUs: number) {
    this.host = host;
    this.incarnation = host.incarnation;
    this.token = token;
    this.target = target;
    this.submittedUs = submittedUs;
  }

  /** Nobody answers: when the transport asks again, or when it is said that nobody does. */
  unanswered(draws: Draws): { readonly kind: "again" | "fails"; readonly afterUs: number } {
    const afterUs = draws.between(FAIL_MIN_US, FAIL_LIMIT_US);
    if (this.#tries === 0) this.#isSilent = draws.chance(SILENT_PER_MILLION);
    if (!this.#isSilent || this.#tries === TRIES) return { kind: "fails", afterUs };
    return { kind: "again", afterUs: FIRST_AGAIN_US << this.#tries++ };
  }
}
