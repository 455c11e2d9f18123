/** A TLS client and server that are not ours, and a key that makes them lie. */
import { Buffer } from "node:buffer";
import { createPrivateKey } from "node:crypto";
import { driveReal, freePort } from "./bench.ts";

/** Connects to `address`, sends `request` and returns what came back, errors included. */
export async function runOpenssl(
  address: string,
  identity: { readonly certificate: string; readonly privateKey: string },
  request: string,
): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "sennit-" });
  try {
    await Deno.writeTextFile(`${folder}/cert.pem`, identity.certificate);
    await Deno.writeTextFile(`${folder}/key.pem`, identity.privateKey);
    const files = ["-cert", `${folder}/cert.pem`, "-key", `${folder}/key.pem`];
    const child = new Deno.Command("openssl", {
      args: ["s_client", "-connect", address, ...files, "-quiet", "-ign_eof"],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(request)).catch(() => {});
    const output = await child.output();
    await writer.close().catch(() => {});
    return new TextDecoder().decode(output.stdout) + new TextDecoder().decode(output.stderr);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** An HTTPS server that answers every request with 200. */
export async function startOpensslServer(
  identity: { readonly certificate: string; readonly privateKey: string },
): Promise<{ readonly address: string; stop(): Promise<void> }> {
  const folder = await Deno.makeTempDir({ prefix: "sennit-" });
  await Deno.writeTextFile(`${folder}/cert.pem`, identity.certificate);
  await Deno.writeTextFile(`${folder}/key.pem`, identity.privateKey);
  const address = `127.0.0.1:${await freePort()}`;
  const files = ["-cert", `${folder}/cert.pem`, "-key", `${folder}/key.pem`];
  const child = new Deno.Command("openssl", {
    args: ["s_server", "-accept", address, ...files, "-www"],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let said = "";
  const read = (async () => {
    for await (const bytes of child.stdout) said += new TextDecoder().decode(bytes);
  })();
  await driveReal(() => said.includes("ACCEPT"), "openssl to listen");
  return {
    address,
    stop: async () => {
      child.kill();
      await child.status;
      await read;
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/**
 * A private key (RFC 5915) with the public point of one key and the secret number of another. OpenSSL compares only
 * points, so it shows the certificate of the first and signs with the second.
 */
export function mismatchedKey(pointOf: string, secretOf: string): string {
  const point = createPrivateKey(pointOf).export({ format: "jwk" });
  const secret = createPrivateKey(secretOf).export({ format: "jwk" });
  const number = (text: string | undefined) => Buffer.from(text!, "base64url");
  const der = Buffer.concat([
    Buffer.from("30770201010420", "hex"),
    number(secret.d),
    Buffer.from("a00a06082a8648ce3d030107a14403420004", "hex"),
    number(point.x),
    number(point.y),
  ]);
  return `-----BEGIN EC PRIVATE KEY-----\n${der.toString("base64")}\n-----END EC PRIVATE KEY-----\n`;
}
