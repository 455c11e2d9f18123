/**
 * Which runtimes Sennit refuses to run on. From Deno 2.9.4 on, `node:http2`, and with it gRPC as client and as server,
 * aborts the whole process when a peer says GOAWAY, that is at an ordinary graceful shutdown (denoland/deno#36788).
 * A node that dies whenever a neighbour stops politely is worse than one that does not start.
 * `test/platform/runtime_test.ts` tells whether the version in use is sound.
 */
import { SennitError } from "../core/errors.ts";

/** The version that is tested and pinned. */
export const TESTED_DENO = "2.9.3";
const FIRST_BAD: readonly [number, number, number] = [2, 9, 4];

/** Throws `UNSUPPORTED` on a version that is known to be bad. */
export function checkRuntime(version: string = Deno.version.deno): void {
  const [major, minor, patch] = version.split(/[.+-]/, 3).map(Number);
  const parts = [major ?? NaN, minor ?? NaN, patch ?? NaN];
  for (let i = 0; i < FIRST_BAD.length; i++) {
    if (Number.isNaN(parts[i]!)) return; // Not a release: whoever built it knows what it is.
    if (parts[i]! < FIRST_BAD[i]!) return;
    if (parts[i]! > FIRST_BAD[i]!) break;
  }
  throw new SennitError(
    "UNSUPPORTED",
    `Cannot run on Deno ${version}: from 2.9.4 on the runtime crashes whenever a gRPC peer shuts down ` +
      `gracefully (denoland/deno#36788); use Deno ${TESTED_DENO}, for example: npx -y deno@${TESTED_DENO}`,
    { details: { version, wanted: TESTED_DENO } },
  );
}
