/**
 * What a stream's log means, told once more in the plainest way (DESIGN section 9: a session accepts exactly `last + 1`, a newer
 * epoch fences the older, an offset moves by the word of the current subscriber alone), and compared with what the members make
 * of it. An executable specification, as in Bornholt et al., "Using Lightweight Formal Methods to Validate a Key-Value
 * Storage Node in Amazon S3", SOSP 2021.
 */
import type { MemberId } from "../../src/core/ids.ts";
import type { GroupInspection, StreamInspection } from "../../src/node/inspection.ts";
import { MACHINE_COMMAND_FORMAT } from "../../src/node/mod.ts";
import { EntryKind } from "../../src/raft/mod.ts";
import {
  decodeStreamCommand,
  readRecordBatchHeader,
  RECORD_BATCH_FORMAT,
  type RecordBatchHeader,
  recordBatchMessages,
} from "../../src/stream/mod.ts";
import { idOf } from "../workloads/effects.ts";
import { groupKey } from "./keys.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

interface Session {
  epoch: number;
  last: number;
  /** The member at which it was opened. */
  openedBy: number;
}

/** What a member has told a producer to be queued there. */
interface Queued {
  readonly member: number;
  readonly header: RecordBatchHeader;
}

interface Subscription {
  /** Of its last subscriber; 0: nobody has opened it yet. */
  readonly epoch: number;
  readonly offset: number;
}

/** Nobody subscribes yet to what completion waits for: members that a stream's record names, and the subscriptions' names. */
export type RequiredOf = (group: number) => readonly { readonly member: number; readonly name: string }[];

/** How far a member is. */
type Stand = Pick<GroupInspection, "generation" | "applied" | "base" | "isInstalling">;

/** What can be compared. */
interface Shown {
  readonly nextOffset: number;
  /** By member and name. */
  readonly subscriptions: ReadonlyMap<string, Subscription>;
}

interface Model {
  applied: number;
  isClosed: boolean;
  nextOffset: number;
  readonly ids: Map<string, number>;
  readonly sessions: Map<number, Session>;
  readonly subscriptions: Map<string, Subscription>;
  /** Messages that are in the stream. */
  readonly accepted: Set<string>;
  /** Not in the stream yet. */
  queued: Queued[];
  /** What it was after each of the last entries. */
  readonly after: Map<number, Shown>;
}

/** Entries after which the model is remembered: members are compared where they stand. */
const REMEMBERED = 512;

export class StreamModel implements Checker {
  readonly name = "stream-model";
  /** Members compared. */
  inputs = 0;
  /** Batches that a member said to be queued. */
  queuedInputs = 0;
  /** Members whose first offset was compared. */
  firstInputs = 0;
  readonly #requiredOf: RequiredOf;
  readonly #models = new Map<string, Model>();
  /** By host and group: of which incarnation, and after which entry. */
  readonly #lookedAt = new Map<string, Map<string, { incarnation: number; applied: number }>>();

  constructor(requiredOf: RequiredOf) {
    this.#requiredOf = requiredOf;
  }

  /** An entry was handed to a state machine; the first time counts. */
  applied(group: number, generation: number, index: number, kind: number, bytes: Uint8Array): void {
    // The control group and users' state machines are no streams.
    if (group === 0 || (kind === EntryKind.Command && bytes[0] === MACHINE_COMMAND_FORMAT)) return;
    const model = this.#modelOf(group, generation);
    if (index !== model.applied + 1) return;
    model.applied = index;
    if (kind === EntryKind.Command) {
      const fenced = apply(model, index, bytes);
      if (fenced !== undefined) this.#fenced(fenced);
    }
    model.after.set(index, { nextOffset: model.nextOffset, subscriptions: new Map(model.subscriptions) });
    model.after.delete(index - REMEMBERED);
  }

