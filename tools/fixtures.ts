/** `deno task fixtures`: writes the bytes of samples that have none yet. It adds and never rewrites. */
import { toHex } from "../src/core/bytes.ts";
import { addFixtures, readFixtures } from "../test/compat/fixtures.ts";
import { SAMPLES } from "../test/compat/samples.ts";

const known = readFixtures();
const missing = new Map(
  [...SAMPLES].filter(([name]) => !known.has(name)).map(([name, sample]) => [name, toHex(sample.write())]),
);
addFixtures(missing);
console.log(missing.size === 0 ? "Every sample has its fixture" : `Added: ${[...missing.keys()].join(", ")}`);
