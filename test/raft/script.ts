/**
 * Runs a script of commands against a few cores and says exactly what they did. Nothing happens by itself: messages
 * and writes wait until a command moves them.
 *
 *   option <name> <value>      before anything is started
 *   members <id>...            start these, as the voters of one group
 *   spare <id>...              start these, who wait to be told who is in the group
 *   timeout <id>               let its next deadline come              wake <id>
 *   silence <id>               timeouts of this leader, each stabilized, until the group is silent; shows the last
 *   advance <ms>               let time pass and nobody notice         tick <id>
 *   propose <id> <bytes>       change <id> <kind> <member>       read <id> <context>
 *   configure <id> <voter>,... [<learner>,...]                         a whole configuration
 *   prefer <id> <member>       tell it who should rather lead
 *   transfer <id> <to>         compact <id> <index>       snapshots of it are durable at once
 *   ready <id>                 collect and show; writes and messages wait
 *   sync <id>                  complete its oldest write, release what waited for it
 *   deliver <from>><to>        hand over all that waits there        drop <from>><to>
 *   stabilize [<id>...]        ready, sync and deliver among these (all) until nothing moves
 *   restart <id>               lose what was not synced
 *   status <id>                lease <id>
 */
import type { Index, MemberId, Term } from "../../src/core/ids.ts";
import {
  type ConfigurationChange,
  EntryKind,
  type EntryMeta,
  type HardState,
  isJoint,
  Raft,
  type RaftMessage,
  type RaftOptions,
  type Ready,
  simpleConfiguration,
  type SnapshotMeta,
} from "../../src/raft/mod.ts";
import { describe, OPTIONS } from "./cluster.ts";

interface Actor {
  readonly id: MemberId;
  raft: Raft;
  hardState: HardState;
  /** What the log continues: nothing, or a snapshot. */
  base: SnapshotMeta;
  log: EntryMeta[];
  writes: Ready[];
  held: { readonly to: MemberId; readonly message: RaftMessage; readonly afterToken: number }[];
}

export class Script {
  readonly #actors = new Map<number, Actor>();
  /** By `from>to`, in order. */
  readonly #wire = new Map<string, RaftMessage[]>();
  #options: Omit<RaftOptions, "memberId"> = OPTIONS;
  #now = 0;
  #lines: string[] = [];

  /** What one command line did. */
  run(command: string): string[] {
    this.#lines = [];
    const [verb, ...words] = command.split(/\s+/);
    this.#do(verb!, words);
    return this.#lines.length === 0 ? ["ok"] : this.#lines;
  }

