import { assert, assertEquals, assertThrows } from "@std/assert";
import { connect as connectTcp, createServer, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { MAX_FRAME_BYTES } from "../../src/platform/mod.ts";
import { Recorder } from "../conformance/recorder.ts";
import {
  driveReal,
  makeAuthority,
  makeEnd,
  makeIdentity,
  nodeSubject,
  openPlatform,
  openSocket,
} from "./bench.ts";

const MEMBER = { kind: "member" } as const;
const SHORT_MS = 300;

async function listen(r: Recorder): Promise<{ address: string; host: string; port: number }> {
  r.io.network.listen("127.0.0.1:0", r.token());
  const { address } = await r.network("listening");
  return { address, host: "127.0.0.1", port: Number(address.split(":")[1]) };
}

/** Resolves with what was received when the other end has closed. */
async function untilClosed(socket: Socket): Promise<string> {
  let received = "";
  let closed = false;
  socket.on("data", (bytes) => received += bytes.toString("latin1"));
  socket.on("error", () => {});
  socket.on("close", () => closed = true);
  await driveReal(() => closed, "the other end to close the socket");
  return received;
}

Deno.test("network ends whoever does not speak its language, and goes on serving, A18", async () => {
  const authority = await makeAuthority();
  const server = await makeEnd("server", 1, authority, { handshakeTimeoutMs: SHORT_MS });
  const client = await makeEnd("client", 2, authority);
  const s = new Recorder(server.platform, driveReal);
  const c = new Recorder(client.platform, driveReal);
  const { address, host, port } = await listen(s);
  const plain = async (bytes: string | Uint8Array | null) => {
    const socket = connectTcp(port, host, () => bytes === null || socket.write(bytes));
    return await untilClosed(socket);
  };
  const inTls = async (bytes: string | null) => {
    const socket = connectTls({ host, port, rejectUnauthorized: false }, () => {
      if (bytes !== null) socket.write(bytes);
    });
    return await untilClosed(socket);
  };
  const before = Deno.memoryUsage().rss;
  assert(!(await plain("GET /mesh HTTP/1.1\r\nHost: x\r\n\r\n")).includes("HTTP/1.1 1"), "no plaintext HTTP");
  for (let i = 0; i < 20; i++) await plain(crypto.getRandomValues(new Uint8Array(2_000)));
  await Promise.all([plain(null), inTls(null), inTls("GET /mesh HTTP/1.1\r\nHost:")]);
  await inTls("\0\x01\x02 no HTTP\r\n\r\n");
  await inTls(`GET /mesh HTTP/1.1\r\nX: ${"x".repeat(20_000)}\r\n\r\n`);
  assert(
    (await inTls("GET / HTTP/1.1\r\nHost: x\r\n\r\n")).startsWith("HTTP/1.1 426 "),
    "no request but an upgrade",
  );
  const upgrade = "Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
  assert((await inTls(`GET /other HTTP/1.1\r\n${upgrade}`)).startsWith("HTTP/1.1 404 "), "no path but one");
  assert((await inTls(`GET /mesh HTTP/1.1\r\n${upgrade.replace("13", "7")}`)).startsWith("HTTP/1.1 4"));
  assertEquals(s.events.filter((event) => event.kind === "opened").length, 0, "none of them got in");
  c.io.network.dial({ address, expect: MEMBER }, c.token());
  await c.network("opened");
  assert(Deno.memoryUsage().rss - before < 200e6);
  for (const end of [server, client]) await end.test.dispose();
});

Deno.test("network answers 503 beyond its limit of connections, until one ends", async () => {
  const authority = await makeAuthority();
  const server = await makeEnd("server", 1, authority, { limitConnections: 2 });
  const client = await makeEnd("client", 2, authority);
  const s = new Recorder(server.platform, driveReal);
  const c = new Recorder(client.platform, driveReal);
  const { address } = await listen(s);
  for (let i = 1; i <= 2; i++) {
    c.io.network.dial({ address, expect: MEMBER }, c.token());
    await s.until(() => s.events.filter((event) => event.kind === "opened").length === i, "a connection");
  }
  c.io.network.dial({ address, expect: MEMBER }, c.token());
  const refused = await c.network("dial-failed");
  assert(refused.code === "UNREACHABLE" && refused.message.includes("503"), refused.message);
  c.io.network.close((await c.network("opened")).connection, "making room");
  await s.network("closed");
  const token = c.token();
  c.io.network.dial({ address, expect: MEMBER }, token);
  await c.network("opened", (event) => event.token === token);
  for (const end of [server, client]) await end.test.dispose();
});

Deno.test("network closes on a frame beyond the limit and on what is no frame", async () => {
  const authority = await makeAuthority();
  const server = await makeEnd("server", 1, authority);
  const s = new Recorder(server.platform, driveReal);
  const { address } = await listen(s);
  const { identity } = await makeIdentity(nodeSubject("odd", 5), authority);
  const send = async (data: Uint8Array<ArrayBuffer>, binary: boolean) => {
    const socket = openSocket(address, identity);
    let closed = false;
    socket.on("open", () => socket.send(data, { binary }));
    socket.on("error", () => {});
    socket.on("close", () => closed = true);
    await driveReal(() => closed, "the connection to close");
  };
  await send(new Uint8Array(MAX_FRAME_BYTES + 1), true);
  await send(new TextEncoder().encode("text"), false);
  await s.until(() => s.events.filter((event) => event.kind === "closed").length === 2, "both to be closed");
  assertEquals(s.frames().length, 0);
  await send(new Uint8Array(0), false);
  const opened = s.events.filter((event) => event.kind === "opened").length;
  assertEquals(opened, 3, "and new ones are taken");
  await server.test.dispose();
});

Deno.test("network refuses to send a frame that no one would take", async () => {
  const authority = await makeAuthority();
  const ends = [await makeEnd("a", 1, authority), await makeEnd("b", 2, authority)] as const;
  const [a, b] = ends.map((end) => new Recorder(end.platform, driveReal)) as [Recorder, Recorder];
  const { address } = await listen(a);
  b.io.network.dial({ address, expect: MEMBER }, b.token());
  const { connection } = await b.network("opened");
  assertThrows(() => b.io.network.send(connection, new Uint8Array(MAX_FRAME_BYTES + 1)), RangeError);
  b.io.network.send(connection, new Uint8Array(MAX_FRAME_BYTES));
  assertEquals((await a.network("frame")).bytes.length, MAX_FRAME_BYTES);
  for (const end of ends) await end.test.dispose();
});

Deno.test("network gives up on a server that is silent, talks nonsense or hangs up", async () => {
  const client = await makeEnd("client", 2, await makeAuthority(), { handshakeTimeoutMs: SHORT_MS });
  const c = new Recorder(client.platform, driveReal);
  const behaviours = [
    (_socket: Socket) => {},
    (socket: Socket) => socket.write("SSH-2.0-nonsense\r\n"),
    (socket: Socket) => socket.destroy(),
  ];
  for (const behave of behaviours) {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      socket.on("error", () => {});
      sockets.push(socket);
      behave(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const token = c.token();
    c.io.network.dial({ address: `127.0.0.1:${port}`, expect: MEMBER }, token);
    const failed = await c.network("dial-failed", (event) => event.token === token);
    assert(failed.code === "UNREACHABLE" || failed.code === "NOT_AUTHENTICATED", failed.message);
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
  await client.test.dispose();
});

Deno.test("network without an identity neither listens nor dials", async () => {
  const test = await openPlatform();
  const r = new Recorder(test.platform, driveReal);
  r.io.network.listen("127.0.0.1:0", r.token());
  r.io.network.dial({ address: "127.0.0.1:9", expect: MEMBER }, r.token());
  const codes = r.events.map((event) => event.kind === "dial-failed" ? event.code : event.kind);
  assertEquals(codes, ["INVALID_ARGUMENT", "INVALID_ARGUMENT"]);
  await test.dispose();
});

Deno.test("network tells of a peer that vanished, and frees its port when closed", async () => {
  const authority = await makeAuthority();
  const [server, client] = [await makeEnd("server", 1, authority), await makeEnd("client", 2, authority)];
  const s = new Recorder(server.platform, driveReal);
  const c = new Recorder(client.platform, driveReal);
  const { address, port } = await listen(s);
  c.io.network.dial({ address, expect: MEMBER }, c.token());
  const { connection } = await c.network("opened");
  await s.network("opened");
  await server.test.dispose();
  assertEquals((await c.network("closed")).connection, connection);
  const again = Deno.listen({ hostname: "127.0.0.1", port });
  again.close();
  await client.test.dispose();
});
