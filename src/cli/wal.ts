/** `sennit wal`: looks at the log and the snapshots in the data folder of a stopped node, and changes nothing. */
import { SennitError } from "../core/errors.ts";
import type { Index } from "../core/ids.ts";
import { DataFolder } from "../platform/mod.ts";
import { type RecoveredGroup, SEGMENT_BYTES_MIN, Snapshots, Wal, type WalRecovery } from "../wal/mod.ts";
import type { ArgumentsOf } from "./arguments.ts";
import { json, line, table, textOrBase64 } from "./output.ts";
import { Looker } from "./wal_disk.ts";

const WAL_FOLDER = "wal";
/** Entries loaded at a time. */
const DUMP_BYTES = 1024 * 1024;
/** Of an entry's content, for people. */
const PREVIEW_CHARACTERS = 60;
const KINDS = ["command", "noop", "configuration"];

interface SnapshotFinding {
  readonly group: number;
  readonly generation: number;
  readonly index: number;
  readonly sizeBytes: number;
  /** "" where it is sound. */
  readonly damage: string;
}

interface Opened {
  readonly looker: Looker;
  readonly wal: Wal;
  readonly recovery: WalRecovery;
}

/** Prints what the log holds and where it is damaged; throws DATA_DAMAGED where it is. */
export async function walCheck(args: ArgumentsOf<"wal-check">): Promise<void> {
  using _taken = await take(args.folder);
  const { looker, wal, recovery } = open(args.folder);
  const snapshots = checkSnapshots(looker);
  const { segments, bytes } = wal.status();
  const { damage, tornBytes, outbox } = recovery;
  const groups = recovery.groups.map(describeGroup);
  const lostOutbox = outbox.filter((record) => record.damaged).map(({ id, group }) => ({ id, group }));
  const report = {
    segments,
    bytes,
    tornBytes,
    groups,
    outboxRecords: outbox.length,
    lostOutbox,
    snapshots,
    damage,
  };
  await line(args.json ? json(report) : describe(report));
  const places = damage.length + snapshots.filter((each) => each.damage !== "").length;
  if (places === 0) return;
  const text = `"${args.folder}" is damaged in ${places} ${places === 1 ? "place" : "places"}`;
  throw new SennitError("DATA_DAMAGED", text, { details: { places } });
}

/** Prints entries, one line each. */
export async function walDump(args: ArgumentsOf<"wal-dump">): Promise<void> {
  using _taken = await take(args.folder);
  const opened = open(args.folder);
  if (opened.recovery.failure !== null) throw opened.recovery.failure;
  let left = args.limit;
  for (const group of opened.recovery.groups) {
    if (args.group !== undefined && group.group !== args.group) continue;
    left = await dumpGroup(opened, group, args.from, left, args.json);
  }
}

/** Refuses a folder without a log, and one that a node runs on. */
async function take(folder: string): Promise<Disposable> {
  const info = await Deno.stat(`${folder}/${WAL_FOLDER}`).catch(() => null);
  if (info?.isDirectory !== true) {
    const text = `"${folder}" is no data folder of a node: there is no folder "${WAL_FOLDER}" in it`;
    throw new SennitError("CONFIGURATION_INVALID", text);
  }
  const taken = await DataFolder.open(folder);
  return { [Symbol.dispose]: () => taken.close() };
}

function open(folder: string): Opened {
  const looker = new Looker(folder);
  const options = { folder: WAL_FOLDER, segmentBytes: SEGMENT_BYTES_MIN, cacheBytes: 0 };
  const wal = new Wal(options, looker.disk, looker.tokens);
  return { looker, wal, recovery: looker.run(wal.recover()) };
}

function checkSnapshots(looker: Looker): SnapshotFinding[] {
  const files = new Snapshots(looker.disk);
  return looker.run(files.list()).map(({ group, generation, index, sizeBytes }) => {
    let damage = "";
    try {
      looker.run(files.read(group, generation, index));
    } catch (error) {
      if (!(error instanceof SennitError)) throw error;
      damage = error.message;
    }
    return { group, generation, index, sizeBytes, damage };
  });
}

