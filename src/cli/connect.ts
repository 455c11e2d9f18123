/** From what the command line says to a node that answers. */
import { RemoteNode } from "../api/mod.ts";
import { SennitError } from "../core/errors.ts";
import type { Target } from "./arguments.ts";
import { readRecord } from "./local_record.ts";

const CONNECT_MS = 5000;
/** A node that was just told to found or join a mesh changes its certificate: the record is read anew for so long. */
const ATTEMPT_MS = 1000;

/** Where a node may be found: by its data folder on this machine, or by address with certificates. */
export type Place =
  | { readonly kind: "folder"; readonly folder: string }
  | {
    readonly kind: "address";
    readonly address: string;
    readonly serverName: string;
    readonly credentials: string;
  };

/** The places that a command line names; `CONFIGURATION_INVALID` where certificates are missing. */
export function placesOf(target: Target, env: { get(name: string): string | undefined }): Place[] {
  const credentials = target.credentials;
  const places = target.node.map((text): Place => {
    const [, serverName, address] = /^(?:([^@/]+)@)?((?:\[[0-9a-fA-F:]+\]|[^:/\s]+):\d+)$/.exec(text) ?? [];
    if (address === undefined) return { kind: "folder", folder: text };
    if (credentials === undefined) {
      throw new SennitError("CONFIGURATION_INVALID", `Cannot reach "${text}" without --credentials FOLDER`);
    }
    return { kind: "address", address, serverName: serverName ?? "localhost", credentials };
  });
  if (places.length > 0 && target.data === undefined) return places;
  return [{ kind: "folder", folder: target.data ?? env.get("SENNIT_DATA") ?? "./sennit-data" }, ...places];
}

/** Connects to the first place that answers; throws the last one's error. */
export async function connect(places: readonly Place[]): Promise<RemoteNode> {
  let last: unknown;
  for (const place of places) {
    try {
      return await connectTo(place);
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

export async function connectTo(place: Place): Promise<RemoteNode> {
  const deadline = performance.now() + CONNECT_MS;
  while (true) {
    const remote = place.kind === "folder" ? await local(place.folder) : await distant(place);
    try {
      await remote.ready(ATTEMPT_MS);
      return remote;
    } catch (error) {
      remote.close();
      if (performance.now() >= deadline) throw await explain(place, error);
    }
  }
}

async function local(folder: string): Promise<RemoteNode> {
  const { grpc, identity } = await readRecord(folder);
  return new RemoteNode(grpc, identity);
}

async function distant(place: Extract<Place, { kind: "address" }>): Promise<RemoteNode> {
  const { address, serverName, credentials } = place;
  try {
    const [certificate, privateKey, trust] = await Promise.all([
      Deno.readTextFile(`${credentials}/client.pem`),
      Deno.readTextFile(`${credentials}/client.key`),
      Deno.readTextFile(`${credentials}/trust.pem`),
    ]);
    return new RemoteNode(address, { certificate, privateKey, trust: [trust], serverName });
  } catch (error) {
    throw new SennitError("CONFIGURATION_INVALID", `Cannot read credentials: ${(error as Error).message}`);
  }
}

async function explain(place: Place, error: unknown): Promise<unknown> {
  if (place.kind === "address" || !(error instanceof SennitError)) return error;
  const { pid, grpc } = await readRecord(place.folder);
  return new SennitError(
    "UNREACHABLE",
    `The node of "${place.folder}" (process ${pid}, ${grpc}) does not answer: it may have crashed; start it again`,
  );
}
