/**
 * Commands that callers of this node wait for: proposed here or forwarded to the leader, and answered when this node
 * applies them. Each is in the log at most once at a time, and what is known of it is exact:
 *
 *     waiting ──proposed──> at (index, term) ──applied with its origin──> result
 *        ^                        └── index applied as something else: it was overwritten, ask again
 *        └── refused: not the leader
 *     forwarded, no answer, deadline: UNKNOWN
 */
import { assert } from "../core/assert.ts";
import { SennitError } from "../core/errors.ts";
import { Heap } from "../core/heap.ts";
import type { GroupId, Index, MemberId, Term } from "../core/ids.ts";
import { PENDING_CALLS_LIMIT } from "../core/limits.ts";
import type { Origin } from "../core/origin.ts";
import type { Group } from "./group.ts";
import type { NodeMessage } from "./node_messages.ts";

/** How long to wait before asking again after a refusal. */
const RETRY_MS = 20;

export interface RequestHost {
  readonly memberId: MemberId;
  readonly boot: number;
  readonly callTimeoutMs: number;
  group(id: GroupId): Group | null;
  /** False where there is no session to that member. */
  sendNode(to: MemberId, message: NodeMessage): boolean;
  /** The group has something to do. */
  wake(group: Group): void;
}

interface Request<Result> {
  readonly id: number;
  readonly group: GroupId;
  readonly content: Uint8Array<ArrayBuffer>;
  readonly deadlineMs: number;
  readonly done: (result: Result) => void;
  readonly failed: (error: SennitError) => void;
  state: "waiting" | "forwarded" | "proposed";
  index: Index;
  term: Term;
  retryAtMs: number;
  leaderSeen: boolean;
}

export class Requests<Result> {
  readonly #host: RequestHost;
  readonly #requests = new Map<number, Request<Result>>();
  readonly #waiting = new Set<number>();
  readonly #deadlines = new Heap<number>();
  /** By group: through where `passed` has said that entries are applied and their results were given. */
  readonly #passedTo = new Map<GroupId, Index>();
  /** By group: what a snapshot took the place of. */
  readonly #skippedTo = new Map<GroupId, Index>();
  #next = 1;

  constructor(host: RequestHost) {
    this.#host = host;
  }

  get size(): number {
    return this.#requests.size;
  }

  /** Brings a command into a group's log; exactly one of `done` and `failed` is called. */
  submit(
    group: GroupId,
    encode: (origin: Origin) => Uint8Array<ArrayBuffer>,
    now: number,
    done: (result: Result) => void,
    failed: (error: SennitError) => void,
    timeoutMs: number = this.#host.callTimeoutMs,
  ): void {
    if (this.#requests.size >= PENDING_CALLS_LIMIT) {
      failed(new SennitError("OVERLOADED", `${PENDING_CALLS_LIMIT} calls wait at this node: repeat later`));
      return;
    }
    const id = this.#next++;
    const content = encode({ member: this.#host.memberId, boot: this.#host.boot, request: id });
    const deadlineMs = now + timeoutMs;
    this.#requests.set(id, {
      id,
      group,
      content,
      deadlineMs,
      done,
      failed,
      state: "waiting",
      index: 0 as Index,
      term: 0 as Term,
      retryAtMs: 0,
      leaderSeen: false,
    });
    this.#waiting.add(id);
    this.#deadlines.push(deadlineMs, id);
  }

  /** Sends what waits and fails what is overdue. */
  work(now: number): void {
    for (const id of this.#waiting) {
      const request = this.#requests.get(id);
      assert(request !== undefined, "what waits is a request");
      if (request.retryAtMs <= now) this.#try(request, now);
    }
    while (this.#deadlines.minKey <= now) {
      const request = this.#requests.get(this.#deadlines.pop()!);
      if (request !== undefined) this.#expire(request);
    }
  }

