/**
 * Run as a process of its own by runtime_test.ts: a client whose calls have ended sits idle when the server says
 * GOAWAY, which is where the bad runtimes crash, some of the time; hence many rounds, with mutual TLS as in earnest.
 */
import { Buffer } from "node:buffer";
import * as grpc from "@grpc/grpc-js";
import { makeAuthority, makeIdentity, nodeSubject } from "./bench.ts";

const ROUNDS = 20;
const CALLS = 13;
const SETTLE_MS = 30;

const identity = (bytes: Buffer) => bytes;
const service = {
  Echo: {
    path: "/canary.Canary/Echo",
    requestStream: false,
    responseStream: false,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  },
} as const;
const Client = grpc.makeGenericClientConstructor(service, "Canary");
type Echo = { Echo(bytes: Buffer, done: (error: grpc.ServiceError | null) => void): void };

const authority = await makeAuthority();
const server: Pair = (await makeIdentity(nodeSubject("n1", 1), authority)).identity;
const client: Pair = (await makeIdentity(nodeSubject("n2", 2), authority)).identity;
type Pair = { readonly certificate: string; readonly privateKey: string };
const ca = Buffer.from(authority.certificate);
const certificate = (pair: Pair) => Buffer.from(pair.certificate);
const key = (pair: Pair) => Buffer.from(pair.privateKey);

async function startServer(): Promise<{ started: grpc.Server; port: number }> {
  const credentials = grpc.ServerCredentials.createSsl(
    ca,
    [{ private_key: key(server), cert_chain: certificate(server) }],
    true,
  );
  const started = new grpc.Server();
  started.addService(service, {
    Echo: (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) =>
      done(null, call.request),
  });
  const port = await new Promise<number>((resolve, reject) =>
    started.bindAsync("127.0.0.1:0", credentials, (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    })
  );
  return { started, port };
}

async function round(): Promise<void> {
  const { started, port } = await startServer();
  const caller = new Client(
    `127.0.0.1:${port}`,
    grpc.credentials.createSsl(ca, key(client), certificate(client)),
    { "grpc.ssl_target_name_override": "n1" },
  );
  const call = () =>
    new Promise<grpc.ServiceError | null>((resolve) =>
      (caller as unknown as Echo).Echo(Buffer.from("x"), resolve)
    );
  for (let i = 0; i < CALLS; i++) {
    const error = await call();
    if (error !== null) throw error;
  }
  await new Promise<void>((resolve) => started.tryShutdown(() => resolve()));
  if ((await call()) === null) throw new Error("A server that has shut down answered");
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  caller.close();
}

for (let i = 0; i < ROUNDS; i++) await round();
console.log("survived", ROUNDS);
