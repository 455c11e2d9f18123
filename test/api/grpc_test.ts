/** The gRPC adapter over real sockets with mutual TLS, and a fake node behind it. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { GrpcServer, RemoteNode } from "../../src/api/mod.ts";
import {
  createLocalCredentials,
  LOCAL_SERVER_NAME,
  type LocalCredentials,
} from "../../src/cli/local_authority.ts";
import { createAuthority, createKey, issueCertificate } from "../../src/platform/mod.ts";
import { SennitError } from "../../src/core/errors.ts";
import type { MemberId, NodeNumber, Offset, Sequence, Token } from "../../src/core/ids.ts";
import { BATCH_BYTES_LIMIT } from "../../src/core/limits.ts";
import type { Call, MeshEvent, NodeStatus, Push, Reply, StreamStatus } from "../../src/node/calls.ts";
import { FakeNode, until } from "./fake_node.ts";

const credentials: LocalCredentials = await createLocalCredentials(Date.now());
const SERVER_IDENTITY = { ...credentials.port, trust: [credentials.authority] };
const ADMIN = { ...credentials.admin, trust: [credentials.authority], serverName: LOCAL_SERVER_NAME };

async function withServer(
  body: (node: FakeNode, remote: RemoteNode, server: GrpcServer) => Promise<void>,
): Promise<void> {
  const node = new FakeNode();
  const server = await GrpcServer.start({
    address: "127.0.0.1:0",
    identity: SERVER_IDENTITY,
    face: node.face,
  });
  const remote = new RemoteNode(server.address, ADMIN);
  try {
    await body(node, remote, server);
  } finally {
    remote.close();
    await server.stop();
  }
}

const STREAM: StreamStatus = {
  name: "orders",
  group: 7,
  state: "open",
  source: "a",
  targets: ["b", "c"],
  firstOffset: 3,
  nextOffset: 9_007_199_254_740_991,
  completedOffset: 5,
  borrowed: ["d"],
  advice: "look at it",
  retainedBytes: 1000,
  outboxBatches: 2,
  subscriptions: [{ member: "b", subscription: "default", offset: 5 }],
};

const STATUS: NodeStatus = {
  state: "member",
  name: "a",
  number: 12,
  memberId: 1,
  meshId: "m",
  meshName: "mesh",
  policy: "OPEN",
  health: "DEGRADED",
  members: [{
    memberId: 1 as MemberId,
    name: "a",
    number: 12 as NodeNumber,
    addresses: ["h:1"],
    role: "observer",
    self: true,
    reachable: true,
    rttMs: 0.25,
    featureLevel: 3,
  }],
  groups: [{
    group: 0,
    generation: 2,
    name: "control",
    role: "leader",
    leader: "a",
    term: 3,
    commit: 9,
    applied: 9,
    first: 4,
    last: 10,
    durable: 10,
    vote: "a",
    voters: ["a", "b"],
    outgoing: ["a"],
    learners: ["c"],
    observers: ["d"],
    source: "b",
    peers: [{ member: "b", state: "replicate", match: 8 }],
    transferTo: "b",
    trouble: "",
  }],
  streams: [STREAM],
  recoveryEpoch: 0x100_0005,
  featureLevel: 2,
  warnings: ["c was left behind"],
  wal: { segments: 1, bytes: 4096, durableLsn: 17 },
};

const DONE: Reply = { kind: "done" };
const bytes = (...values: number[]) => new Uint8Array(values);

/** Every call with every field away from its default, and the reply that its contract names. */
const EXCHANGES: readonly (readonly [Call, Reply])[] = [
  [{ kind: "status" }, { kind: "status", status: STATUS }],
  [
    { kind: "seed", meshName: "m", policy: "KEY_REQUIRED", joinKey: "k" },
    { kind: "joined", meshId: "i", meshName: "m", memberId: 1 as MemberId },
  ],
  [{ kind: "invite", validMs: 5000 }, { kind: "text", text: "token" }],
  [
    { kind: "join", token: "t", joinKey: "k" },
    { kind: "joined", meshId: "i", meshName: "m", memberId: 9 as MemberId },
  ],
  [{ kind: "leave" }, DONE],
  [{ kind: "evict", name: "b" }, DONE],
  [{ kind: "set-policy", policy: "CLOSED", joinKey: "k" }, DONE],
  [
    { kind: "issue-client", name: "app", role: "admin" },
    { kind: "credentials", certificate: "c", privateKey: "p", trust: ["t", "u"] },
  ],
  [{ kind: "transfer-leadership", stream: "orders", to: "b" }, DONE],
  [{ kind: "kv-put", key: "k", value: bytes(1, 2), expectedVersion: null }, { kind: "version", version: 4 }],
  [{ kind: "kv-put", key: "k", value: bytes(), expectedVersion: 0 }, { kind: "version", version: 4 }],
  [{ kind: "kv-put", key: "k", value: bytes(1), expectedVersion: 3 }, { kind: "version", version: 4 }],
  [{ kind: "kv-get", key: "k" }, { kind: "value", value: bytes(1), version: 4 }],
  [{ kind: "kv-get", key: "empty" }, { kind: "value", value: bytes(), version: 4 }],
  [{ kind: "kv-get", key: "gone" }, { kind: "value", value: null, version: 0 }],
  [{ kind: "kv-delete", key: "k", expectedVersion: 4 }, { kind: "version", version: 5 }],
  [
    { kind: "kv-list", prefix: "p", afterKey: "pa", limit: 2 },
    { kind: "entries", entries: [{ key: "pb", value: bytes(1), version: 2 }], more: true },
  ],
  [
    {
      kind: "stream-open",
      name: "s",
      source: "a",
      targets: ["b"],
      subscriptions: ["x"],
      retentionBytes: 99,
      borrow: 2,
    },
    { kind: "stream", stream: STREAM },
  ],
  [{ kind: "stream-close", name: "s", discard: true }, DONE],
  [{ kind: "stream-list" }, { kind: "streams", streams: [STREAM] }],
  [
    { kind: "producer-open", stream: "s", producer: "p" },
    { kind: "producer", producerId: 3, epoch: 2, nextSequence: 8 as Sequence },
  ],
  [
    { kind: "publish", stream: "s", batch: bytes(1, 2, 3), level: "COMPLETED" },
    { kind: "published", firstOffset: 0, duplicate: true },
  ],
  [
    { kind: "publish", stream: "s", batch: bytes(1, 2, 3), level: "QUEUED" },
    { kind: "published", firstOffset: -1, duplicate: false },
  ],
];

