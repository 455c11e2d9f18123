/**
 * Bytes that did not arrive as they were sent end their session, and nothing in them is believed: every frame carries checksums
 * of its header and its content (CRC-32C, Castagnoli et al., 1993, which finds any burst of 32 bits and any three flips).
 */
import type { Host } from "../host.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

export class FrameIntegrity implements Checker {
  readonly name = "frame-integrity";
  /** Looks at hosts; how many corrupted frames there were says the ledger. */
  inputs = 0;

  check(host: Host): void {
    this.inputs += 1;
    if (!host.world.network.corruption.isTolerated(host)) return;
    throw new SafetyViolation(this.name, `${host.name} goes on with a session on which flipped bits arrived`);
  }
}