  deadline(): number {
    let earliest = this.#deadlines.minKey;
    for (const id of this.#waiting) earliest = Math.min(earliest, this.#requests.get(id)!.retryAtMs);
    return earliest;
  }

  /** An entry with this origin was applied here. */
  applied(origin: Origin, result: Result): void {
    if (origin.member !== this.#host.memberId || origin.boot !== this.#host.boot) return;
    const request = this.#requests.get(origin.request);
    if (request === undefined) return;
    this.#remove(request);
    request.done(result);
  }

  /** Entries of a group are applied up to `index`: what was proposed before and did not come was overwritten. */
  passed(group: GroupId, index: Index): void {
    this.#passedTo.set(group, index);
    for (const request of this.#requests.values()) {
      if (request.group === group && request.state === "proposed" && request.index <= index) {
        request.state = "waiting";
        request.retryAtMs = 0;
        this.#waiting.add(request.id);
      }
    }
  }

  /** A snapshot took the place of entries up to `index`: whether ours was among them cannot be told. */
  skipped(group: GroupId, index: Index): void {
    this.#skippedTo.set(group, index);
    for (const request of this.#requests.values()) {
      if (request.group === group && request.state === "proposed" && request.index <= index) {
        request.state = "forwarded";
      }
    }
  }

  /** The leader's answer to a forwarded command. */
  answered(message: NodeMessage & { kind: "proposed" }, now: number): void {
    const request = this.#requests.get(message.request);
    if (request === undefined || request.state !== "forwarded" || request.group !== message.group) return;
    if (message.index === 0) {
      request.state = "waiting";
      request.retryAtMs = now + RETRY_MS;
      this.#waiting.add(request.id);
      return;
    }
    // The answer came after the snapshot that may hold it: it must not be asked for twice.
    if (message.index <= (this.#skippedTo.get(request.group) ?? 0)) return;
    request.state = "proposed";
    request.index = message.index;
    request.term = message.term;
    // Not how far the group has applied: the results of that may not have been given here yet.
    const passedTo = this.#passedTo.get(request.group);
    if (passedTo !== undefined) this.passed(request.group, passedTo);
  }

  /** Fails everything: the node ends. */
  failAll(error: SennitError): void {
    this.#fail([...this.#requests.values()], error);
  }

  /** Fails everything of a group, which is gone from here. */
  failGroup(group: GroupId, error: SennitError): void {
    this.#fail([...this.#requests.values()].filter((request) => request.group === group), error);
    this.#passedTo.delete(group);
    this.#skippedTo.delete(group);
  }

  #fail(requests: readonly Request<Result>[], error: SennitError): void {
    for (const request of requests) {
      this.#remove(request);
      const unknown = request.state !== "waiting";
      request.failed(unknown ? new SennitError(error.code, error.message, { outcome: "UNKNOWN" }) : error);
    }
  }

  #try(request: Request<Result>, now: number): void {
    request.retryAtMs = now + RETRY_MS;
    const group = this.#host.group(request.group);
    if (group === null) return;
    if (group.isLeader) {
      request.leaderSeen = true;
      const result = group.propose(request.content);
      this.#host.wake(group);
      if (!result.ok) return;
      request.state = "proposed";
      request.index = result.index;
      request.term = result.term;
    } else {
      const { id, content } = request;
      if (group.leader === 0) return;
      request.leaderSeen = true;
      const message: NodeMessage = { kind: "propose", group: request.group, request: id, content };
      if (!this.#host.sendNode(group.leader, message)) return;
      request.state = "forwarded";
    }
    this.#waiting.delete(request.id);
  }

  #expire(request: Request<Result>): void {
    this.#remove(request);
    if (request.state !== "waiting") {
      const text = "The outcome did not become known in time: it may or may not have been applied";
      request.failed(new SennitError("TIMEOUT", text, { outcome: "UNKNOWN" }));
    } else if (request.leaderSeen) {
      request.failed(new SennitError("TIMEOUT", "The leader did not take the request in time: repeat it"));
    } else {
      const text = "The group has no leader: a majority of its voters must be up and reachable";
      request.failed(new SennitError("NO_LEADER", text));
    }
  }

  #remove(request: Request<Result>): void {
    this.#requests.delete(request.id);
    this.#waiting.delete(request.id);
  }
}
