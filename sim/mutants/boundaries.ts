/** Bugs by one: at a boundary, by a comparison that lets one more in or one less, by a term that is not looked at. */
import type { Mutant } from "./mutant.ts";

export const BOUNDARIES: readonly Mutant[] = [
  {
    id: "truncation-keeps-a-term",
    says: "a log that is cut where a term begins still counts as ending in that term",
    edits: [{
      file: "src/raft/log.ts",
      from: "this.#runs[this.#runs.length - 1]!.first > index) this.#runs.pop();",
      to: "this.#runs[this.#runs.length - 1]!.first > index + 1) this.#runs.pop();",
    }],
  },
  {
    id: "base-term-of-before",
    says: "a log that was compacted tells the term of its base as it was before",
    edits: [{
      file: "src/raft/log.ts",
      from: "    this.#baseIndex = index;\n    this.#baseTerm = term;\n    const next",
      to:
        "    this.#baseIndex = index;\n    if (this.#baseTerm === 0) this.#baseTerm = term;\n    const next",
    }],
  },
  {
    id: "late-acknowledgement-counts",
    says: "an acknowledgement of an earlier term moves the match index of a later one",
    edits: [{
      file: "src/raft/leader.ts",
      from: "if (leadership === null || progress === undefined || message.term < core.term) return;\n" +
        '  assert(message.term === core.term, "a later term was entered before");\n' +
        "  progress.contactMs = core.now;\n  if (!message.success) {",
      to: "if (leadership === null || progress === undefined) return;\n" +
        "  progress.contactMs = core.now;\n  if (!message.success) {",
    }, {
      file: "src/raft/leader.ts",
      from: '  assert(message.index <= log.lastIndex, "nobody has more than the leader");\n',
      to: "  if (message.index > log.lastIndex) return;\n",
    }],
  },
  {
    id: "late-heartbeat-confirms",
    says: "an answer to a heartbeat of an earlier term confirms a read of a later one",
    edits: [{
      file: "src/raft/leader.ts",
      from: "if (leadership === null || progress === undefined || message.term < core.term) return;\n" +
        '  assert(message.term === core.term, "a later term was entered before");\n' +
        '  assert(message.readRound <= leadership.readRound, "no round is answered before it is asked");\n',
      to:
        "if (leadership === null || progress === undefined || message.readRound > leadership.readRound) return;\n",
    }],
  },
  {
    id: "timeout-now-of-any-term",
    says: "the word of an earlier leader to campaign still counts in a later term",
    edits: [{
      file: "src/raft/election.ts",
      from: 'if (message.term !== core.term || core.role === "leader" || !core.promotable) return;',
      to: 'if (message.term > core.term || core.role === "leader" || !core.promotable) return;',
    }],
  },
  {
    id: "late-pre-vote-counts",
    says: "a grant for an earlier campaign counts in a later one",
    edits: [{
      file: "src/raft/election.ts",
      from: "  if (message.granted && message.term !== core.term + 1) return;\n",
      to: "",
    }],
  },
  {
    id: "transfer-never-given-up",
    says: "a leader whose heir does not take over takes no proposals any more",
    edits: [{
      file: "src/raft/leader.ts",
      from: "    leadership.endTransfer();\n  }\n  for (const progress",
      to: "    leadership.transferDeadlineMs = Infinity;\n  }\n  for (const progress",
    }],
  },
  {
    id: "pull-hands-out-uncommitted",
    says: "who pulls is given what is not committed yet, and takes it to be",
    edits: [{
      file: "src/raft/pulling.ts",
      from: "cutEntries(core, next, commit).entries;",
      to: "cutEntries(core, next, log.lastIndex).entries;",
    }, {
      file: "src/raft/pulling.ts",
      from: "core.commitTo(Math.min(last, commit) as Index);",
      to: "core.commitTo(Math.max(last, Math.min(last, commit)) as Index);",
    }],
  },
  {
    id: "ack-merges-over-gap",
    says: "two acknowledged ranges with one message between them become one",
    edits: [{
      file: "src/node/subscriber.ts",
      from: "ranges[until]!.first <= next) {",
      to: "ranges[until]!.first <= next + 1) {",
    }],
  },
  {
    id: "skip-boundary-asked-again",
    says: "a command at the very end of what a snapshot covers is proposed once more",
    edits: [{
      file: "src/node/requests.ts",
      from:
        '      if (request.group === group && request.state === "proposed" && request.index <= index) {\n' +
        '        request.state = "forwarded";',
      to: '      if (request.group === group && request.state === "proposed" && request.index < index) {\n' +
        '        request.state = "forwarded";',
    }],
  },
  {
    id: "duplicate-beyond-accepted",
    says: "a batch that reaches beyond what was accepted is taken for a repetition",
    edits: [{
      file: "src/stream/producers.ts",
      from: 'if (header.baseSequence + header.count > expected) return { kind: "gap", expected };',
      to:
        'if (header.baseSequence + header.count > expected + header.count) return { kind: "gap", expected };',
    }],
  },
  {
    id: "credit-for-ever",
    says: "what was delivered is not taken off a subscriber's credit",
    edits: [{
      file: "src/node/delivery.ts",
      from: "      subscriber.creditBytes -= batch.length;\n",
      to: "",
    }],
  },
  {
    id: "proposes-while-handing-over",
    says: "a leader takes proposals while it hands over",
    edits: [{
      file: "src/raft/membership.ts",
      from:
        '  if (leadership.transferTo !== NO_MEMBER) return { ok: false, reason: "TRANSFERRING", leader };\n  // One',
      to: "  // One",
    }],
  },
  {
    id: "voters-over-limit",
    says: "one voter more than the limit is promoted",
    edits: [{
      file: "src/node/voter_plan.ts",
      from: "spread(fit, voters, rules.votersLimit - incoming.length);",
      to: "spread(fit, voters, rules.votersLimit + 1 - incoming.length);",
    }],
  },
];
