/**
 * What every implementation of the network port does, real or simulated, in the absence of faults. Written against the
 * port alone: identities are opaque here, the harness makes them.
 */
import { assert, assertEquals } from "@std/assert";
import type { DialTarget, PeerIdentity, Platform } from "../../src/io/mod.ts";
import type { ConnectionId } from "../../src/io/mod.ts";
import { type Drive, Recorder } from "./recorder.ts";

/** A platform that already uses its identity. */
export interface NetworkEnd {
  readonly platform: Platform;
  /** As others see it: role node, name, number and keyHash. */
  readonly identity: Omit<PeerIdentity, "trusted">;
}

export interface NetworkBench {
  /** Two nodes of one mesh, whose certificates one authority issued. */
  readonly left: NetworkEnd;
  readonly right: NetworkEnd;
  /** A node with a self-signed certificate that trusts nobody. */
  readonly stranger: NetworkEnd;
  /** SHA-256 of the public key of the authority of left and right. */
  readonly authorityHash: string;
  /** To listen on; the bound address comes back in `listening`. */
  readonly listenAddress: string;
  /** Where nobody listens. */
  readonly deadAddress: string;
  readonly drive: Drive;
  dispose(): void | Promise<void>;
}

export type MakeNetworkBench = () => NetworkBench | Promise<NetworkBench>;

const BIG_FRAME_BYTES = 256 * 1024;

interface Ends {
  readonly bench: NetworkBench;
  readonly left: Recorder;
  readonly right: Recorder;
  readonly stranger: Recorder;
}

/** Registers the tests of one implementation under its name. */
export function networkConformance(name: string, makeBench: MakeNetworkBench): void {
  const test = (title: string, body: (ends: Ends) => Promise<void>) =>
    Deno.test(`network of ${name} ${title}`, async () => {
      const bench = await makeBench();
      try {
        const record = (end: NetworkEnd) => new Recorder(end.platform, bench.drive);
        await body({
          bench,
          left: record(bench.left),
          right: record(bench.right),
          stranger: record(bench.stranger),
        });
      } finally {
        await bench.dispose();
      }
    });

  test("tells both ends who is there", tellsIdentities);
  test("carries frames in order, whole and unchanged, both ways", carriesFrames);
  test("carries a thousand small frames in order", carriesMany);
  test("carries a frame of 256 KiB", carriesBig);
  test("tells of a buffer that fills and drains", drains);
  test("tells the other end why a connection closes", tellsReason);
  test("delivers what was sent before a close", deliversBeforeClose);
  test("ignores what is sent to a closed connection", ignoresAfterClose);
  test("fails to dial where nobody listens", failsToDialNobody);
  test("refuses a second listener on an address", refusesSecondListener);
  test("refuses addresses that are none", refusesBadAddress);
  test("marks a peer that no trusted authority vouches for", marksUntrusted);
  test("dials members only where a member is expected", expectsMember);
  test("accepts a pinned authority and refuses another", pinsAuthority);
  test("keeps connections apart", keepsApart);
}

async function tellsIdentities(ends: Ends): Promise<void> {
  const address = await listen(ends.left, ends.bench);
  const token = ends.right.token();
  ends.right.io.network.dial({ address, expect: { kind: "member" } }, token);
  const dialled = await ends.right.network("opened");
  const accepted = await ends.left.network("opened");
  assertEquals([dialled.inbound, dialled.token, dialled.address], [false, token, address]);
  assertEquals([accepted.inbound, accepted.token], [true, 0]);
  assertEquals(dialled.peer, { ...ends.bench.left.identity, trusted: true });
  assertEquals(accepted.peer, { ...ends.bench.right.identity, trusted: true });
}

async function carriesFrames(ends: Ends): Promise<void> {
  const { here, there } = await connect(ends);
  const sizes = [0, 1, 2, 125, 126, 127, 1_000, 65_535, 65_536, 70_000];
  for (const size of sizes) {
    ends.right.io.network.send(here, patterned(size, 1));
    ends.left.io.network.send(there, patterned(size, 2));
  }
  await ends.left.until(() => ends.left.frames().length === sizes.length, "frames at the listener");
  await ends.right.until(() => ends.right.frames().length === sizes.length, "frames at the dialler");
  assertEquals(ends.left.frames().map((frame) => frame.bytes), sizes.map((size) => patterned(size, 1)));
  assertEquals(ends.right.frames().map((frame) => frame.bytes), sizes.map((size) => patterned(size, 2)));
  assert(ends.left.frames().every((frame) => frame.connection === there), "frames name their connection");
}

