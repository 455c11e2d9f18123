/**
 * Whose a decision is, told by how its site's name begins. The world decides faults, latencies and what clients do: a tape may
 * take any of it away. What a node draws for itself, and what only has to be unique, stays the seed's.
 */

/** Of the nodes' randomness ports. */
export const NODE_SITES = "node/";
/** Secrets of simulated keys: two of the same would be one key. */
export const KEY_SITES = "key/";

/** True where a tape decides the site. */
export function isOfWorld(site: string): boolean {
  return !site.startsWith(NODE_SITES) && !site.startsWith(KEY_SITES);
}
