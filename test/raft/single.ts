/** One core by itself, for tests that feed it events and look at exact effects. */
import { assertEquals } from "@std/assert";
import type { Index, MemberId, Term } from "../../src/core/ids.ts";
import {
  type Configuration,
  encodedConfigurationBytes,
  EntryKind,
  type EntryMeta,
  Raft,
  type RaftMessage,
  type RaftOptions,
  simpleConfiguration,
} from "../../src/raft/mod.ts";
import { drawAt, OPTIONS } from "./cluster.ts";

export const member = (id: number) => id as MemberId;

export interface Start {
  readonly self?: number;
  readonly voters?: readonly number[];
  readonly learners?: readonly number[];
  /** Where the log begins. */
  readonly base?: readonly [index: number, term: number];
  /** Terms of the entries of the log, from the one after the base on. */
  readonly terms?: readonly number[];
  readonly term?: number;
  readonly vote?: number;
  readonly commit?: number;
  readonly options?: Partial<RaftOptions>;
}

export function entry(index: number, term: number, configuration: Configuration | null = null): EntryMeta {
  const kind = configuration === null ? EntryKind.Command : EntryKind.Configuration;
  const lengthBytes = configuration === null ? 10 : encodedConfigurationBytes(configuration);
  return { index: index as Index, term: term as Term, kind, lengthBytes, configuration };
}

export function start(
  { self = 1, voters = [1, 2, 3], learners = [], terms = [], ...given }: Start = {},
): Raft {
  const term = given.term ?? terms.at(-1) ?? 0;
  const [baseIndex, baseTerm] = given.base ?? [0, 0];
  return new Raft(
    { ...OPTIONS, memberId: member(self), ...given.options },
    { draw: (site, n) => drawAt(1, site, n) },
    "raft/election/1",
    {
      hardState: {
        term: term as Term,
        vote: member(given.vote ?? 0),
        commit: (given.commit ?? 0) as Index,
      },
      base: { index: baseIndex as Index, term: baseTerm as Term },
      baseConfiguration: simpleConfiguration(voters.map(member), learners.map(member)),
      entries: terms.map((term, i) => entry(baseIndex + i + 1, term)),
    },
    0,
  );
}

/** Everything that is ready, each write completed at once; the messages in order. */
export function drain(raft: Raft): { to: number; message: RaftMessage }[] {
  const messages: { to: number; message: RaftMessage }[] = [];
  for (let ready = raft.ready(); ready !== null; ready = raft.ready()) {
    for (const { to, message } of ready.messages) messages.push({ to, message });
    if (ready.persistToken > 0) raft.persisted(ready.persistToken);
  }
  return messages;
}

export const kinds = (sent: readonly { to: number; message: RaftMessage }[]) =>
  sent.map(({ to, message }) => `${message.kind}>${to}`);

/** A message without its brands. */
export function message(parts: { kind: RaftMessage["kind"]; [key: string]: unknown }): RaftMessage {
  return parts as unknown as RaftMessage;
}

export function append(
  term: number,
  previousIndex: number,
  previousTerm: number,
  terms: number[],
  commit = 0,
) {
  const entries = terms.map((term, i) => entry(previousIndex + 1 + i, term));
  return message({ kind: "append", term, previousIndex, previousTerm, commit, entries });
}

export function reply(term: number, index: number): RaftMessage {
  return message({ kind: "append-reply", term, success: true, index, hintIndex: 0, hintTerm: 0 });
}

export function signOf(term: number): RaftMessage {
  return message({ kind: "heartbeat", term, commit: 0, readRound: 0 });
}

/** A leader of three, elected by member 2, its first entry committed; all messages collected. */
export function leader(given: Start = {}): Raft {
  const raft = start(given);
  raft.tick(raft.deadline());
  drain(raft);
  const { term } = raft;
  raft.step(member(2), message({ kind: "pre-vote-reply", term: term + 1, granted: true }), 300);
  drain(raft);
  raft.step(member(2), message({ kind: "vote-reply", term: term + 1, granted: true }), 300);
  assertEquals(raft.role, "leader");
  drain(raft);
  raft.step(member(2), reply(raft.term, raft.lastIndex), 300);
  drain(raft);
  assertEquals(raft.commit, raft.lastIndex);
  return raft;
}
