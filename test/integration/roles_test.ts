/** Who leads: seen, handed over through any member, and told to who wants to run something only there. */
import { assertEquals } from "@std/assert";
import type { Mesh, RoleChange } from "../../src/mod.ts";
import { Meshes, refusal, until } from "./meshes.ts";

const leaderOf = async (mesh: Mesh, group: string) =>
  (await mesh.status()).groups.find((each) => each.name === group)?.leader;

Deno.test("transfer-leadership is passed on to the leader, and each node is told of its role's changes", async () => {
  await Meshes.with(async (meshes) => {
    const changes: Record<string, RoleChange[]> = { a: [], b: [], c: [] };
    const start = (name: string) =>
      meshes.start(name, { onRoleChange: (change) => void changes[name]!.push(change) });
    const [a, b, c] = [await start("a"), await start("b"), await start("c")];
    await a.seed({ meshName: "test" });
    for (const other of [b, c]) await other.join(await a.invite());
    await until(
      "all vote",
      async () => (await a.status()).members.filter((member) => member.role === "voter").length === 3,
    );
    assertEquals(changes, { a: [{ group: "control", role: "leader" }], b: [], c: [] });

    // Through a node that neither leads nor is to lead.
    await b.face.call({ kind: "transfer-leadership", stream: "", to: "c" });
    await until("all know c", async () => await leaderOf(a, "control") === "c");
    await until("c knows itself", () => changes["c"]!.length > 0);
    assertEquals(changes, {
      a: [{ group: "control", role: "leader" }, { group: "control", role: "follower" }],
      b: [],
      c: [{ group: "control", role: "leader" }],
    });
    await refusal(
      "UNKNOWN_MEMBER",
      () => b.face.call({ kind: "transfer-leadership", stream: "", to: "nobody" }),
    );
    await refusal(
      "UNKNOWN_STREAM",
      () => b.face.call({ kind: "transfer-leadership", stream: "nothing", to: "a" }),
    );

    // A node that stops leads no more, and says so before it ends.
    await meshes.stop(c);
    assertEquals(changes["c"]!.at(-1), { group: "control", role: "follower" });
    await until(
      "another leads",
      () => [...changes["a"]!.slice(2), ...changes["b"]!].some((each) => each.role === "leader"),
    );
  });
});

Deno.test("status shows of a group what its Raft holds", async () => {
  await Meshes.with(async (meshes) => {
    const [a] = await meshes.form("a", "b");
    await a!.openStream("orders", { source: "a", targets: ["b"] });
    await refusal("INVALID_ARGUMENT", () => a!.openStream("control", { source: "a", targets: ["b"] }));
    await until("the stream's leader sits at its source", async () => await leaderOf(a!, "orders") === "a");
    // What is looked at is one status in which everything has come to rest.
    let groups = (await a!.status()).groups;
    await until("b has everything", async () => {
      groups = (await a!.status()).groups;
      return groups.every(({ applied, last, transferTo, peers }) =>
        applied === last && transferTo === "" && peers[0]?.match === last && peers[0].state === "replicate"
      );
    });
    assertEquals(groups.map((group) => group.name).sort(), ["control", "orders"]);
    for (const group of groups) {
      assertEquals([group.role, group.leader, group.vote, group.transferTo], ["leader", "a", "a", ""]);
      assertEquals([group.voters, group.outgoing, group.learners], [["a", "b"], [], []]);
      assertEquals([group.first, group.durable, group.commit, group.applied], [
        1,
        group.last,
        group.last,
        group.last,
      ]);
      assertEquals(group.peers, [{ member: "b", state: "replicate", match: group.last }]);
    }
  });
});