  /** `isWhole`: what the member's log holds it has applied itself, or been given with all of its places. */
  check(
    host: string,
    incarnation: number,
    { generation, applied, base, isInstalling }: Stand,
    stream: StreamInspection,
    isWhole: boolean,
  ): void {
    const key = groupKey(stream.group, generation);
    if (!this.#isNew(host, incarnation, key, applied)) return;
    const model = this.#models.get(key);
    const expected = model?.after.get(applied);
    if (model === undefined || expected === undefined) return;
    this.inputs += 1;
    const fail = (what: string) => {
      throw new SafetyViolation(this.name, `${stream.name} at ${host} after entry ${applied}: ${what}`);
    };
    if (stream.nextOffset !== expected.nextOffset) {
      fail(`its next offset is ${stream.nextOffset}, by its log ${expected.nextOffset}`);
    }
    // Nothing from before its log's begin can be delivered. What a received snapshot knows no place of need not be.
    const first = base === 0 ? 0 : model.after.get(base)?.nextOffset;
    if (isWhole && !isInstalling && first !== undefined) {
      this.firstInputs += 1;
      if (stream.firstOffset < first) {
        fail(
          `it can deliver from offset ${stream.firstOffset} on, its log begins after ${base} with ${first}`,
        );
      }
    }
    // It may have been started anew since it dropped something, and not have applied again all that it had by then.
    const floor = floorOf(model);
    if (isWhole && stream.firstOffset > floor) {
      fail(`it can deliver from offset ${stream.firstOffset} on, and a subscription stands at ${floor}`);
    }
    const subscriptions = stream.subscriptions();
    for (const { member, name, epoch, offset } of subscriptions) {
      const own = expected.subscriptions.get(`${member}/${name}`);
      if (own?.epoch === epoch && own.offset === offset) continue;
      fail(
        `${name} of member ${member} is at ${offset} in epoch ${epoch}, by its log at ${own?.offset} in ${own?.epoch}`,
      );
    }
    const { size } = expected.subscriptions;
    if (subscriptions.length !== size) {
      fail(`it has ${subscriptions.length} subscriptions, by its log ${size}`);
    }
  }

  /** The epoch in which the subscription was opened last; 0: it never was. */
  epochOf(group: number, member: number, name: string): number {
    return this.#models.get(groupKey(group, 0))?.subscriptions.get(`${member}/${name}`)?.epoch ?? 0;
  }

  #isNew(host: string, incarnation: number, key: string, applied: number): boolean {
    let looks = this.#lookedAt.get(host);
    if (looks === undefined) this.#lookedAt.set(host, looks = new Map());
    const look = looks.get(key);
    if (look === undefined) looks.set(key, { incarnation, applied });
    else {
      if (look.incarnation === incarnation && look.applied === applied) return false;
      look.incarnation = incarnation;
      look.applied = applied;
    }
    return true;
  }

  /**
   * A member says that the batch is queued. It sees to it that no later session which is opened there fences it (DESIGN section 9:
   * QUEUED is a promise of the node that says it).
   */
  queued(member: number, group: number, header: RecordBatchHeader): void {
    const model = this.#modelOf(group, 0);
    const session = model.sessions.get(header.producerId);
    if (model.isClosed || session === undefined) return;
    this.queuedInputs += 1;
    const queued = { member, header };
    if (isFenced(queued, header.producerId, session)) this.#fenced(queued);
    else if (session.epoch === header.epoch && session.last < header.baseSequence) model.queued.push(queued);
  }

  #fenced({ member, header: { producerId, epoch, baseSequence } }: Queued): never {
    throw new SafetyViolation(
      this.name,
      `member ${member} said that batch ${baseSequence} of producer ${producerId} is queued in epoch ${epoch}, and a later ` +
        "session that was opened there fences it",
    );
  }

  /** True where the message is in the stream that has this group. */
  holds(group: number, id: string): boolean {
    return this.#models.get(groupKey(group, 0))?.accepted.has(id) ?? false;
  }

  #modelOf(group: number, generation: number): Model {
    const key = groupKey(group, generation);
    let model = this.#models.get(key);
    if (model === undefined) {
      const required = this.#requiredOf(group).map(({ member, name }) => `${member}/${name}`);
      this.#models.set(
        key,
        model = {
          applied: 0,
          isClosed: false,
          nextOffset: 0,
          ids: new Map(),
          sessions: new Map(),
          subscriptions: new Map(required.map((each) => [each, { epoch: 0, offset: 0 }])),
          accepted: new Set(),
          queued: [],
          after: new Map(),
        },
      );
    }
    return model;
  }
}

