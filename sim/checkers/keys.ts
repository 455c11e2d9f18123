/**
 * The texts under which checkers remember what they know of a group or of one of its members. They are asked for at every look, and
 * made once: putting one together and hashing it anew costs more than most checks.
 */

/** Generations, and of members their ids, from here on are put together each time. */
const REMEMBERED = 4_096;
const FIRST = 0;

/** By group and generation: the group's own text, and then its members' by id. */
const groups = new Map<number, string[]>();

export function groupKey(group: number, generation: number): string {
  if (generation >= REMEMBERED) return `${group}/${generation}`;
  return textsOf(group, generation)[FIRST]!;
}

export function memberKey(group: number, generation: number, member: number): string {
  if (generation >= REMEMBERED || member >= REMEMBERED) return `${group}/${generation}/${member}`;
  const texts = textsOf(group, generation);
  return texts[member + 1] ??= `${group}/${generation}/${member}`;
}

function textsOf(group: number, generation: number): string[] {
  const place = group * REMEMBERED + generation;
  let texts = groups.get(place);
  if (texts === undefined) groups.set(place, texts = [`${group}/${generation}`]);
  return texts;
}
