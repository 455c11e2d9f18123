/** Bugs of idle groups that fall silent: who sleeps is not woken, or falls asleep with something left to do. */
import type { Mutant } from "./mutant.ts";

export const SILENCE: readonly Mutant[] = [
  {
    id: "messages-do-not-wake",
    says: "a silent member stays silent whatever it is sent",
    edits: [{
      file: "src/raft/raft.ts",
      from: "if (core.quiesced && wakes(message)) wake(core, from);",
      to: 'if (core.quiesced && wakes(message) && message.kind === "quiesce") wake(core, from);',
    }],
  },
  {
    id: "lost-leader-not-missed",
    says: "a group stays silent although its leader's node is gone",
    edits: [{
      file: "src/node/beats.ts",
      from: "if ((this.#heard.get(member)?.atMs ?? -Infinity) <= lostMs) this.#wakeAll(groups, lostMs, now);",
      to: "if ((this.#heard.get(member)?.atMs ?? -Infinity) > now) this.#wakeAll(groups, lostMs, now);",
    }, {
      file: "src/node/beats.ts",
      from: "if (group.leader === from) this.#wake(group, now);",
      to: "if (group.leader === from && now < 0) this.#wake(group, now);",
    }],
  },
  {
    id: "silent-with-laggards",
    says: "a group falls silent although a member lacks entries",
    edits: [{
      file: "src/raft/quiescence.ts",
      from: 'if (match !== commit || state !== "replicate" || !isThere) return false;',
      to: 'if (match > commit && state !== "replicate" && !isThere) return false;',
    }, {
      file: "src/raft/quiescence.ts",
      from:
        "if (core.log.lastIndex !== message.commit || core.persistence.durableIndex !== message.commit) return;\n" +
        "  core.commitTo(message.commit);",
      to: "core.commitTo(Math.min(message.commit, core.log.lastIndex) as typeof message.commit);",
    }],
  },
];