Deno.test("RemoteNode and GrpcServer carry every call and its reply unchanged", async () => {
  await withServer(async (node, remote) => {
    for (const [call, reply] of EXCHANGES) {
      node.answer = () => reply;
      const answered = await remote.call(call);
      assertEquals(plain(node.calls.at(-1)!.call), plain(call));
      assertEquals(plain(answered), plain(reply));
    }
  });
});

Deno.test("a failed call keeps its code, outcome, message and details on its way, as unary and inside a stream", async () => {
  const error = {
    code: "SEQUENCE_GAP",
    message: "Expected 5",
    outcome: "NOT_APPLIED",
    details: { expected: 5, leader: "a", text: "05" },
  } as const;
  await withServer(async (node, remote) => {
    node.answer = () => ({ kind: "failed", error });
    const calls: Call[] = [
      { kind: "evict", name: "b" },
      { kind: "kv-get", key: "k" },
      { kind: "publish", stream: "s", batch: bytes(1), level: "COMMITTED" },
    ];
    for (const call of calls) {
      const thrown = await assertRejects(() => remote.call(call), SennitError);
      const { code, message, outcome, details } = thrown as SennitError;
      assertEquals({ code, message, outcome, details }, error);
    }
    const refused = await assertRejects(
      () =>
        remote.open(
          { kind: "subscribe", stream: "s", subscription: "x", fromOffset: null, creditBytes: 1 },
          () => {},
        ),
      SennitError,
    );
    assertEquals((refused as SennitError).code, "SEQUENCE_GAP");
  });
});