async function carriesMany(ends: Ends): Promise<void> {
  const { here } = await connect(ends);
  for (let i = 0; i < 1_000; i++) ends.right.io.network.send(here, new TextEncoder().encode(`frame ${i}`));
  await ends.left.until(() => ends.left.frames().length >= 1_000, "a thousand frames");
  const texts = ends.left.frames().map((frame) => new TextDecoder().decode(frame.bytes));
  assertEquals(texts, Array.from({ length: 1_000 }, (_, i) => `frame ${i}`));
}

async function carriesBig(ends: Ends): Promise<void> {
  const { here } = await connect(ends);
  ends.right.io.network.send(here, patterned(BIG_FRAME_BYTES, 3));
  const frame = await ends.left.network("frame");
  assertEquals(frame.bytes, patterned(BIG_FRAME_BYTES, 3));
}

async function drains(ends: Ends): Promise<void> {
  const { here } = await connect(ends);
  const network = ends.right.io.network;
  assertEquals(network.buffered(here), 0);
  for (let i = 0; i < 16; i++) network.send(here, patterned(BIG_FRAME_BYTES, i));
  const buffered = network.buffered(here);
  assert(buffered > BIG_FRAME_BYTES, `four megabytes do not leave at once, ${buffered} bytes wait`);
  const drained = await ends.right.network("drained");
  assertEquals(drained.connection, here);
  assert(network.buffered(here) < buffered, "less waits after draining");
  await ends.left.until(() => ends.left.frames().length === 16, "all frames");
  await ends.right.until(() => network.buffered(here) === 0, "an empty buffer");
  network.send(here, patterned(10, 0));
  await ends.left.until(() => ends.left.frames().length === 17, "one more frame");
  const told = ends.right.events.filter((event) => event.kind === "drained").length;
  assertEquals(told, 1, "drained is told once for each time that the mark was passed");
}

async function tellsReason(ends: Ends): Promise<void> {
  const { here, there } = await connect(ends);
  ends.right.io.network.close(here, "moved to another lane");
  const mine = await ends.right.network("closed");
  const theirs = await ends.left.network("closed");
  assertEquals([mine.connection, mine.reason], [here, "moved to another lane"]);
  assertEquals([theirs.connection, theirs.reason], [there, "moved to another lane"]);
}

async function deliversBeforeClose(ends: Ends): Promise<void> {
  const { here } = await connect(ends);
  for (let i = 0; i < 50; i++) ends.right.io.network.send(here, patterned(4_096, i));
  ends.right.io.network.close(here, "done");
  await ends.left.network("closed");
  assertEquals(ends.left.frames().map((frame) => frame.bytes[0]), Array.from({ length: 50 }, (_, i) => i));
  assertEquals(ends.left.events.at(-1)?.kind, "closed", "nothing comes after the close");
}

async function ignoresAfterClose(ends: Ends): Promise<void> {
  const { here } = await connect(ends);
  const network = ends.right.io.network;
  network.close(here, "over");
  network.send(here, patterned(10, 0));
  network.close(here, "again");
  await ends.right.network("closed");
  await ends.left.network("closed");
  network.send(here, patterned(10, 0));
  network.close(here, "again");
  assertEquals(network.buffered(here), 0);
  assertEquals(ends.left.frames().length, 0);
  assertEquals(ends.right.events.filter((event) => event.kind === "closed").length, 1);
}

async function failsToDialNobody(ends: Ends): Promise<void> {
  const failed = await dialFailure(ends.right, {
    address: ends.bench.deadAddress,
    expect: { kind: "member" },
  });
  assertEquals(failed.code, "UNREACHABLE");
  assert(failed.message.includes(ends.bench.deadAddress), failed.message);
}

async function refusesSecondListener(ends: Ends): Promise<void> {
  const address = await listen(ends.left, ends.bench);
  const token = ends.left.token();
  ends.left.io.network.listen(address, token);
  const failed = await ends.left.network("dial-failed");
  assertEquals([failed.token, failed.code], [token, "ADDRESS_IN_USE"]);
}

async function refusesBadAddress(ends: Ends): Promise<void> {
  for (const address of ["", "nowhere", "host:", "host:99999", ":1", "a b:1"]) {
    const failed = await dialFailure(ends.right, { address, expect: { kind: "member" } });
    assertEquals(failed.code, "INVALID_ARGUMENT", JSON.stringify(address));
  }
}