  #do(verb: string, words: string[]): void {
    if (verb === "members") return this.#members(words.map(Number), words.map(Number));
    if (verb === "spare") return this.#members(words.map(Number), []);
    if (verb === "option") {
      this.#options = { ...this.#options, [words[0]!]: JSON.parse(words[1]!) };
      return;
    }
    if (verb === "advance") {
      this.#now += Number(words[0]);
      return;
    }
    if (verb === "deliver" || verb === "drop") {
      this.#move(words[0]!, verb === "deliver");
      return;
    }
    if (verb === "stabilize") return this.#stabilize(words.map(Number));
    const actor = this.#actors.get(Number(words[0]));
    if (actor === undefined) throw new TypeError(`Unknown member in script: ${words[0]}`);
    const { raft } = actor;
    const number = Number(words[1]);
    if (verb === "silence") return this.#silence(actor);
    if (verb === "timeout") {
      this.#now = Math.max(this.#now, raft.deadline());
      raft.tick(this.#now);
    } else if (verb === "wake") raft.wake(this.#now);
    else if (verb === "tick") raft.tick(this.#now);
    else if (verb === "propose") this.#say(raft.propose(EntryKind.Command, number));
    else if (verb === "change") {
      const kind = words[1] as ConfigurationChange["kind"];
      this.#say(raft.proposeConfiguration({ kind, member: Number(words[2]) as MemberId }));
    } else if (verb === "configure") {
      const [voters, learners] = [words[1], words[2]].map((list) => list?.split(",").map(Number) ?? []);
      this.#say(
        raft.proposeConfiguration({ voters: voters as MemberId[], learners: learners as MemberId[] }),
      );
    } else if (verb === "read") raft.readIndex(number, this.#now);
    else if (verb === "transfer") this.#say(raft.transferLeadership(number as MemberId, this.#now));
    else if (verb === "prefer") raft.setPriorities(new Map([[number as MemberId, 1]]));
    else if (verb === "compact") this.#compact(actor, number as Index);
    else if (verb === "ready") this.#ready(actor);
    else if (verb === "sync") this.#sync(actor);
    else if (verb === "restart") this.#restart(actor);
    else if (verb === "status") this.#status(actor);
    else if (verb === "lease") {
      this.#lines.push(`at ${this.#now}: ${actor.id} holds a lease until ${raft.status().leaseUntilMs}`);
    } else throw new TypeError(`Unknown command in script: ${verb}`);
  }

  #say(result: unknown): void {
    this.#lines.push(JSON.stringify(result));
  }

  #members(ids: number[], voters: number[]): void {
    for (const id of ids as MemberId[]) {
      const hardState = { term: 0 as Term, vote: 0 as MemberId, commit: 0 as Index };
      const configuration = simpleConfiguration(voters as MemberId[]);
      const base = { index: 0 as Index, term: 0 as Term, configuration };
      const raft = this.#start(id, hardState, base, []);
      this.#actors.set(id, { id, raft, hardState, base, log: [], writes: [], held: [] });
    }
  }

  #start(id: MemberId, hardState: HardState, base: SnapshotMeta, entries: readonly EntryMeta[]): Raft {
    const restored = { hardState, base, baseConfiguration: base.configuration, entries };
    const options = { ...this.#options, memberId: id };
    return new Raft(options, { draw: () => id }, "raft/election/1", restored, this.#now);
  }

  #silence({ raft }: Actor): void {
    for (let tries = 0; tries < 100 && !raft.quiesced; tries++) {
      this.#lines = [];
      this.#now = Math.max(this.#now, raft.deadline());
      raft.tick(this.#now);
      this.#stabilize([]);
    }
    for (const { id, raft } of this.#actors.values()) if (raft.quiesced) this.#lines.push(`${id} is silent`);
  }

  /** Drops the log up to `index`, of which a snapshot is durable at once. */
  #compact(actor: Actor, index: Index): void {
    const { raft, base, log } = actor;
    const term = raft.termAt(index)!;
    const changes = log.filter((entry) => entry.configuration !== null && entry.index <= index);
    raft.compact(index);
    actor.log = log.slice(index - base.index);
    actor.base = { index, term, configuration: changes.at(-1)?.configuration ?? base.configuration };
  }

  #restart(actor: Actor): void {
    actor.writes = [];
    actor.held = [];
    actor.raft = this.#start(actor.id, actor.hardState, actor.base, actor.log);
  }

  #ready(actor: Actor): boolean {
    const ready = actor.raft.ready();
    if (ready === null) return false;
    const say = (text: string) => this.#lines.push(`${actor.id} ${text}`);
    const { role, term, leader } = actor.raft;
    if (ready.changed) say(`is ${role} in term ${term}, leader ${leader}`);
    if (ready.persistToken > 0) {
      const { hardState } = ready;
      const state = hardState === null
        ? ""
        : ` term ${hardState.term} vote ${hardState.vote} commit ${hardState.commit}`;
      const entries = ready.entries.map(({ index, term }) => `${index}/${term}`).join(" ");
      const snapshot = ready.snapshot === null
        ? ""
        : ` snapshot ${ready.snapshot.index}/${ready.snapshot.term}`;
      say(`writes #${ready.persistToken}${state}${snapshot} [${entries}]`);
      actor.writes.push(ready);
    }
    for (const { to, message, afterToken } of ready.messages) {
      say(`sends ${to} ${describe(message)}${afterToken > 0 ? ` after #${afterToken}` : ""}`);
      if (afterToken > 0) actor.held.push({ to, message, afterToken });
      else this.#post(actor, to, message);
    }
    if (ready.applyFirst > 0) say(`applies ${ready.applyFirst}..${ready.applyLast}`);
    for (const { context, index } of ready.reads) say(`answers read ${context} at ${index}`);
    for (const context of ready.failedReads) say(`fails read ${context}`);
    return true;
  }