Deno.test("Publish answers a thousand batches outstanding at once, each with its own reply", async () => {
  await withServer(async (node, remote) => {
    const waiting: { token: Token; first: number }[] = [];
    node.answer = (call, token) => {
      if (call.kind === "publish") waiting.push({ token, first: call.batch[0]! + 256 * call.batch[1]! });
      return null;
    };
    const replies = Array.from(
      { length: 1000 },
      (_, i) =>
        remote.call({ kind: "publish", stream: "s", batch: bytes(i % 256, i >> 8), level: "COMMITTED" }),
    );
    await until(() => waiting.length === 1000, "all batches at the node");
    // The last comes back first: responses are matched by number, not by order.
    for (const { token, first } of waiting.reverse()) {
      node.face.reply(token, { kind: "published", firstOffset: first, duplicate: false });
    }
    const offsets = (await Promise.all(replies)).map((reply) =>
      reply.kind === "published" ? reply.firstOffset : -2
    );
    assertEquals(offsets, Array.from({ length: 1000 }, (_, i) => i));
    assertEquals(node.face.size, 0);
  });
});

Deno.test("Publish stops reading at its limit of outstanding batches and goes on when they are answered", async () => {
  await withServer(async (node, remote) => {
    const waiting: Token[] = [];
    node.answer = (_, token) => {
      waiting.push(token);
      return null;
    };
    const batch = new Uint8Array(BATCH_BYTES_LIMIT);
    const replies = Array.from(
      { length: 12 },
      () => remote.call({ kind: "publish", stream: "s", batch, level: "QUEUED" }),
    );
    await until(() => waiting.length >= 4, "as many as the limit admits");
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert(waiting.length < 12, `${waiting.length} batches of 4 MiB were let in`);
    let answered = 0;
    await until(() => {
      for (; answered < waiting.length; answered++) {
        node.face.reply(waiting[answered]!, { kind: "published", firstOffset: answered, duplicate: false });
      }
      return answered === 12;
    }, "all batches");
    assertEquals((await Promise.all(replies)).length, 12);
  });
});

Deno.test("a batch over the limit is TOO_LARGE at either end, and the others go on", async () => {
  await withServer(async (node, remote) => {
    node.answer = () => ({ kind: "published", firstOffset: 1, duplicate: false });
    const publish = (length: number) =>
      remote.call({ kind: "publish", stream: "s", batch: new Uint8Array(length), level: "COMMITTED" });
    const thrown = await assertRejects(() => publish(BATCH_BYTES_LIMIT + 1), SennitError);
    assertEquals((thrown as SennitError).code, "TOO_LARGE");
    assertEquals((await publish(BATCH_BYTES_LIMIT)).kind, "published");
  });
});

Deno.test("Subscribe opens, delivers batches unopened, carries credit and acks, and ends with its reason", async () => {
  await withServer(async (node, remote) => {
    node.answer = (call) =>
      call.kind === "subscribe" ? { kind: "subscribed", epoch: 4, nextOffset: 10 as Offset } : DONE;
    const pushes: Push[] = [];
    const open = await remote.open(
      { kind: "subscribe", stream: "s", subscription: "x", fromOffset: 0 as Offset, creditBytes: 77 },
      (push) => pushes.push(push),
    );
    assertEquals(open.reply, { kind: "subscribed", epoch: 4, nextOffset: 10 as Offset });
    const subscriber = node.tokenOf("subscribe");
    const delivery: Push = {
      kind: "delivery",
      baseOffset: 8 as Offset,
      skip: 2,
      count: 5,
      batch: bytes(9, 8, 7),
    };
    node.push("subscribe", delivery);
    await until(() => pushes.length === 1, "the delivery");
    assertEquals(plain(pushes[0]), plain(delivery));
    assertEquals(
      await remote.call({ kind: "ack", subscriber: open.token, first: 10 as Offset, next: 13 as Offset }),
      DONE,
    );
    await remote.call({ kind: "credit", subscriber: open.token, bytes: 3 });
    await until(() => node.calls.at(-1)!.call.kind === "credit", "the credit");
    assertEquals(node.calls.slice(-2).map(({ call }) => call), [
      { kind: "ack", subscriber, first: 10 as Offset, next: 13 as Offset },
      { kind: "credit", subscriber, bytes: 3 },
    ]);
    const error = {
      code: "SUBSCRIPTION_FENCED",
      message: "Another came",
      outcome: "NOT_APPLIED",
      details: {},
    } as const;
    node.push("subscribe", { kind: "subscription-ended", error });
    await until(() => pushes.length === 2, "the end");
    assertEquals(pushes[1], { kind: "subscription-ended", error });
  });
});

