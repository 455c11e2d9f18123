/** What a node holds, as one hash: the canonical bytes of the state machines of all its groups, by number. */
import { ByteWriter } from "../core/bytes.ts";
import type { Crypto } from "../io/mod.ts";
import type { GroupInspection, NodeInspection } from "../node/mod.ts";

type Sha256 = Crypto["sha256"];

export function stateHash({ groups }: NodeInspection, sha256: Sha256): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(1024);
  for (const group of [...groups].sort((a, b) => a.group - b.group)) {
    writer.u64(group.group).u64(group.generation).u64(group.applied).raw(groupHash(group, sha256));
  }
  return sha256(writer.view());
}

export function groupHash(group: GroupInspection, sha256: Sha256): Uint8Array<ArrayBuffer> {
  return sha256(group.stateBytes());
}
