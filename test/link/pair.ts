/**
 * A virtual world for links: in-memory network ports with latency, bandwidth and cuts, virtual time, nodes with known
 * certificates. Bytes lent to a receiver are poisoned once it has returned, so a kept view shows.
 */
import { assert } from "@std/assert";
import { TokenSource } from "../../src/core/flow.ts";
import type { MemberId, NodeNumber, Token } from "../../src/core/ids.ts";
import type {
  ConnectionId,
  DialTarget,
  Network,
  NetworkEvent,
  NetworkIdentity,
  PeerIdentity,
  Random,
} from "../../src/io/mod.ts";
import {
  defaultLinkOptions,
  type LinkEvent,
  type LinkOptions,
  Links,
  type PeerMember,
  type SelfIdentity,
} from "../../src/link/mod.ts";

export const MESH = "000102030405060708090a0b0c0d0e0f";

interface End {
  readonly port: PortNetwork;
  readonly id: ConnectionId;
  readonly inbound: boolean;
  other: End | null;
  /** Bytes sent, not yet gone. */
  buffered: number;
  wasHigh: boolean;
  /** When the line is free for the next frame. */
  freeAt: number;
  open: boolean;
  cut: boolean;
}

const HIGH_WATER = 128 * 1024;
const LOW_WATER = 64 * 1024;

/** Virtual time and all that is scheduled. */
export class World {
  now = 0;
  latencyMs = 1;
  /** Bytes per millisecond of each direction of each connection. */
  bandwidth = Infinity;
  readonly listeners = new Map<string, PortNetwork>();
  readonly nodes: TestNode[] = [];
  #queue: { at: number; order: number; run: () => void }[] = [];
  #order = 0;

  at(time: number, run: () => void): void {
    this.#queue.push({ at: time, order: this.#order++, run });
  }

  /** Runs everything up to `until` of virtual time, or until `stop` holds. */
  run(until: number, stop: () => boolean = () => false): void {
    for (const node of this.nodes) node.turn();
    while (!stop()) {
      let next = Infinity;
      for (const item of this.#queue) next = Math.min(next, item.at);
      for (const node of this.nodes) {
        if (!node.frozen) next = Math.min(next, Math.max(this.now, node.links.deadline()));
      }
      if (next > until) {
        this.now = until;
        return;
      }
      this.now = Math.max(this.now, next);
      const due = this.#queue.filter((item) => item.at <= this.now).sort((a, b) =>
        a.at - b.at || a.order - b.order
      );
      this.#queue = this.#queue.filter((item) => item.at > this.now);
      for (const item of due) item.run();
      for (const node of this.nodes) {
        node.turn();
        const isIdle = node.frozen || node.links.deadline() > this.now;
        assert(isIdle, "a deadline that has passed is acted on, and not waited for again");
      }
    }
  }

  /** Nothing passes any more, and nobody is told. */
  cut(): void {
    for (const node of this.nodes) node.network.cut();
  }

  /** All connections break and both ends are told. */
  reset(): void {
    for (const node of this.nodes) node.network.reset();
  }
}

export class PortNetwork implements Network {
  readonly ends = new Map<ConnectionId, End>();
  /** Addresses that cannot be reached from here. */
  readonly unreachable = new Set<string>();
  readonly dials: { at: number; address: string }[] = [];
  readonly sends: { at: number; bytes: number }[] = [];
  identity: PeerIdentity;
  deliver: (event: NetworkEvent) => void = () => {};
  #next = 1_000_000;

  constructor(readonly world: World, identity: PeerIdentity) {
    this.identity = identity;
  }

  useIdentity(_identity: NetworkIdentity): void {}

  listen(address: string, token: Token): void {
    this.world.listeners.set(address, this);
    this.world.at(this.world.now, () => this.deliver({ kind: "listening", token, address }));
  }

  dial(target: DialTarget, token: Token): void {
    this.dials.push({ at: this.world.now, address: target.address });
    const { world } = this;
    world.at(world.now + world.latencyMs, () => {
      const other = world.listeners.get(target.address);
      if (other === undefined || this.unreachable.has(target.address)) {
        this.deliver({ kind: "dial-failed", token, code: "UNREACHABLE", message: "Nobody listens" });
        return;
      }
      const near = this.#end(false);
      const far = other.#end(true);
      near.other = far;
      far.other = near;
      const { address } = target;
      this.deliver({
        kind: "opened",
        token,
        connection: near.id,
        inbound: false,
        address,
        peer: other.identity,
      });
      other.deliver({
        kind: "opened",
        token: 0 as Token,
        connection: far.id,
        inbound: true,
        address: "somewhere:1",
        peer: this.identity,
      });
    });
  }

  send(connection: ConnectionId, frame: Uint8Array<ArrayBuffer>): void {
    const end = this.ends.get(connection);
    if (end === undefined || !end.open) return;
    const { world } = this;
    const copy = frame.slice();
    frame.fill(0xdd);
    this.sends.push({ at: world.now, bytes: copy.length });
    end.buffered += copy.length;
    if (end.buffered > HIGH_WATER) end.wasHigh = true;
    const leaves = Math.max(world.now, end.freeAt) + copy.length / world.bandwidth;
    end.freeAt = leaves;
    world.at(leaves, () => {
      end.buffered -= copy.length;
      if (end.wasHigh && end.buffered <= LOW_WATER && end.open) {
        end.wasHigh = false;
        this.deliver({ kind: "drained", connection });
      }
    });
    world.at(leaves + world.latencyMs, () => {
      const other = end.other!;
      if (end.cut || other.cut || !other.open) return;
      other.port.deliver({ kind: "frame", connection: other.id, bytes: copy });
    });
  }