Deno.test("a subscriber that cancels, or that goes away, is cancelled at the node", async () => {
  await withServer(async (node, remote, server) => {
    node.answer = () => ({ kind: "subscribed", epoch: 1, nextOffset: 0 as Offset });
    const call = {
      kind: "subscribe",
      stream: "s",
      subscription: "x",
      fromOffset: null,
      creditBytes: 1,
    } as const;
    const cancels = () => node.calls.filter((taken) => taken.call.kind === "cancel").length;
    const open = await remote.open(call, () => {});
    await open.cancel();
    await until(() => cancels() === 1, "the cancel");
    const other = new RemoteNode(server.address, ADMIN);
    await other.open(call, () => {});
    other.close();
    await until(() => cancels() === 2, "the cancel of who went away");
    assertEquals(node.face.size, 0);
  });
});

Deno.test("WatchEvents and Kv.Watch push every change after their reply", async () => {
  await withServer(async (node, remote) => {
    const event: MeshEvent = { type: "MEMBER_JOINED", subject: "b", version: 5, detail: "x" };
    const events: Push[] = [];
    const watched = await remote.open({ kind: "watch-events" }, (push) => events.push(push));
    node.push("watch-events", { kind: "mesh-event", event });
    await until(() => events.length === 1, "the event");
    assertEquals(events, [{ kind: "mesh-event", event }]);
    await watched.cancel();
    await until(() => node.calls.at(-1)!.call.kind === "cancel", "the cancel");

    node.answer = () => ({ kind: "version", version: 41 });
    const changes: Push[] = [];
    const keys = await remote.open({ kind: "kv-watch", prefix: "p" }, (push) => changes.push(push));
    assertEquals(keys.reply, { kind: "version", version: 41 });
    node.push("kv-watch", { kind: "kv-change", key: "pa", value: bytes(1), version: 42 });
    node.push("kv-watch", { kind: "kv-change", key: "pa", value: null, version: 43 });
    await until(() => changes.length === 2, "the changes");
    assertEquals(
      plain(changes),
      plain([
        { kind: "kv-change", key: "pa", value: bytes(1), version: 42 },
        { kind: "kv-change", key: "pa", value: null, version: 43 },
      ]),
    );
    await keys.cancel();
  });
});

Deno.test("a node that stops fails what waits as UNKNOWN and ends what is open", async () => {
  await withServer(async (node, remote) => {
    node.answer = (call) =>
      call.kind === "subscribe" ? { kind: "subscribed", epoch: 1, nextOffset: 0 as Offset } : null;
    const pushes: Push[] = [];
    await remote.open(
      { kind: "subscribe", stream: "s", subscription: "x", fromOffset: null, creditBytes: 1 },
      (push) => pushes.push(push),
    );
    const put = remote.call({ kind: "kv-put", key: "k", value: bytes(1), expectedVersion: null });
    const refused = assertRejects(() => put, SennitError);
    await until(() => node.calls.at(-1)!.call.kind === "kv-put", "the put");
    node.face.end();
    const error = await refused as SennitError;
    assertEquals([error.code, error.outcome], ["SHUTTING_DOWN", "UNKNOWN"]);
    await until(() => pushes.length === 1, "the end");
    assertEquals(pushes[0]!.kind, "subscription-ended");
  });
});

