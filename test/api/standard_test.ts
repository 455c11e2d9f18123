/** What other languages' stubs and standard tools meet: unary key-value, health, reflection, statuses. */
import { assertEquals } from "@std/assert";
import { credentials, type ServiceError, status } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { loadPackageDefinition } from "@grpc/grpc-js";
import { protoPath } from "grpc-health-check";
import { KvClient, type KvVersion } from "../../proto/gen/sennit/mesh/v1/kv.ts";
import { FAILURE_TRAILER, GrpcServer } from "../../src/api/mod.ts";
import { FakeNode } from "./fake_node.ts";

async function withPlaintext(body: (node: FakeNode, address: string) => Promise<void>): Promise<void> {
  const node = new FakeNode();
  const server = await GrpcServer.start({ address: "127.0.0.1:0", identity: null, face: node.face });
  try {
    await body(node, server.address);
  } finally {
    await server.stop();
  }
}

Deno.test("Kv answers unary stubs, with a status and the whole failure in a trailer where it fails", async () => {
  await withPlaintext(async (node, address) => {
    const kv = new KvClient(address, credentials.createInsecure());
    const put = () =>
      new Promise<KvVersion | ServiceError>((resolve) => {
        const request = { key: "k", value: new Uint8Array([1]), expectedVersion: undefined };
        kv.put(request, (error, reply) => resolve(error ?? reply));
      });
    node.answer = () => ({ kind: "version", version: 7 });
    assertEquals(await put(), { version: 7 });
    assertEquals(node.calls.at(-1)!.call.kind, "kv-put");
    const failure = {
      code: "NO_QUORUM",
      message: "Two of three are away",
      outcome: "UNKNOWN",
      details: {},
    } as const;
    node.answer = () => ({ kind: "failed", error: failure });
    const error = await put() as ServiceError;
    assertEquals([error.code, error.details], [status.UNAVAILABLE, failure.message]);
    assertEquals(error.metadata.get(FAILURE_TRAILER).length, 1);
    kv.close();
  });
});

Deno.test("a number of 2^53 or more is refused where it enters", async () => {
  await withPlaintext(async (node, address) => {
    const kv = new KvClient(address, credentials.createInsecure());
    const answered = await new Promise<ServiceError | null>((resolve) => {
      // Field 3, varint 2^53.
      const request = new Uint8Array([0x18, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]);
      kv.makeUnaryRequest(
        "/sennit.mesh.v1.Kv/Put",
        () => Buffer.from(request),
        (bytes: Buffer) => bytes,
        {},
        (error: ServiceError | null) => resolve(error),
      );
    });
    assertEquals(answered?.code, status.INTERNAL);
    assertEquals(node.calls.length, 0);
    kv.close();
  });
});

// deno-lint-ignore no-explicit-any -- clients made of loaded definitions have no types
type Loaded = any;

Deno.test("standard health says SERVING", async () => {
  await withPlaintext(async (_, address) => {
    const loaded: Loaded = loadPackageDefinition(loadSync(protoPath));
    const client = new loaded.grpc.health.v1.Health(address, credentials.createInsecure());
    const reply = await new Promise<Loaded>((resolve, reject) =>
      client.check(
        { service: "" },
        (error: ServiceError | null, reply: Loaded) => error ? reject(error) : resolve(reply),
      )
    );
    assertEquals(reply.status, 1);
    client.close();
  });
});

Deno.test("reflection lists the three services", async () => {
  await withPlaintext(async (_, address) => {
    const services = await new Promise<string[]>((resolve, reject) => {
      const kv = new KvClient(address, credentials.createInsecure());
      // ServerReflectionRequest{list_services = 7: ""}; the response is searched for names as text.
      const stream = kv.makeBidiStreamRequest(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        (bytes: Uint8Array) => Buffer.from(bytes),
        (bytes: Buffer) => bytes,
      );
      stream.on("data", (bytes: Buffer) => {
        stream.end();
        kv.close();
        resolve(bytes.toString("latin1").match(/sennit\.mesh\.v1\.\w+/g) ?? []);
      });
      stream.on("error", reject);
      stream.write(new Uint8Array([0x3a, 0x00]));
    });
    assertEquals(services.sort(), [
      "sennit.mesh.v1.Kv",
      "sennit.mesh.v1.MeshDataService",
      "sennit.mesh.v1.MeshService",
    ]);
  });
});
