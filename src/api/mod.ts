/** The surfaces that programs in other languages, and the command, reach a node by. */
export { GrpcServer, type ServerIdentity, type ServerOptions } from "./server.ts";
export { type RemoteIdentity, RemoteNode } from "./remote_node.ts";
export { FAILURE_TRAILER } from "./failure.ts";
