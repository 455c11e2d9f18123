/** Bugs of closed streams: groups that are left too early, too late, or come back. */
import type { Mutant } from "./mutant.ts";

export const CLOSINGS: readonly Mutant[] = [
  {
    id: "closed-dropped-before-all-know",
    says: "a closed stream is dropped although a member has not applied the end of its log",
    edits: [{
      file: "src/node/closings.ts",
      from: "    if (!membersOf(configuration).every((member) => ended.has(member))) return;\n",
      to: "    if (!membersOf(configuration).some((member) => ended.has(member))) return;\n",
    }],
  },
  {
    id: "closed-dropped-unprocessed",
    says: "a closed stream is dropped although a subscription has not processed what it holds",
    edits: [{
      file: "src/node/stream_host.ts",
      from: "    return closed && floor >= nextOffset;",
      to: "    return closed && floor <= nextOffset;",
    }],
  },
  {
    id: "closed-left-unasked",
    says: "a member leaves a closed stream's group once it has applied the end itself, and nobody is asked",
    edits: [{
      file: "src/node/housekeeping.ts",
      from: "    return closings.look(stream, state, now) || acted;",
      to:
        '    if (stream.hasEnded && stream.isSettled) {\n      runtime.removals.begin(group.id, new SennitError("STREAM_CLOSED", stream.record.name));\n' +
        "      return false;\n    }\n    return closings.look(stream, state, now) || acted;",
    }, {
      file: "src/node/housekeeping.ts",
      from: "  { streams, machines, closings }: Runtime,",
      to: "  runtime: Runtime,",
    }, {
      file: "src/node/housekeeping.ts",
      from: "  const stream = streams.get(group.id);",
      to: "  const { streams, machines, closings } = runtime;\n  const stream = streams.get(group.id);",
    }, {
      file: "src/node/housekeeping.ts",
      from: 'import type { Group } from "./group.ts";',
      to: 'import { SennitError } from "../core/errors.ts";\nimport type { Group } from "./group.ts";',
    }],
  },
  {
    id: "drop-missed-in-snapshot",
    says: "a member that is given the control state after a drop keeps the group",
    edits: [{
      file: "src/node/membership.ts",
      from: "    this.#dropGone(state);\n",
      to: "",
    }],
  },
  {
    id: "tombstone-ignored",
    says: "a member that replays its control log after a start opens a dropped group anew, empty",
    edits: [{
      file: "src/node/membership.ts",
      from: "    if (runtime.wal.isClosed(record.group, ONLY_GENERATION)) {",
      to: "    if (runtime.wal.isClosed(record.group, ONLY_GENERATION + 1)) {",
    }, {
      file: "src/node/group_opener.ts",
      from:
        "  return { id: group, generation: 0, name, initial, machine, recovered };\n}\n\nexport function machinePlan(",
      to:
        "  return { id: group, generation: recovered === null ? 1 : 0, name, initial, machine, recovered };\n}\n\nexport function machinePlan(",
    }],
  },
  {
    id: "dropped-snapshots-stay",
    says: "the snapshots of a dropped group stay on the disk",
    edits: [{
      file: "src/node/removals.ts",
      from: "removeAll((each) => each === group)",
      to: "removeAll((each) => each < group && each > group)",
    }],
  },
  {
    id: "dropped-outbox-stays",
    says: "what was only queued for a dropped stream stays in the log",
    edits: [{
      file: "src/wal/wal.ts",
      from:
        "      if (record.group === group && record.generation <= generation) this.releaseOutbox(record.id);",
      to:
        "      if (record.group === group && record.generation < generation) this.releaseOutbox(record.id);",
    }],
  },
  {
    id: "closed-refusal-certain",
    says:
      "a batch is refused as not applied by a stream that is closed in the control log and not yet in its own",
    edits: [{
      file: "src/node/publishing.ts",
      from: '      const known = state.closed ? "NOT_APPLIED" : "UNKNOWN";',
      to: '      const known = "NOT_APPLIED";',
    }],
  },
];
