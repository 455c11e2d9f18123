/** CRC-32C, which every byte passes several times on its way: `deno bench bench/micro`. */
import { crc32c } from "../../src/core/crc32c.ts";

for (const length of [64, 4096, 65_536]) {
  const bytes = new Uint8Array(length).map((_, at) => at * 31);
  Deno.bench(`crc32c of ${length} bytes`, () => {
    crc32c(bytes);
  });
}
