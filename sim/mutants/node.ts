/** Bugs of the node: where the cores' effects, callers' requests and other nodes' words meet. */
import type { Mutant } from "./mutant.ts";

export const NODE: readonly Mutant[] = [
  {
    id: "outbox-released-early",
    says: "a batch leaves the outbox when it is handed to the leader, applied or not",
    edits: [{
      file: "src/node/publishing.ts",
      from: "record.handed = { term, leader, atMs: now };",
      to: "record.handed = { term, leader, atMs: now };\n" +
        "        if (record.waiters.length === 0 && leader !== this.#seat.node.memberId) {\n" +
        "          this.#outbox.remove(record);\n          this.#seat.node.wal.releaseOutbox(record.id);\n        }",
    }],
  },
  {
    id: "retry-of-unknown",
    says: "a forwarded command is sent again although the first may have been applied",
    edits: [{
      file: "src/node/requests.ts",
      from: 'request.state = "forwarded";\n    }\n    this.#waiting.delete(request.id);',
      to:
        "request.retryAtMs = now + 40 * RETRY_MS;\n      return;\n    }\n    this.#waiting.delete(request.id);",
    }],
  },
  {
    id: "skipped-asked-again",
    says: "a command that a snapshot may hold is proposed once more",
    edits: [{
      file: "src/node/requests.ts",
      from: 'request.state === "proposed" && request.index <= index) {\n        request.state = "forwarded";',
      to: 'request.state === "proposed" && request.index <= index) {\n' +
        '        request.state = "waiting";\n        this.#waiting.add(request.id);',
    }],
  },
  {
    id: "answer-to-earlier-boot",
    says: "a command of an earlier start of the node answers a caller of this one",
    edits: [{
      file: "src/node/requests.ts",
      from: "if (origin.member !== this.#host.memberId || origin.boot !== this.#host.boot) return;",
      to: "if (origin.member !== this.#host.memberId) return;",
    }],
  },
  {
    id: "expired-said-not-applied",
    says: "a command whose fate is unknown is reported as not applied",
    edits: [{
      file: "src/node/requests.ts",
      from: 'if (request.state !== "waiting") {\n      const text',
      to: 'if (request.state !== "waiting" && request.group < 0) {\n      const text',
    }],
  },
  {
    id: "read-before-applied",
    says: "a read is answered once its index is known, applied or not",
    edits: [{
      file: "src/node/group.ts",
      from: "const due = this.#reads.filter((read) => read.index <= this.machine.applied);",
      to: "const due = this.#reads.filter((read) => read.index >= 0);",
    }, {
      file: "src/node/group.ts",
      from: "this.#reads = this.#reads.filter((read) => read.index > this.machine.applied);",
      to: "this.#reads = [];",
    }],
  },
  {
    id: "applied-before-commit",
    says: "entries are applied once they are durable here, committed or not",
    edits: [{
      file: "src/raft/ready.ts",
      from: "const applyLast = Math.min(core.commit, core.persistence.durableIndex) as Index;",
      to: "const applyLast = core.persistence.durableIndex;",
    }],
  },
  {
    id: "eviction-of-unknown",
    says: "a member that is expected and not yet applied is told that it was removed",
    edits: [{
      file: "src/link/peers.ts",
      from: "for (const member of members) wanted.set(member.number, member);",
      to: "for (const member of members) {\n      wanted.set(member.number, member);\n" +
        "      this.learn(member.memberId);\n    }",
    }],
  },
  {
    id: "snapshot-configuration-forgotten",
    says: "what a member snapshots after it was given one carries the configuration from before",
    edits: [{
      file: "src/node/group.ts",
      from: "this.#appliedConfiguration = meta.configuration;",
      to: "",
    }],
  },
  {
    id: "proposed-said-not-applied",
    says: "a command that a leader has proposed is reported as not applied where its node stops",
    edits: [{
      file: "src/node/requests.ts",
      from: 'const unknown = request.state !== "waiting";',
      to: 'const unknown = request.state === "forwarded";',
    }],
  },
];
