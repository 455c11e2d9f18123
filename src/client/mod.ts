/** How programs hold a node: calls as promises, over a node in the same process or one far away. */
export * from "./face.ts";
export * from "./key_value_client.ts";
export * from "./machine_client.ts";
export * from "./mesh_client.ts";
export * from "./node_face.ts";
export * from "./producer.ts";
export * from "./push_queue.ts";
export * from "./role_changes.ts";
export * from "./stream_client.ts";
export * from "./subscription.ts";
export * from "./surroundings.ts";
export * from "./watching.ts";
