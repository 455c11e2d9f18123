/** A host of requests whose one group does as the test says, and a record of what became of each command. */
import { ByteReader, ByteWriter } from "../../src/core/bytes.ts";
import type { SennitError } from "../../src/core/errors.ts";
import type { GroupId, Index, MemberId, Term } from "../../src/core/ids.ts";
import { type Origin, readOrigin, writeOrigin } from "../../src/core/origin.ts";
import type { Group } from "../../src/node/group.ts";
import type { NodeMessage } from "../../src/node/node_messages.ts";
import { type RequestHost, Requests } from "../../src/node/requests.ts";

export const GROUP = 4 as GroupId;
export const SELF = 2 as MemberId;
export const LEADER = 3 as MemberId;
export const BOOT = 77;
export const TIMEOUT_MS = 1000;

export type Settled = { readonly result: string } | { readonly error: SennitError };

export class FakeRequests implements RequestHost {
  readonly memberId = SELF;
  readonly boot = BOOT;
  readonly callTimeoutMs = TIMEOUT_MS;
  // What the world is like.
  known = true;
  isLeader = false;
  leader: MemberId = LEADER;
  applied = 0 as Index;
  connected = true;
  accepts = true;
  term = 5 as Term;
  nextIndex = 10;
  // What was seen.
  readonly proposed: { readonly origin: Origin; readonly index: Index }[] = [];
  readonly sent: { readonly to: MemberId; readonly origin: Origin; readonly request: number }[] = [];
  readonly settled = new Map<string, Settled[]>();
  wakes = 0;
  readonly requests = new Requests<string>(this);

  group(id: GroupId): Group | null {
    return this.known && id === GROUP ? this as unknown as Group : null;
  }
  propose(content: Uint8Array): { ok: true; index: Index; term: Term } | { ok: false } {
    if (!this.accepts) return { ok: false };
    const index = this.nextIndex++ as Index;
    this.proposed.push({ origin: readOrigin(new ByteReader(content)), index });
    return { ok: true, index, term: this.term };
  }
  wake(): void {
    this.wakes++;
  }
  sendNode(to: MemberId, message: NodeMessage): boolean {
    if (message.kind !== "propose") throw new Error("only proposals are sent");
    if (!this.connected) return false;
    const origin = readOrigin(new ByteReader(message.content));
    this.sent.push({ to, origin, request: message.request });
    return true;
  }

  /** Submits a command called `name`. */
  submit(name: string, now: number, timeoutMs?: number): void {
    const settle = (settled: Settled) => this.settled.set(name, [...this.settled.get(name) ?? [], settled]);
    this.requests.submit(
      GROUP,
      (origin) => {
        const writer = new ByteWriter();
        writeOrigin(writer, origin);
        return writer.take();
      },
      now,
      (result) => settle({ result }),
      (error) => settle({ error }),
      timeoutMs,
    );
  }
  /** The leader's answer to the last forwarded command; index 0: refused. */
  answer(index: number, now: number): void {
    const { request } = this.sent[this.sent.length - 1]!;
    this.requests.answered({
      kind: "proposed",
      group: GROUP,
      request,
      index: index as Index,
      term: this.term,
    }, now);
  }
  /** What became of a command in one word, "" where nothing has yet; fails the test where it settled twice. */
  fate(name: string): string {
    const all = this.settled.get(name) ?? [];
    if (all.length > 1) throw new Error(`${name} settled ${all.length} times`);
    const only = all[0];
    if (only === undefined) return "";
    return "result" in only ? only.result : `${only.error.code} ${only.error.outcome}`;
  }
}