/** Returns what was said to be queued and never gets into the stream any more. */
function apply(model: Model, index: number, bytes: Uint8Array): Queued | undefined {
  if (bytes[0] === RECORD_BATCH_FORMAT) {
    const header = readRecordBatchHeader(bytes);
    if (!accepts(model, header)) return;
    for (const message of recordBatchMessages(bytes)) model.accepted.add(idOf(message));
    const isIt = (each: RecordBatchHeader) =>
      each.producerId === header.producerId && each.baseSequence === header.baseSequence;
    model.queued = model.queued.filter((each) => !isIt(each.header));
    return;
  }
  const command = decodeStreamCommand(bytes);
  switch (command.kind) {
    case "open-producer": {
      if (model.isClosed) return;
      const id = model.ids.get(command.producer) ?? index;
      model.ids.set(command.producer, id);
      const { epoch, last } = model.sessions.get(id) ?? { epoch: 0, last: 0 };
      const session = { epoch: epoch + 1, last, openedBy: command.origin.member };
      model.sessions.set(id, session);
      const fenced = model.queued.find((each) => isFenced(each, id, session));
      model.queued = model.queued.filter(({ header }) => header.producerId !== id);
      return fenced;
    }
    case "open-subscription": {
      const key = `${command.member}/${command.subscription}`;
      const known = model.subscriptions.get(key) ?? { epoch: 0, offset: floorOf(model) };
      model.subscriptions.set(key, { ...known, epoch: known.epoch + 1 });
      return;
    }
    case "move-offsets":
      for (const { member, subscription, epoch, offset } of command.moves) {
        const known = model.subscriptions.get(`${member}/${subscription}`);
        if (known === undefined || known.epoch !== epoch || offset > model.nextOffset) continue;
        model.subscriptions.set(`${member}/${subscription}`, {
          epoch,
          offset: Math.max(known.offset, offset),
        });
      }
      return;
    case "close":
      model.isClosed = true;
      model.queued = [];
      return;
    case "remove-member":
      for (const key of [...model.subscriptions.keys()]) {
        if (key.startsWith(`${command.member}/`)) model.subscriptions.delete(key);
      }
      return;
    case "take-over":
      takeOver(model, command.member);
      return;
  }
}

/** A new subscription begins where nothing may have been dropped yet (DESIGN section 9: the slowest holds all that follows). */
function floorOf({ subscriptions, nextOffset }: Shown): number {
  const offsets = [...subscriptions.values()].map(({ offset }) => offset);
  return offsets.length === 0 ? nextOffset : Math.min(...offsets);
}

/** Of several subscriptions with one name: the lowest offset, the highest epoch. */
function takeOver(model: Model, member: MemberId): void {
  const all = [...model.subscriptions];
  model.subscriptions.clear();
  for (const [key, { epoch, offset }] of all) {
    const mine = `${member}/${key.slice(key.indexOf("/") + 1)}`;
    const known = model.subscriptions.get(mine) ?? { epoch, offset };
    model.subscriptions.set(mine, {
      epoch: Math.max(known.epoch, epoch),
      offset: Math.min(known.offset, offset),
    });
  }
}

/** A session of another node knows nothing of what waits here. */
function isFenced({ member, header }: Queued, producerId: number, { openedBy, epoch }: Session): boolean {
  return header.producerId === producerId && header.epoch < epoch && openedBy === member;
}

/** True where the batch comes into the stream. */
function accepts(model: Model, { producerId, epoch, baseSequence, count }: RecordBatchHeader): boolean {
  const session = model.sessions.get(producerId);
  if (model.isClosed || session === undefined || session.epoch !== epoch) return false;
  if (baseSequence !== session.last + 1) return false;
  session.last += count;
  model.nextOffset += count;
  return true;
}
