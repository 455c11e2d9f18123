/** What this node does with each message of another member that is not consensus. */
import { DecodeError } from "../core/errors.ts";
import { CONTROL_GROUP, type GroupId, type Index, type MemberId, type Term } from "../core/ids.ts";
import { decodeStreamCommand } from "../stream/mod.ts";
import { decodeControlCommand } from "./control_commands.ts";
import { introduce, introduced } from "./introductions.ts";
import { decodeNodeMessage, type NodeMessage, RELAYED_REQUEST } from "./node_messages.ts";
import type { Renewal } from "./renewal.ts";
import type { Runtime } from "./runtime.ts";
import { decodeUserCommand } from "./user_machine.ts";

/** `payload` is lent for the call. Throws `DecodeError` where it cannot be read. */
export function takeNodeMessage(
  runtime: Runtime,
  renewal: Renewal,
  fromMember: MemberId,
  payload: Uint8Array,
  now: number,
): void {
  const message = decodeNodeMessage(payload);
  switch (message.kind) {
    case "propose": {
      const group = runtime.group(message.group);
      if (group !== null) checkProposal(runtime, message.group, message.content);
      const result = group === null ? null : group.propose(message.content);
      if (group !== null) runtime.wake(group);
      if (message.request === RELAYED_REQUEST) {
        if (result?.ok !== true) relayAddresses(runtime, fromMember, message);
        break;
      }
      const index = result?.ok ? result.index : 0 as Index;
      const term = result?.ok ? result.term : 0 as Term;
      runtime.sendNode(fromMember, {
        kind: "proposed",
        group: message.group,
        request: message.request,
        index,
        term,
      });
      break;
    }
    case "proposed":
      runtime.requests.answered(message, now);
      break;
    case "beat":
      runtime.beats.heard(fromMember, message.boot, now);
      break;
    case "introduce":
      introduce(runtime, fromMember, message.member);
      break;
    case "introduced":
      introduced(runtime, message.peer);
      break;
    case "renew":
      renewal.requested(fromMember);
      break;
    case "renewed":
      renewal.renewed(message.certificate);
      break;
    case "released": {
      const state = runtime.controlState;
      if (state !== null) runtime.departures.released(message.member, message.group, state);
      break;
    }
    case "ended":
      runtime.closings.heard(fromMember, message.group);
      break;
    case "transfer": {
      const group = runtime.group(message.group);
      // Where this node does not lead any more: the asker sees no change and asks again.
      if (group?.raft.transferLeadership(message.to, now)) runtime.wake(group);
      break;
    }
    case "fetch-entry":
      runtime.repair.asked(fromMember, message);
      break;
    case "fetched-entry":
      runtime.repair.fetched(fromMember, message, now);
      break;
    case "fetch-snapshot":
      runtime.snapshotRepair.asked(fromMember, message);
      break;
    case "fetched-snapshot":
      runtime.snapshotRepair.fetched(fromMember, message, now);
      break;
    case "publish": {
      const stream = runtime.streams.get(message.group);
      if (stream === undefined) break;
      stream.offered(message.content);
      runtime.wake(stream.group);
      break;
    }
  }
}

/** One step further and not on: only the member itself is heard. */
function relayAddresses(
  runtime: Runtime,
  fromMember: MemberId,
  message: NodeMessage & { kind: "propose" },
): void {
  if (message.group !== CONTROL_GROUP || runtime.control === null) return;
  const command = decodeControlCommand(message.content);
  const { leader } = runtime.control.group;
  if (command.kind !== "update-addresses" || command.member !== fromMember || leader === 0) return;
  runtime.observer?.reach("another member's address is relayed");
  runtime.sendNode(leader, message);
}

/** What no member could apply must not come into the log: it would stop all of them. Throws `DecodeError`. */
function checkProposal(runtime: Runtime, group: GroupId, content: Uint8Array): void {
  if (runtime.machines.has(group)) decodeUserCommand(content);
  else if (group !== CONTROL_GROUP) decodeStreamCommand(content);
  else if (decodeControlCommand(content).kind === "genesis") throw new DecodeError("A mesh is founded once");
}
