import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ByteWriter } from "../../src/core/bytes.ts";
import { encodeBye } from "../../src/link/bye.ts";
import { localSettings, Mesh } from "../../src/mod.ts";
import { ensureSharedCertificates } from "../../src/platform/mod.ts";
import { FrameEncoder, FrameType, Header } from "../../src/wire/mod.ts";
import { makeIdentity, nodeSubject, openSocket } from "../platform/bench.ts";
import { Relay } from "./relay.ts";
import { Meshes, refusal, until } from "./meshes.ts";

Deno.test("G1 G2 seed founds a mesh once", () =>
  Meshes.with(async (meshes) => {
    const a = await meshes.start("a");
    await refusal("NOT_READY", () => a.kv.get("k"));
    await refusal("INVALID_ARGUMENT", () => a.seed({ meshName: "" }));
    const { meshId } = await a.seed({ meshName: "first" });
    assertMatch(meshId, /^[0-9A-Z]{26}$/);
    await refusal("ALREADY_MEMBER", () => a.seed({ meshName: "second" }));
    const status = await a.status();
    assertEquals([status.state, status.meshName, status.health], ["member", "first", "HEALTHY"]);
  }));

Deno.test("G3 G7 a joiner on an empty folder becomes an equal member, and the founder may stop", () =>
  Meshes.with(async (meshes) => {
    const [a, b, c] = await meshes.form("a", "b", "c");
    await b!.kv.put("k", "1");
    assertEquals((await c!.kv.get("k"))?.version, (await a!.kv.get("k"))?.version);
    await meshes.stop(a!);
    await b!.kv.put("k", "2");
    assertEquals(new TextDecoder().decode((await c!.kv.get("k"))!.value), "2");
  }));

Deno.test("join() refuses a used, an unknown, an expired and a mistyped invitation", () =>
  Meshes.with(async (meshes) => {
    const [a] = await meshes.form("a");
    const token = await a!.invite();
    await (await meshes.start("b")).join(token);
    const c = await meshes.start("c");
    const used = await refusal("INVITATION_INVALID", () => c.join(token));
    assertMatch(used.message, /used.*sennit invite/);
    await refusal("INVITATION_INVALID", () => c.join(token.slice(0, -4)));
    await refusal("INVITATION_INVALID", () => c.join("sennit1.nonsense"));
    const expired = await a!.invite({ validMs: 1 });
    await until("the invitation expires", () => new Promise((resolve) => setTimeout(() => resolve(true), 5)));
    assertMatch((await refusal("INVITATION_INVALID", () => c.join(expired))).message, /expired/);
    await c.join(await a!.invite());
  }));

Deno.test("join() with a token whose authority is another mesh's is refused as not authenticated", () =>
  Meshes.with(async (meshes) => {
    const [a] = await meshes.form("a");
    const other = await meshes.start("x");
    await other.seed({ meshName: "other" });
    const { decodeInvitation, encodeInvitation } = await import("../../src/security/mod.ts");
    const real = decodeInvitation(await a!.invite());
    const forged = encodeInvitation({ ...real, addresses: [other.address] });
    const b = await meshes.start("b");
    await refusal("NOT_AUTHENTICATED", () => b.join(forged));
    assertEquals((await b.status()).state, "empty");
    await b.join(await a!.invite());
  }));

Deno.test("G4 G5 G6 the join policy decides who may come in", () =>
  Meshes.with(async (meshes) => {
    const a = await meshes.start("a");
    await a.seed({ meshName: "test", policy: "KEY_REQUIRED", joinKey: "secret" });
    const b = await meshes.start("b");
    const token = await a.invite();
    await refusal("JOIN_REFUSED", () => b.join(token));
    await refusal("JOIN_REFUSED", () => b.join(token, { joinKey: "wrong" }));
    await b.join(token, { joinKey: "secret" });
    await a.setPolicy("CLOSED");
    const c = await meshes.start("c");
    await refusal("JOIN_REFUSED", async () => c.join(await a.invite()));
    await a.setPolicy("OPEN");
    await c.join(await a.invite());
  }));

