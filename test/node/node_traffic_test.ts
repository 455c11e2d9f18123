import { assertEquals } from "@std/assert";
import { ByteWriter } from "../../src/core/bytes.ts";
import { CONTROL_GROUP, type MemberId } from "../../src/core/ids.ts";
import { encodeControlCommand } from "../../src/node/control_commands.ts";
import { type NodeMessage, RELAYED_REQUEST, writeNodeMessage } from "../../src/node/node_messages.ts";
import { takeNodeMessage } from "../../src/node/node_traffic.ts";

interface Sent {
  readonly to: number;
  readonly kind: string;
}

/** What a member that does not lead sends after such a message from member 5; the leader is member 3. */
function sentAfter(message: NodeMessage, leader = 3): Sent[] {
  const sent: Sent[] = [];
  const group = { leader, propose: () => ({ ok: false }) };
  const runtime = {
    group: () => group,
    control: { group },
    machines: new Map(),
    wake() {},
    sendNode: (to: number, { kind }: NodeMessage) => sent.push({ to, kind }),
  };
  const writer = new ByteWriter();
  writeNodeMessage(writer, message);
  takeNodeMessage(runtime as never, null as never, 5 as MemberId, writer.take(), 0);
  return sent;
}

function addressesOf(member: number, request = RELAYED_REQUEST): NodeMessage {
  const origin = { member: member as MemberId, boot: 1, request };
  const command = {
    kind: "update-addresses",
    origin,
    member: member as MemberId,
    addresses: ["h:1"],
  } as const;
  return { kind: "propose", group: CONTROL_GROUP, request, content: encodeControlCommand(command) };
}

Deno.test("a member that does not lead hands another one's new address to the leader", () => {
  assertEquals(sentAfter(addressesOf(5)), [{ to: 3, kind: "propose" }]);
});

Deno.test("an address is relayed once, for the member itself, and to a leader that is known", () => {
  assertEquals(sentAfter(addressesOf(6)), []);
  assertEquals(sentAfter(addressesOf(5), 0), []);
});

Deno.test("a command that somebody waits for is answered and not relayed", () => {
  assertEquals(sentAfter(addressesOf(5, 7)), [{ to: 5, kind: "proposed" }]);
});

Deno.test("nothing but an address is relayed", () => {
  const origin = { member: 5 as MemberId, boot: 1, request: 0 };
  const content = encodeControlCommand({
    kind: "set-admission",
    origin,
    admission: { policy: "CLOSED", joinKeyHash: "" },
  });
  assertEquals(sentAfter({ kind: "propose", group: CONTROL_GROUP, request: 0, content }), []);
});
