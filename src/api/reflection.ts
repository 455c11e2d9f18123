/** Server reflection over the .proto files that lie beside the sources. */
import { loadSync } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";

const FILES = ["sennit/mesh/v1/mesh.proto", "sennit/mesh/v1/kv.proto", "sennit/mesh/v1/data.proto"];

/** Null where the sources do not lie in files: the services work without. */
export function reflection(): ReflectionService | null {
  const folder = new URL("../../proto/", import.meta.url);
  if (folder.protocol !== "file:") return null;
  return new ReflectionService(loadSync(FILES, { includeDirs: [folder.pathname] }));
}