Deno.test("a client's certificate reads and writes but does not change the mesh; an outsider's gets nowhere", async () => {
  const wallMs = Date.now();
  const mesh = await createAuthority("mesh", wallMs);
  const identityOf = async (role: "client" | "admin" | "node", name: string, number = 0) => {
    const subject = { role, name, number, hosts: [] };
    const key = await createKey(subject, wallMs);
    const certificate = await issueCertificate(mesh, key.publicKey, subject, wallMs);
    return {
      certificate,
      privateKey: key.privateKey,
      trust: [credentials.authority],
      serverName: LOCAL_SERVER_NAME,
    };
  };
  const node = new FakeNode();
  node.answer = (call) => call.kind === "status" ? { kind: "status", status: STATUS } : DONE;
  const identity = { ...credentials.port, trust: [credentials.authority, mesh.certificate] };
  const server = await GrpcServer.start({ address: "127.0.0.1:0", identity, face: node.face });
  const codeOf = async (who: Awaited<ReturnType<typeof identityOf>>, call: Call) => {
    const remote = new RemoteNode(server.address, who);
    try {
      return (await remote.call(call)).kind;
    } catch (error) {
      if (!(error instanceof SennitError)) throw error;
      return error.code;
    } finally {
      remote.close();
    }
  };
  try {
    const evict: Call = { kind: "evict", name: "b" };
    assertEquals(await codeOf(await identityOf("client", "app"), { kind: "status" }), "status");
    assertEquals(await codeOf(await identityOf("client", "app"), evict), "PERMISSION_DENIED");
    assertEquals(await codeOf(await identityOf("admin", "root"), evict), "done");
    assertEquals(await codeOf(await identityOf("node", "a", 12), evict), "done");
    assertEquals(await codeOf(await identityOf("node", "gone", 13), evict), "PERMISSION_DENIED");
    const stranger = await createLocalCredentials(wallMs);
    const outsider = { ...stranger.admin, trust: [credentials.authority], serverName: LOCAL_SERVER_NAME };
    assertEquals(await codeOf(outsider, { kind: "status" }), "UNREACHABLE");
    assert(!node.calls.some(({ call }) => call.kind === "evict" && call.name !== "b"));
    assertEquals(node.calls.filter(({ call }) => call.kind === "evict").length, 2);
  } finally {
    await server.stop();
  }
});

Deno.test("GrpcServer takes another identity while a call is under way on the old one", async () => {
  await withServer(async (node, remote, server) => {
    let pending: Token | null = null;
    node.answer = (call, token) => {
      if (call.kind === "invite") pending = token;
      return call.kind === "invite" ? null : { kind: "status", status: STATUS };
    };
    const invited = remote.call({ kind: "invite", validMs: 1 });
    await until(() => pending !== null, "the call");
    const next = await createLocalCredentials(Date.now());
    await server.useIdentity({ ...next.port, trust: [next.authority] });
    const newcomer = new RemoteNode(server.address, {
      ...next.admin,
      trust: [next.authority],
      serverName: LOCAL_SERVER_NAME,
    });
    assertEquals((await newcomer.call({ kind: "status" })).kind, "status");
    newcomer.close();
    node.face.reply(pending!, { kind: "text", text: "late" });
    assertEquals(await invited, { kind: "text", text: "late" });
  });
});

Deno.test("GrpcServer serves plaintext on loopback alone", async () => {
  const node = new FakeNode();
  const thrown = await assertRejects(
    () => GrpcServer.start({ address: "0.0.0.0:0", identity: null, face: node.face }),
    SennitError,
  );
  assertEquals((thrown as SennitError).code, "CONFIGURATION_INVALID");
  const server = await GrpcServer.start({ address: "127.0.0.1:0", identity: null, face: node.face });
  const remote = new RemoteNode(server.address, null);
  assertEquals(await remote.call({ kind: "evict", name: "b" }), DONE);
  remote.close();
  await server.stop();
});

Deno.test("garbage bytes on the port end that connection and nothing else", async () => {
  await withServer(async (node, remote, server) => {
    node.answer = () => ({ kind: "status", status: STATUS });
    const port = Number(server.address.split(":")[1]);
    const socket = await Deno.connect({ hostname: "127.0.0.1", port });
    await socket.write(crypto.getRandomValues(new Uint8Array(4096)));
    const buffer = new Uint8Array(4096);
    while ((await socket.read(buffer).catch(() => null)) !== null);
    socket.close();
    assertEquals((await remote.call({ kind: "status" })).kind, "status");
  });
});

/** Views compared as what they show. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, part) => {
    if (part instanceof Uint8Array) return { bytes: [...part] };
    if (part?.type === "Buffer") return { bytes: part.data };
    return part;
  }));
}
