/**
 * Recovery epochs: what a mesh is called besides its id once it was recovered from a lost quorum. Members of different
 * epochs refuse each other, so that who was left behind can never take part again with its old log.
 *
 *   epoch = count << 24 | 24 random bits         as a u32, 0 for a mesh that was never recovered
 *
 * The count tells earlier from later. Two operators may recover two halves: both count the same, and the random bits
 * keep the halves apart.
 */
import { assert } from "../core/assert.ts";
import { isCount } from "../core/ids.ts";
import type { Random } from "../io/mod.ts";

const RANDOM_VALUES = 0x100_0000;
const COUNT_LIMIT = 0xff;

/** How many recoveries led to an epoch. */
export function recoveriesOf(epoch: number): number {
  return Math.floor(epoch / RANDOM_VALUES);
}

/** The epoch of a recovery of what is at `before`; null where a mesh was recovered more often than can be counted. */
export function nextRecoveryEpoch(before: number, random: Random, draw: number): number | null {
  const count = recoveriesOf(before) + 1;
  if (count > COUNT_LIMIT) return null;
  const epoch = count * RANDOM_VALUES + random.draw("node/recovery-epoch", draw) % RANDOM_VALUES;
  assert(
    isRecoveryEpoch(epoch) && recoveriesOf(epoch) > recoveriesOf(before),
    "an epoch follows those before",
  );
  return epoch;
}

export function isRecoveryEpoch(value: number): boolean {
  return isCount(value) && value <= 0xffff_ffff;
}

/** What it means that two members of one mesh meet with different epochs, for the one at `own`. */
export function otherEpochMeans(name: string, own: number, other: number): string {
  if (recoveriesOf(other) > recoveriesOf(own)) {
    return `The mesh was recovered without this node, as ${name} says: remove this node's data folder and join again`;
  }
  if (recoveriesOf(other) < recoveriesOf(own)) {
    return `${name} is of the mesh before its recovery and is refused: remove its data folder, it may join again`;
  }
  return `${name} was recovered apart from this node: two halves of the mesh live on by themselves. Decide on one, ` +
    "remove the data folders of the other and let its nodes join again";
}
