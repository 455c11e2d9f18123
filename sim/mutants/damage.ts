/** Bugs of damage: what the disk gives back is not what was written, and is taken for it, cut off, or repaired wrongly. */
import type { Mutant } from "./mutant.ts";

export const DAMAGE: readonly Mutant[] = [
  {
    // The checksum of the batch and those of its contents say the same twice: the bug is that neither is looked at.
    id: "torn-tail-accepted",
    says: "recovery takes the last batch with whatever contents the crash left of it",
    edits: [{
      file: "src/wal/recovery.ts",
      from: "crc32c(bytes, at + header.headerBytes, next) === header.payloadCrc;",
      to: "((last && next === bytes.length) ||\n" +
        "          crc32c(bytes, at + header.headerBytes, next) === header.payloadCrc);",
    }, {
      file: "src/wal/replay.ts",
      from:
        "return { segment: batch.segment, offset: batch.payloadAt + payloadAt, lengthBytes, crc, damaged };",
      to: "const found = batch.payloadValid ? crc32c(batch.payload, payloadAt, end) : crc;\n" +
        "    return {\n      segment: batch.segment,\n      offset: batch.payloadAt + payloadAt,\n" +
        "      lengthBytes,\n      crc: found,\n      damaged,\n    };",
    }],
  },
  {
    id: "middle-corruption-as-torn-tail",
    says: "recovery cuts the log at the first bad batch, valid ones behind it or not",
    edits: [{
      file: "src/wal/recovery.ts",
      from: "if (last && later === null && !opening) {",
      to: "if (last && !opening) {",
    }],
  },
  {
    id: "damaged-read-accepted",
    says: "what is read back from the log is not compared with its checksum",
    edits: [{
      file: "src/wal/reader.ts",
      from: "if (end > event.bytes.length || crc32c(event.bytes, at, end) !== extent.crc) {",
      to: "if (end > event.bytes.length || crc32c(event.bytes, at, at) !== 0) {",
    }],
  },
  {
    id: "damaged-snapshot-accepted",
    says: "a snapshot is read without looking at its checksum",
    edits: [{
      file: "src/wal/snapshots.ts",
      from: "if (stored !== snapshotCrc(bytes)) throw",
      to: "if (stored < 0) throw",
    }],
  },
  {
    id: "refusal-taken-for-content",
    says:
      "a peer that does not hold a lost entry is taken to say that it is empty, and nothing verifies that",
    edits: [{
      file: "src/node/repair.ts",
      from: "if (content !== null && this.#write(wanted, from, content)) return;",
      to: "if (this.#write(wanted, from, content ?? new Uint8Array(wanted.term * 0))) return;",
    }, {
      file: "src/wal/wal.ts",
      from: "if (bytes.length === extent.lengthBytes && crc32c(bytes) === extent.crc) return;",
      to: "if (crc32c(bytes) === extent.crc || bytes.length <= extent.lengthBytes) return;",
    }],
  },
  {
    id: "lost-entry-kept",
    says:
      "what nobody holds any more and everybody has processed stays in the log, and who reads from there waits for ever",
    edits: [{
      file: "src/node/repair.ts",
      from: "      this.#host.group(wanted.group)?.letGo(wanted.index);\n",
      to: "",
    }],
  },
];
