/** Told of each beginning and each end of this node's leading a group; for whoever runs something only at the leader. */
import type { NodeFace } from "./node_face.ts";

export interface RoleChange {
  /** "control" or the stream's name. */
  readonly group: string;
  /** What this node is in the group from now on, as far as it knows: another may lead already when it hears so. */
  readonly role: "leader" | "follower";
}

/** Call it before the node starts: then nothing is missed. A node that ends or fails is first follower everywhere. */
export function watchRoles(face: NodeFace, told: (change: RoleChange) => void): void {
  face.submit({ kind: "watch-events" }, {
    reply() {},
    push(push) {
      if (push.kind !== "mesh-event" || push.event.type !== "ROLE_CHANGED") return;
      told({ group: push.event.subject, role: push.event.detail === "leader" ? "leader" : "follower" });
    },
  });
}
