/** Bugs of replication: what a follower takes and commits, what a leader believes of its peers, what is snapshot. */
import type { Mutant } from "./mutant.ts";

export const REPLICATION: readonly Mutant[] = [
  {
    id: "heartbeat-commits-all",
    says: "a heartbeat tells the commit index to who is not known to have so much",
    edits: [{
      file: "src/raft/replication.ts",
      from: "const commit = Math.min(progress.match, core.commit) as Index;",
      to: "const commit = core.commit;",
    }, {
      file: "src/raft/follower.ts",
      from: 'assert(message.commit <= core.log.lastIndex, "what was acknowledged is still there");\n' +
        "  core.commitTo(message.commit);",
      to: "core.commitTo(Math.min(message.commit, core.log.lastIndex) as Index);",
    }],
  },
  {
    id: "commit-without-own-quorum",
    says: "a leader takes its commit index for up to date as soon as it has an entry of its own term",
    edits: [{
      file: "src/raft/core.ts",
      from: "return this.log.termAt(this.commit) === this.term;",
      to: "return this.log.lastTerm === this.term;",
    }],
  },
  {
    id: "overwritten-write-counts",
    says: "the completion of a write counts for what has replaced it since (ABA)",
    edits: [{
      file: "src/raft/persistence.ts",
      from: "    this.#takeBack(index);\n    if (this.#nextIndex > index + 1)",
      to: "    if (this.#nextIndex > index + 1)",
    }, {
      file: "src/raft/persistence.ts",
      from: '    assert(this.#durableIndex <= index, "nothing that was dropped is durable");\n',
      to: "",
    }, {
      file: "src/raft/persistence.ts",
      from: '    assert(this.#durableIndex < this.#nextIndex, "only what was handed out is durable");\n',
      to:
        "    if (this.#durableIndex >= this.#nextIndex) this.#durableIndex = this.#nextIndex - 1 as Index;\n",
    }],
  },
  {
    id: "configuration-not-rolled-back",
    says: "an overwritten change of the configuration stays in force",
    edits: [{
      file: "src/raft/log.ts",
      from: "while (this.configurationIndex > index) this.#configurations.pop();",
      to: "while (this.configurationIndex > index && this.#count < 0) this.#configurations.pop();",
    }],
  },
  {
    id: "window-never-freed",
    says: "acknowledged bytes stay in a peer's window",
    edits: [{
      file: "src/raft/progress.ts",
      from: "this.#inflightBytes -= this.#sizes[this.#head]!;",
      to: "this.#inflightBytes -= 0 * this.#sizes[this.#head]!;",
    }, {
      file: "src/raft/progress.ts",
      from: "    this.#head = 0;\n    this.#inflightBytes = 0;\n",
      to: "    this.#head = 0;\n",
    }],
  },
  {
    id: "lost-probe-not-repeated",
    says: "a probe whose answer is lost is never sent again",
    edits: [{
      file: "src/raft/leader.ts",
      from: "  progress.probeSent = false;\n  if (progress.match < core.log.lastIndex",
      to: "  if (progress.match < core.log.lastIndex",
    }],
  },
  {
    id: "lost-append-not-repeated",
    says: "a window that does not move is not taken for lost",
    edits: [{
      file: "src/raft/leader.ts",
      from: "    progress.probeWanted = true;\n",
      to: "    progress.probeWanted = false;\n",
    }],
  },
  {
    id: "uncommitted-bytes-leak",
    says: "committed bytes still count against what may be proposed",
    edits: [{
      file: "src/raft/leader.ts",
      from: "leadership.uncommittedBytes -= core.log.lengthAt(index as Index);",
      to: "leadership.uncommittedBytes -= 0 * core.log.lengthAt(index as Index);",
    }],
  },
  {
    id: "no-entry-of-own-term",
    says: "a new leader appends nothing of its own",
    edits: [{
      file: "src/raft/leader.ts",
      from: "  appendOwn(core, leadership, EntryKind.Noop, 0, null);\n}",
      to: "  advanceCommit(core, leadership);\n}",
    }],
  },
  {
    // Leaders that send a snapshot where an append would do harm nobody by that; it is what brings one to a log that needs none.
    id: "snapshot-over-matching-log",
    says: "a snapshot, which leaders send too readily, throws away a log that holds all of it and more",
    edits: [{
      file: "src/raft/replication.ts",
      from:
        "  if (previousTerm === null) {\n    sendSnapshot(core, to, progress);\n    return;\n  }\n  sendAppend(",
      to: "  if (previousTerm === null || (progress.match === 0 && core.log.baseIndex > 0)) {\n" +
        "    sendSnapshot(core, to, progress);\n    return;\n  }\n  sendAppend(",
    }, {
      file: "src/raft/follower.ts",
      from:
        "    if (core.log.matches(snapshot.index, snapshot.term)) core.commitTo(snapshot.index);\n    else installSnapshot(core, snapshot);",
      to: "    installSnapshot(core, snapshot);",
    }],
  },
  {
    id: "snapshot-over-newer-log",
    says: "a snapshot, which leaders send too readily, takes the place of what was committed after it",
    edits: [{
      file: "src/raft/replication.ts",
      from:
        "  if (previousTerm === null) {\n    sendSnapshot(core, to, progress);\n    return;\n  }\n  sendAppend(",
      to: "  if (previousTerm === null || (progress.match === 0 && core.log.baseIndex > 0)) {\n" +
        "    sendSnapshot(core, to, progress);\n    return;\n  }\n  sendAppend(",
    }, {
      file: "src/node/group.ts",
      from: "if (index <= this.raft.commit) this.raft.step(from, message, now);",
      to: "if (index <= this.raft.baseIndex) this.raft.step(from, message, now);",
    }, {
      file: "src/raft/follower.ts",
      from:
        "if (snapshot.index > core.commit) {\n    if (core.log.matches(snapshot.index, snapshot.term)) core",
      to: "if (snapshot.index > log0(core)) {\n    " +
        "if (snapshot.index > core.commit && core.log.matches(snapshot.index, snapshot.term)) core",
    }, {
      file: "src/raft/follower.ts",
      from: "function acknowledge(core: Core, to: MemberId, index: Index): void {",
      to: "function log0(core: Core): number {\n  return core.log.baseIndex;\n}\n\n" +
        "function acknowledge(core: Core, to: MemberId, index: Index): void {",
    }, {
      file: "src/raft/follower.ts",
      from: '  assert(snapshot.index > core.commit, "a snapshot takes the commit forward");\n',
      to: "",
    }, {
      file: "src/raft/follower.ts",
      from: "  core.commitTo(snapshot.index);\n  core.applied = snapshot.index;",
      to: "  core.commit = core.applied = snapshot.index;",
    }, {
      file: "src/raft/persistence.ts",
      from:
        'assert(committed < index, "a snapshot takes the commit forward");\n    this.#takeBack(committed);',
      to: "this.#takeBack(Math.min(committed, index) as Index);",
    }],
  },
  {
    id: "snapshot-of-later-state",
    says: "a snapshot is labelled with the entry before the last that it holds",
    edits: [{
      file: "src/node/group.ts",
      from:
        "this.snapshots.take({ index, term, configuration: this.#appliedConfiguration }, this.machine.encode());",
      to: "const before = index - 1 as Index;\n      const termBefore = this.raft.termAt(before) ?? term;\n" +
        "      this.snapshots.take(\n        { index: before, term: termBefore, configuration: this.#appliedConfiguration },\n" +
        "        this.machine.encode(),\n      );",
    }],
  },
  {
    id: "old-configuration-in-snapshot",
    says: "a snapshot carries the configuration that the group began with",
    edits: [{
      file: "src/node/group.ts",
      from: "if (kind === EntryKind.Configuration) this.#appliedConfiguration = decodeConfiguration(bytes);",
      to: "if (kind === EntryKind.Configuration && bytes.length === 0) {\n" +
        "        this.#appliedConfiguration = decodeConfiguration(bytes);\n      }",
    }],
  },
  {
    id: "arrivals-outlive-turn",
    says: "the bytes of entries that arrived are still looked up after the turn that they were lent for",
    edits: [{
      file: "src/node/arrivals.ts",
      from: "    this.#arrivals = [];\n    this.#next = 0;",
      to: "    this.#next = 0;",
    }],
  },
  {
    id: "learners-counted",
    says: "learners count in a majority",
    edits: [{
      file: "src/raft/quorum.ts",
      from: "const incoming = majorityValue(configuration.incoming, valueOf);",
      to: "const incoming = majorityValue([...configuration.incoming, ...configuration.learners], valueOf);",
    }],
  },
];
