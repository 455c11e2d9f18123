/** Bugs of leases: they last too long, begin too late, or outlive what they rest on. */
import type { Mutant } from "./mutant.ts";

export const LEASES: readonly Mutant[] = [
  {
    id: "lease-ignores-drift",
    says: "a lease counts from the answers, not from the sending, and for a whole election timeout",
    edits: [{
      file: "src/raft/lease.ts",
      from: "if (round <= confirmed) return sentMs + leaseLengthMs(core.options);",
      to: "if (round <= confirmed && sentMs > -Infinity) {\n" +
        "      const answeredMs = quorumValue(core.configuration, leadership.contactOf);\n" +
        "      return answeredMs + core.options.electionTimeoutMs;\n    }",
    }],
  },
  {
    id: "lease-from-receipt",
    says: "a lease counts from the answers, not from the sending",
    edits: [{
      file: "src/raft/lease.ts",
      from: "if (round <= confirmed) return sentMs + leaseLengthMs(core.options);",
      to: "if (round <= confirmed && sentMs > -Infinity) {\n" +
        "      const answeredMs = quorumValue(core.configuration, leadership.contactOf);\n" +
        "      return answeredMs + leaseLengthMs(core.options);\n    }",
    }],
  },
  {
    id: "lease-twice-as-long",
    says: "a lease lasts twice as long as the promise that it rests on",
    edits: [{
      file: "src/raft/lease.ts",
      from: "return length - CLOCK_GRANULARITY_MS;",
      to: "return 2 * length - CLOCK_GRANULARITY_MS;",
    }],
  },
  {
    id: "promise-forgotten-at-restart",
    says: "a member that was started anew votes at once, whatever it promised a leader before",
    edits: [{
      file: "src/raft/raft.ts",
      from: "else if (core.term > 0) core.leaderContactMs = now;",
      to: "",
    }],
  },
  {
    id: "lease-survives-handover",
    says: "a leader holds its lease although it has told another to campaign",
    edits: [{
      file: "src/raft/lease.ts",
      from: "leadership.transferTo !== NO_MEMBER ||\n    leadership.handedOver",
      to: "(leadership.transferTo === core.self && core.self === NO_MEMBER)",
    }],
  },
  {
    id: "lease-regained-after-handover",
    says:
      "a leader that gave a handover up holds leases again, although its word to campaign may still arrive",
    edits: [{
      file: "src/raft/leader.ts",
      from: "  leadership.handedOver = true;\n",
      to: "",
    }],
  },
  {
    id: "lease-before-own-commit",
    says: "a new leader holds a lease before an entry of its own term is committed",
    edits: [{ file: "src/raft/lease.ts", from: "  if (!core.committedInTerm) return -Infinity;\n", to: "" }],
  },
];