Deno.test("join() refuses a taken name and says so", () =>
  Meshes.with(async (meshes) => {
    const [a] = await meshes.form("a", "b");
    const twin = await meshes.start("b", { data: `${meshes.folder}/twin` });
    const error = await refusal("NAME_TAKEN", async () => twin.join(await a!.invite()));
    assertMatch(error.message, /Name b/);
  }));

Deno.test("G9 G65 R20 all members restart, and the mesh resumes with what it had", () =>
  Meshes.with(async (meshes) => {
    let nodes = await meshes.form("a", "b", "c");
    const version = await nodes[1]!.kv.put("k", "kept");
    const control = async (mesh: Mesh) => (await mesh.status()).groups.find(({ group }) => group === 0)!;
    const before = await control(nodes[0]!);
    const addresses = nodes.map((node) => node.address);
    for (const node of nodes) await meshes.stop(node);
    nodes = await Promise.all(
      ["a", "b", "c"].map((name, at) => meshes.start(name, { listen: addresses[at]! })),
    );
    const kept = (await nodes[2]!.kv.get("k"))!;
    assertEquals([new TextDecoder().decode(kept.value), kept.version], ["kept", version]);
    const after = await control(nodes[2]!);
    assert(after.term > before.term && after.commit > before.commit, JSON.stringify([before, after]));
    // And at other addresses, one of them.
    await meshes.stop(nodes[0]!);
    const a = await meshes.start("a");
    await until("the new address is known", async () => {
      const { members } = await nodes[1]!.status();
      return members.find((member) => member.name === "a")!.addresses[0] === a.address;
    });
  }));

Deno.test("G11 leave removes a node for good; its folder is refused afterwards", () =>
  Meshes.with(async (meshes) => {
    const [a, b] = await meshes.form("a", "b", "c");
    await b!.leave();
    const { members } = await a!.status();
    assertEquals(members.map((member) => member.name), ["a", "c"]);
    await refusal("EVICTED", () => b!.kv.get("k"));
    await meshes.stop(b!);
    const again = await meshes.start("b");
    await refusal("EVICTED", () => again.kv.get("k"));
  }));

Deno.test("G12 an evicted node is refused everywhere with its old files", () =>
  Meshes.with(async (meshes) => {
    const [a, , c] = await meshes.form("a", "b", "c");
    await meshes.stop(c!);
    await a!.evict("c");
    assertEquals((await a!.status()).members.map((member) => member.name), ["a", "b"]);
    await refusal("UNKNOWN_MEMBER", () => a!.evict("c"));
    const back = await meshes.start("c");
    await until("it learns that it was evicted", async () => (await back.status()).state === "evicted");
    await refusal("EVICTED", () => back.kv.put("k", "1"));
    const fresh = await meshes.start("c", { data: `${meshes.folder}/fresh` });
    await fresh.join(await a!.invite());
  }));

Deno.test("members that meet a removed one where they look for another stay members", () =>
  Meshes.with(async (meshes) => {
    const [a, b, c] = await meshes.form("a", "b", "c");
    await c!.leave();
    await meshes.stop(c!);
    const fresh = await meshes.start("c", { data: `${meshes.folder}/fresh` });
    await fresh.join(await a!.invite());
    const { address } = fresh;
    await meshes.stop(fresh);
    // Somebody starts the folder of before where the new member was: it answers the others' dials as who it was.
    const old = await meshes.start("c");
    await refusal("EVICTED", () => old.kv.get("k"));
    using relay = new Relay(address, old.address);
    await until("both others have met it", () => relay.ended >= 2);
    assertEquals([(await a!.status()).state, (await b!.status()).state], ["member", "member"]);
  }));

