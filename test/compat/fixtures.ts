/** The file of fixtures: one a line, its name, a tab, its bytes in hexadecimal. */
const FILE = new URL("./fixtures/formats.txt", import.meta.url);

export function readFixtures(): Map<string, string> {
  const fixtures = new Map<string, string>();
  for (const line of Deno.readTextFileSync(FILE).split("\n")) {
    const [name, hex] = line.split("\t");
    if (name !== undefined && hex !== undefined) fixtures.set(name, hex);
  }
  return fixtures;
}

/** Appends; what is there stays as it is. */
export function addFixtures(fixtures: ReadonlyMap<string, string>): void {
  const lines = [...fixtures].map(([name, hex]) => `${name}\t${hex}\n`);
  Deno.writeTextFileSync(FILE, lines.join(""), { append: true, create: true });
}
