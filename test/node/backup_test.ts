import { assertEquals, assertThrows } from "@std/assert";
import { concatBytes } from "../../src/core/bytes.ts";
import { DecodeError, SennitError } from "../../src/core/errors.ts";
import { BackupCheck } from "../../src/node/backup_check.ts";
import { BackupDecoder, BackupEncoder, type BackupSection } from "../../src/node/backup_format.ts";
import { sha256 } from "../../src/platform/deno_crypto.ts";
import { backup as backupOf, backupSections } from "../compat/backup_sample.ts";
import { controlState } from "../compat/samples.ts";

const backup = () => backupOf(controlState());
const HASH = { sha256: (bytes: Uint8Array) => sha256(bytes) };

function verify(bytes: Uint8Array) {
  const check = new BackupCheck(HASH);
  for (const section of backupSections(bytes)) check.take(section);
  return check.summary();
}

/** The same backup with its sections changed, and all checksums right. */
function rewritten(change: (sections: BackupSection[]) => BackupSection[]): Uint8Array {
  const encoder = new BackupEncoder(HASH);
  const parts = [encoder.head()];
  for (const section of change([...backupSections(backup())])) {
    parts.push(section.kind === "end" ? encoder.end() : encoder.section(section));
  }
  return concatBytes(parts);
}

Deno.test("BackupCheck says what a backup holds", () => {
  const summary = verify(backup());
  assertEquals(
    summary.groups.map(({ name, entries, firstOffset, nextOffset }) => {
      return [name, entries, firstOffset, nextOffset];
    }),
    [["control", 0, 0, 0], ["orders", 3, 0, 1]],
  );
  assertEquals([summary.node, summary.keys, summary.missing], ["a", 1, []]);
});

Deno.test("BackupCheck notices every bit that is flipped, and every end that comes too early or too late", () => {
  const good = backup();
  for (let bit = 0; bit < 8 * good.length; bit++) {
    const bytes = good.slice();
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    try {
      verify(bytes);
    } catch (error) {
      const isKnown = error instanceof DecodeError ||
        (error instanceof SennitError && error.code === "VERSION_MISMATCH");
      if (!isKnown) throw error;
      continue;
    }
    throw new Error(`Bit ${bit} is flipped and nobody says so`);
  }
  for (let length = 0; length < good.length; length++) {
    assertThrows(() => verify(good.subarray(0, length)), DecodeError);
  }
  assertThrows(() => verify(concatBytes([good, good.subarray(8)])), DecodeError);
});

Deno.test("BackupCheck refuses what no node writes although every checksum holds", () => {
  type Change = (sections: BackupSection[]) => BackupSection[];
  const without = (kind: BackupSection["kind"], nth: number): Change => (sections) => {
    let seen = 0;
    return sections.filter((section) => section.kind !== kind || seen++ !== nth);
  };
  const changed =
    (kind: BackupSection["kind"], nth: number, change: (section: never) => unknown): Change => (sections) => {
      let seen = 0;
      return sections.map((section) =>
        section.kind === kind && seen++ === nth ? change(section as never) as BackupSection : section
      );
    };
  const cases: [string, Change, RegExp][] = [
    ["no mesh", without("mesh", 0), /not in their order/],
    ["no control group", (all) => [all[0]!, ...all.slice(5)], /not in their order/],
    ["half of a state", without("state", 1), /not of|not complete|Truncated|unexpected/],
    ["a page of entries is missing", without("entries", 0), /does not follow/],
    ["the last page is missing", without("entries", 1), /not complete/],
    ["a group's end is missing", without("group-end", 1), /before all of its groups/],
    [
      "another state at the end",
      changed("group-end", 1, () => ({ kind: "group-end", digest: new Uint8Array(32) })),
      /does not lead to/,
    ],
    [
      "another stream",
      changed("group", 1, (group: object) => ({ ...group, name: "others" })),
      /not in the mesh's directory/,
    ],
    [
      "another mesh",
      changed("mesh", 0, (mesh: object) => ({ ...mesh, meshId: "01J00000000000000000000001" })),
      /of another mesh/,
    ],
    ["no state", changed("group", 1, (group: object) => ({ ...group, stateBytes: 0 })), /has 0 bytes/],
  ];
  for (const [what, change, pattern] of cases) {
    const error = assertThrows(() => verify(rewritten(change)), Error, undefined, what);
    if (!(error instanceof DecodeError) || !pattern.test(error.message)) throw error;
  }
});

Deno.test("BackupDecoder says that a later format needs a later build, and that another file is no backup", () => {
  const later = backup();
  later[5] = 2;
  const error = assertThrows(() => verify(later), SennitError, "format 2");
  assertEquals((error as SennitError).code, "VERSION_MISMATCH");
  assertThrows(() => new BackupDecoder(HASH).head(new Uint8Array(8)), DecodeError, "no backup");
});