Deno.test("a member does not believe a stranger that it was removed", () =>
  Meshes.with(async (meshes) => {
    const [a] = await meshes.form("a");
    const writer = new ByteWriter();
    new FrameEncoder().encode(
      writer,
      Object.assign(new Header(), { type: FrameType.Bye, source: 2, destination: 1 }),
      encodeBye("EVICTED", "Gone"),
    );
    // As a joiner comes: with a certificate that it made itself.
    const { identity } = await makeIdentity(nodeSubject("b", 2), null);
    const socket = openSocket(a!.address, identity);
    let closed = false;
    socket.on("open", () => socket.send(writer.take(), { binary: true }));
    socket.on("error", () => {});
    socket.on("close", () => closed = true);
    await until("the word was taken in", () => closed);
    assertEquals((await a!.status()).state, "member");
  }));

Deno.test("the last member cannot leave", () =>
  Meshes.with(async (meshes) => {
    const [a] = await meshes.form("a");
    await refusal("LAST_VOTER", () => a!.leave());
  }));

Deno.test("a leader that leaves hands over first", () =>
  Meshes.with(async (meshes) => {
    const [a, b] = await meshes.form("a", "b", "c");
    const leader = (await a!.status()).groups[0]!.leader;
    assertEquals(leader, "a");
    await a!.leave();
    assertEquals((await b!.status()).members.map((member) => member.name), ["b", "c"]);
    await b!.kv.put("k", "1");
  }));

Deno.test("a leader that stops hands over before it is gone", () =>
  Meshes.with(async (meshes) => {
    // So long that no election could come of waiting.
    const { raft } = localSettings("x");
    const settings = { raft: { ...raft, electionTimeoutMs: 60_000 } };
    const nodes = await Promise.all(["a", "b", "c"].map((name) => meshes.start(name, { settings })));
    const [a, b, c] = nodes;
    await a!.seed({ meshName: "test" });
    for (const other of [b!, c!]) await other.join(await a!.invite());
    await until(
      "all vote",
      async () => (await a!.status()).members.every((member) => member.role === "voter"),
    );
    await until("nothing is under way", async () => {
      const controls = await Promise.all(nodes.map(async (node) => (await node.status()).groups[0]!));
      return controls.every(({ applied, last }) => applied === controls[0]!.last && last === applied);
    });
    await meshes.stop(a!);
    await b!.kv.put("k", "1");
    assertEquals(["b", "c"].includes((await b!.status()).groups[0]!.leader), true);
  }));

Deno.test("a voter that is away for long is replaced, and listens when it comes back", () =>
  Meshes.with(async (meshes) => {
    meshes.settings = { votersLimit: 3, voterReplaceMs: 300 };
    const names = ["a", "b", "c", "d"];
    const nodes = await Promise.all(names.map((name) => meshes.start(name)));
    const [a] = nodes;
    await a!.seed({ meshName: "test" });
    for (const other of nodes.slice(1)) await other.join(await a!.invite());
    const voters = async () =>
      (await a!.status()).members.filter((each) => each.role === "voter").map((each) => each.name);
    await until("three vote", async () => (await voters()).length === 3);
    const [second, third] = (await voters()).filter((name) => name !== "a");
    const gone = nodes[names.indexOf(third!)]!;
    await meshes.stop(gone);
    await until("it is replaced", async () => {
      // Until the joint configuration is left, a majority of the old voters is needed too.
      const { voters, outgoing, commit, last } = (await a!.status()).groups[0]!;
      return !voters.includes(third!) && outgoing.length === 0 && commit === last;
    });
    assertEquals((await voters()).length, 3);
    // With the substitute there is a majority without the second one.
    await meshes.stop(nodes[names.indexOf(second!)]!);
    await a!.kv.put("k", "1");
    const back = await meshes.restart(third!);
    await until("it is up to date", async () => (await back.kv.get("k")) !== null);
  }));

Deno.test("start() refuses settings that no node can work by", () =>
  Meshes.with(async (meshes) => {
    const wrong = [{ votersLimit: 2 }, { votersLimit: 10 }, { voterReplaceMs: 0 }];
    for (const settings of wrong) {
      await assertRejects(() => meshes.start("a", { settings }), RangeError, Object.keys(settings)[0]!);
    }
  }));