async function marksUntrusted(ends: Ends): Promise<void> {
  const address = await listen(ends.left, ends.bench);
  const expect = { kind: "pinned", authorityHash: ends.bench.authorityHash } as const;
  ends.stranger.io.network.dial({ address, expect }, ends.stranger.token());
  const accepted = await ends.left.network("opened");
  assertEquals(accepted.peer, { ...ends.bench.stranger.identity, trusted: false });
  const dialled = await ends.stranger.network("opened");
  assertEquals(dialled.peer, { ...ends.bench.left.identity, trusted: false }, "the stranger has no bundle");
}

async function expectsMember(ends: Ends): Promise<void> {
  const address = await listen(ends.stranger, ends.bench);
  const failed = await dialFailure(ends.right, { address, expect: { kind: "member" } });
  assertEquals(failed.code, "NOT_AUTHENTICATED");
  const own = await listen(ends.left, ends.bench);
  const again = await dialFailure(ends.stranger, { address: own, expect: { kind: "member" } });
  assertEquals(again.code, "NOT_AUTHENTICATED", "who trusts nobody has no members");
  assert(ends.right.events.every((event) => event.kind !== "opened"), "nothing was opened");
}

async function pinsAuthority(ends: Ends): Promise<void> {
  const address = await listen(ends.left, ends.bench);
  const other = ends.bench.authorityHash.replace(/^./, (digit) => digit === "0" ? "1" : "0");
  const wrong = await dialFailure(ends.stranger, {
    address,
    expect: { kind: "pinned", authorityHash: other },
  });
  assertEquals(wrong.code, "NOT_AUTHENTICATED");
  const leafHash = ends.bench.left.identity.keyHash;
  const leaf = await dialFailure(ends.stranger, {
    address,
    expect: { kind: "pinned", authorityHash: leafHash },
  });
  assertEquals(leaf.code, "NOT_AUTHENTICATED", "a node is no authority");
  const expect = { kind: "pinned", authorityHash: ends.bench.authorityHash } as const;
  ends.stranger.io.network.dial({ address, expect }, ends.stranger.token());
  assertEquals((await ends.stranger.network("opened")).peer.number, ends.bench.left.identity.number);
  const selfSigned = await listen(ends.stranger, ends.bench);
  const pretender = await dialFailure(ends.right, { address: selfSigned, expect });
  assertEquals(pretender.code, "NOT_AUTHENTICATED");
}

async function keepsApart(ends: Ends): Promise<void> {
  const address = await listen(ends.left, ends.bench);
  const ids: ConnectionId[] = [];
  for (let i = 0; i < 5; i++) {
    const token = ends.right.token();
    ends.right.io.network.dial({ address, expect: { kind: "member" } }, token);
    ids.push((await ends.right.network("opened", (event) => event.token === token)).connection);
  }
  assertEquals(new Set(ids).size, 5);
  ends.right.io.network.close(ids[2]!, "one of them");
  await ends.right.network("closed");
  ids.forEach((id, i) => ends.right.io.network.send(id, new Uint8Array([i])));
  await ends.left.until(() => ends.left.frames().length === 4, "frames on the other connections");
  assertEquals(ends.left.frames().map((frame) => frame.bytes[0]!).sort(), [0, 1, 3, 4]);
  assertEquals(new Set(ends.left.frames().map((frame) => frame.connection)).size, 4);
}

async function listen(recorder: Recorder, bench: NetworkBench): Promise<string> {
  const token = recorder.token();
  recorder.io.network.listen(bench.listenAddress, token);
  return (await recorder.network("listening", (event) => event.token === token)).address;
}

async function dialFailure(recorder: Recorder, target: DialTarget) {
  const token = recorder.token();
  recorder.io.network.dial(target, token);
  return await recorder.network("dial-failed", (event) => event.token === token);
}

/** Left listens, right dials; `here` is right's connection and `there` left's. */
async function connect(ends: Ends): Promise<{ here: ConnectionId; there: ConnectionId }> {
  const address = await listen(ends.left, ends.bench);
  ends.right.io.network.dial({ address, expect: { kind: "member" } }, ends.right.token());
  const here = (await ends.right.network("opened")).connection;
  const there = (await ends.left.network("opened")).connection;
  return { here, there };
}

function patterned(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (seed + i * 7 + (i >>> 8)) & 0xff;
  return bytes;
}