  buffered(connection: ConnectionId): number {
    return this.ends.get(connection)?.buffered ?? 0;
  }

  close(connection: ConnectionId, reason: string): void {
    const end = this.ends.get(connection);
    if (end === undefined || !end.open) return;
    const { world } = this;
    world.at(Math.max(world.now, end.freeAt), () => this.#closed(end, reason));
    world.at(Math.max(world.now, end.freeAt) + world.latencyMs, () => {
      if (!end.cut && !end.other!.cut) end.other!.port.#closed(end.other!, reason);
    });
  }

  cut(): void {
    for (const end of this.ends.values()) end.cut = true;
  }

  /** This side loses its connections and knows it; the other side is not told. */
  lose(): void {
    for (const end of this.ends.values()) {
      end.cut = true;
      this.#closed(end, "lost");
    }
  }

  reset(): void {
    for (const end of this.ends.values()) this.#closed(end, "reset");
  }

  #closed(end: End, reason: string): void {
    if (!end.open) return;
    end.open = false;
    this.deliver({ kind: "closed", connection: end.id, reason });
  }

  #end(inbound: boolean): End {
    const id = this.#next++ as Token;
    const end: End = {
      port: this,
      id,
      inbound,
      other: null,
      buffered: 0,
      wasHigh: false,
      freeAt: 0,
      open: true,
      cut: false,
    };
    this.ends.set(id, end);
    return end;
  }
}

/** Deterministic numbers, different per site and count. */
export const testRandom: Random = {
  draw(site, n) {
    let hash = 2166136261 ^ n;
    for (let i = 0; i < site.length; i++) hash = Math.imul(hash ^ site.charCodeAt(i), 16777619);
    hash = Math.imul(hash ^ (hash >>> 15), 2246822519);
    return (hash ^ (hash >>> 13)) >>> 0;
  },
};

export interface NodeConfiguration {
  readonly number: number;
  readonly memberId?: number;
  readonly name?: string;
  readonly meshId?: string;
  readonly recoveryEpoch?: number;
  readonly identity?: Partial<PeerIdentity>;
  readonly options?: Partial<LinkOptions>;
}

export class TestNode {
  readonly network: PortNetwork;
  readonly links: Links;
  readonly self: SelfIdentity;
  readonly address: string;
  /** Everything that came, with payloads copied. */
  readonly events: (LinkEvent & { at: number })[] = [];
  inbox: NetworkEvent[] = [];
  /** Frames are still delivered, turns are not taken: a node that hangs. */
  frozen = false;

  constructor(readonly world: World, configuration: NodeConfiguration) {
    const { number } = configuration;
    const name = configuration.name ?? `node-${number}`;
    this.address = `${name}:1`;
    this.self = {
      meshId: configuration.meshId ?? MESH,
      recoveryEpoch: configuration.recoveryEpoch ?? 0,
      number: number as NodeNumber,
      memberId: (configuration.memberId ?? number + 100) as MemberId,
      name,
    };
    this.network = new PortNetwork(world, {
      trusted: true,
      role: "node",
      name,
      number,
      keyHash: "",
      ...configuration.identity,
    });
    this.network.deliver = (event) => this.inbox.push(event);
    const options = { ...defaultLinkOptions(this.self), ...configuration.options };
    this.links = new Links(options, this.network, testRandom, new TokenSource());
    world.nodes.push(this);
    this.links.listen(this.address, world.now);
  }

  get member(): PeerMember {
    const { number, memberId, name } = this.self;
    return { number, memberId, name, addresses: [this.address] };
  }

  turn(): void {
    if (this.frozen) return;
    const { world, links } = this;
    const inbox = this.inbox;
    this.inbox = [];
    for (const event of inbox) links.onNetwork(event, world.now);
    links.tick(world.now);
    for (const event of links.take()) this.events.push({ ...copyEvent(event), at: world.now });
    for (const event of inbox) if (event.kind === "frame") event.bytes.fill(0xee);
    links.flush(world.now);
  }

  of<Kind extends LinkEvent["kind"]>(kind: Kind): (Extract<LinkEvent, { kind: Kind }> & { at: number })[] {
    return this.events.filter((event) => event.kind === kind) as (
      & Extract<LinkEvent, { kind: Kind }>
      & { at: number }
    )[];
  }

  get openConnections(): number {
    let open = 0;
    for (const end of this.network.ends.values()) if (end.open) open++;
    return open;
  }
}

function copyEvent(event: LinkEvent): LinkEvent {
  if (event.kind === "message") return { ...event, payload: event.payload.slice() };
  if (event.kind === "enrol-message") return { ...event, bytes: event.bytes.slice() };
  return event;
}

/** Two members that know each other; b dials only where told. */
export function pair(
  a: Partial<NodeConfiguration> = {},
  b: Partial<NodeConfiguration> = {},
  bDials = false,
): { world: World; a: TestNode; b: TestNode } {
  const world = new World();
  const nodeA = new TestNode(world, { number: 1, ...a });
  const nodeB = new TestNode(world, { number: 2, ...b });
  world.run(0);
  nodeA.links.setPeers([nodeB.member]);
  nodeB.links.setPeers([bDials ? nodeA.member : { ...nodeA.member, addresses: [] }]);
  return { world, a: nodeA, b: nodeB };
}

export function bytesOf(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let value = seed;
  for (let i = 0; i < length; i++) {
    value = (Math.imul(value, 1664525) + 1013904223) >>> 0;
    bytes[i] = value >>> 24;
  }
  return bytes;
}