Deno.test("A12 A13 A14 nodes of a shared certificate folder form a mesh without invitations", () =>
  Meshes.with(async (meshes) => {
    const folder = `${meshes.folder}/certs`;
    const start = async (name: string) =>
      meshes.start(name, { certificates: await ensureSharedCertificates(folder, name) });
    const a = await start("a");
    await a.seed({ meshName: "shared" });
    const b = await start("b");
    await b.join(a.address);
    await b.kv.put("k", "1");
    assert((await a.kv.get("k")) !== null);
    await refusal("UNSUPPORTED", () => a.invite());
    const stranger = await meshes.start("c");
    await refusal("INVITATION_INVALID", () => stranger.join(a.address));
  }));

Deno.test("G19 events() shows members coming and going", () =>
  Meshes.with(async (meshes) => {
    const a = await meshes.start("a");
    await a.seed({ meshName: "test" });
    const seen: string[] = [];
    const watching = (async () => {
      for await (const event of a.events()) {
        seen.push(`${event.type} ${event.subject}`);
        if (event.type === "MEMBER_LEFT") return;
      }
    })();
    const b = await meshes.start("b");
    await b.join(await a.invite());
    await until("b votes", async () => (await a.status()).members.every((member) => member.role === "voter"));
    await b.leave();
    await watching;
    assert(seen.includes("MEMBER_JOINED b"), seen.join());
    assert(seen.includes("MEMBER_REACHABLE b"), seen.join());
    assertEquals(seen.at(-1), "MEMBER_LEFT b");
  }));

Deno.test("start() on a folder, a port or a name that cannot be had says which and what to do", () =>
  Meshes.with(async (meshes) => {
    const a = await meshes.start("a");
    await refusal("DATA_IN_USE", () => Mesh.start({ name: "a", data: `${meshes.folder}/a` }));
    await refusal("ADDRESS_IN_USE", () => meshes.start("b", { listen: a.address }));
    await Deno.writeTextFile(`${meshes.folder}/file`, "");
    await refusal("DISK_FAILED", () => meshes.start("c", { data: `${meshes.folder}/file` }));
    await meshes.stop(a);
    const error = await refusal(
      "CONFIGURATION_INVALID",
      () => meshes.start("z", { data: `${meshes.folder}/a` }),
    );
    assertMatch(error.message, /belongs to node a/);
    await refusal(
      "INVALID_ARGUMENT",
      async () => (await meshes.start("Not A Label")).seed({ meshName: "m" }),
    );
  }));

Deno.test("certificates renew in time, by holders of the authority and by others, without a restart", () =>
  Meshes.with(async (meshes) => {
    // Six nodes that make keys all the time leave a small machine little for anything else.
    const settings = { certificateRenewMs: 300, callTimeoutMs: 20_000 };
    const names = ["a", "b", "c", "d", "e", "f"]; // Five voters, who hold the authority, and one who does not.
    const nodes = await Promise.all(names.map((name) => meshes.start(name, { settings })));
    await nodes[0]!.seed({ meshName: "test" });
    for (const node of nodes.slice(1)) await node.join(await nodes[0]!.invite());
    await until("five vote", async () => {
      const { members } = await nodes[0]!.status();
      return members.filter((member) => member.role === "voter").length === 5;
    });
    const certificateOf = async (name: string) =>
      JSON.parse(await Deno.readTextFile(`${meshes.folder}/${name}/identity.json`)).certificate as string;
    const before = await Promise.all(names.map(certificateOf));
    await until("each has another certificate", async () => {
      const now = await Promise.all(names.map(certificateOf));
      return now.every((certificate, at) => certificate !== before[at]);
    });
    // And the renewed ones are good for new sessions.
    const { address } = nodes[5]!;
    await meshes.stop(nodes[5]!);
    const again = await meshes.start("f", { settings, listen: address });
    await again.kv.put("k", "1");
  }));
