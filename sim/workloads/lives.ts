/**
 * A name of a stream that was dropped may be opened again: another stream, with other messages, producers and consumers. What
 * a run keeps of it is kept under the name and the number of its life, the first under the name alone.
 */

export function lifeOf(name: string, number: number): string {
  return number === 1 ? name : `${name}~${number}`;
}

/** What the mesh calls it. */
export function nameOf(life: string): string {
  return life.split("~")[0]!;
}

/** From 1 on. */
export function numberOf(life: string): number {
  return Number(life.split("~")[1] ?? 1);
}