  #post(actor: Actor, to: MemberId, message: RaftMessage): void {
    const way = `${actor.id}>${to}`;
    const queue = this.#wire.get(way) ?? [];
    queue.push(message);
    this.#wire.set(way, queue);
    if (message.kind === "snapshot") actor.raft.snapshotSent(to, true, this.#now);
  }

  #sync(actor: Actor): boolean {
    const write = actor.writes.shift();
    if (write === undefined) return false;
    if (write.hardState !== null) actor.hardState = write.hardState;
    if (write.snapshot !== null) {
      actor.base = write.snapshot;
      actor.log = [];
    }
    const first = write.entries[0];
    if (first !== undefined) {
      actor.log = [...actor.log.slice(0, first.index - actor.base.index - 1), ...write.entries];
    }
    const free = actor.held.filter(({ afterToken }) => afterToken <= write.persistToken);
    actor.held = actor.held.filter(({ afterToken }) => afterToken > write.persistToken);
    for (const { to, message } of free) this.#post(actor, to, message);
    actor.raft.persisted(write.persistToken);
    return true;
  }

  #move(way: string, deliver: boolean): boolean {
    const [from, to] = way.split(">").map(Number);
    const queue = this.#wire.get(way) ?? [];
    this.#wire.delete(way);
    const actor = this.#actors.get(to!);
    if (deliver && actor !== undefined) {
      for (const message of queue) actor.raft.step(from as MemberId, message, this.#now);
    }
    return queue.length > 0;
  }

  #stabilize(ids: number[]): void {
    const among = ids.length === 0 ? [...this.#actors.keys()] : ids;
    const actors = among.map((id) => this.#actors.get(id)!);
    for (let moved = true; moved;) {
      moved = false;
      for (const actor of actors) while (this.#ready(actor)) moved = true;
      for (const actor of actors) while (this.#sync(actor)) moved = true;
      for (const from of among) for (const to of among) if (this.#move(`${from}>${to}`, true)) moved = true;
    }
  }

  #status({ id, raft }: Actor): void {
    const { role, term, vote, commit, durableIndex, lastIndex, configuration, peers } = raft.status();
    if (raft.quiesced) this.#lines.push(`${id} is silent`);
    const log = Array.from({ length: lastIndex - raft.baseIndex }, (_, i) => {
      const index = raft.baseIndex + 1 + i as Index;
      return `${index}/${raft.termAt(index)}`;
    });
    this.#lines.push(
      `${id} ${role} term ${term} vote ${vote} commit ${commit} durable ${durableIndex} [${log.join(" ")}]`,
      `${id} voters [${configuration.incoming}] learners [${configuration.learners}]` +
        (isJoint(configuration) ? ` outgoing [${configuration.outgoing}]` : ""),
    );
    for (const peer of peers) {
      this.#lines.push(`${id} peer ${peer.member} ${peer.state} match ${peer.match} next ${peer.next}`);
    }
  }
}

/** The script with what its commands did now, in the place of what they did before. */
export function rewrite(text: string): string {
  const script = new Script();
  const lines: string[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("#") || line === "") lines.push(line);
    if (line.startsWith("> ")) lines.push(line, ...script.run(line.slice(2)).map((effect) => `  ${effect}`));
  }
  return lines.join("\n");
}