function describeGroup({ group, generation, base, hardState, entries }: RecoveredGroup) {
  const { term, vote, commit } = hardState;
  const lost = entries.filter((entry) => entry.damaged).map((entry) => entry.index);
  return { group, generation, base: base.index, last: base.index + entries.length, term, vote, commit, lost };
}

function describe(
  { segments, bytes, tornBytes, groups, outboxRecords, lostOutbox, snapshots, damage }: {
    readonly segments: number;
    readonly bytes: number;
    readonly tornBytes: number;
    readonly groups: readonly ReturnType<typeof describeGroup>[];
    readonly outboxRecords: number;
    readonly lostOutbox: readonly { readonly id: number; readonly group: number }[];
    readonly snapshots: readonly SnapshotFinding[];
    readonly damage: WalRecovery["damage"];
  },
): string {
  const facts = [
    `${segments} ${segments === 1 ? "segment" : "segments"}, ${bytes} bytes, ${outboxRecords} outbox records`,
  ];
  if (tornBytes > 0) {
    facts.push(`${tornBytes} bytes at the end were never synced; the next start cuts them off`);
  }
  const head = ["GROUP", "GENERATION", "LOG", "TERM", "VOTE", "COMMIT", "LOST"];
  const rows = groups.map((each) => [
    each.group,
    each.generation,
    `(${each.base}, ${each.last}]`,
    each.term,
    each.vote === 0 ? "-" : each.vote,
    each.commit,
    each.lost.length === 0 ? "-" : `${each.lost.length} from ${each.lost[0]} on`,
  ]);
  const parts = [facts.join("\n")];
  if (rows.length > 0) parts.push(table(head, rows));
  const bad = [
    ...damage.map(({ file, offset, part, groups, message }) =>
      `${file}, byte ${offset}: ${message} (${part}; groups ${
        groups === null ? "unknown" : groups.join(", ")
      })`
    ),
    ...lostOutbox.map(({ id, group }) => `outbox record ${id} of group ${group} is lost`),
    ...snapshots.filter((each) => each.damage !== "").map((each) => each.damage),
  ];
  parts.push(bad.length === 0 ? "no damage" : bad.join("\n"));
  return parts.join("\n\n");
}

/** Returns how many more may be printed. */
async function dumpGroup(
  { looker, wal }: Opened,
  { group, generation, base, entries }: RecoveredGroup,
  from: number,
  limit: number,
  asJson: boolean,
): Promise<number> {
  const last = base.index + entries.length;
  let left = limit;
  for (let index = Math.max(from, base.index + 1); index <= last && left > 0;) {
    wal.load(group, index as Index, last as Index, DUMP_BYTES);
    looker.pump((event) => wal.onDisk(event));
    const [loaded] = wal.takeLoaded();
    for (const entry of loaded!.entries) {
      if (left-- <= 0) break;
      await line(describeEntry({ ...entry, group, generation }, entry.bytes, asJson));
      index = entry.index + 1;
    }
    if (loaded!.entries.length > 0) continue;
    const { term, kind, lengthBytes } = entries[index - base.index - 1]!;
    if (left-- > 0) {
      await line(describeEntry({ group, generation, index, term, kind, lengthBytes }, null, asJson));
    }
    index++;
  }
  return left;
}

interface DumpedEntry {
  readonly group: number;
  readonly generation: number;
  readonly index: number;
  readonly term: number;
  readonly kind: number;
  readonly lengthBytes?: number;
}

/** `bytes` is null where the content is lost. */
function describeEntry(entry: DumpedEntry, bytes: Uint8Array | null, asJson: boolean): string {
  const { group, generation, index, term } = entry;
  const kind = KINDS[entry.kind] ?? String(entry.kind);
  const lengthBytes = bytes?.length ?? entry.lengthBytes ?? 0;
  if (asJson) return json({ group, generation, index, term, kind, lengthBytes, content: bytes });
  const content = bytes === null ? "LOST" : preview(bytes);
  return `${group} ${index} term ${term} ${kind} ${lengthBytes} bytes ${content}`;
}

function preview(bytes: Uint8Array): string {
  const text = textOrBase64(bytes.subarray(0, PREVIEW_CHARACTERS));
  const shown = typeof text === "string" ? JSON.stringify(text) : text.base64;
  return bytes.length > PREVIEW_CHARACTERS ? `${shown}…` : shown;
}
