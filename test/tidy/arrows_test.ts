/**
 * The arrows between the rooms (DESIGN, "The house"): who may know whom. A room may be imported at run time only where
 * its importer's row says so, and only through its `mod.ts`; `core` is a shelf of helpers, each its own door.
 */
import { assert, assertEquals } from "@std/assert";
import { exists, importsOf, readText, type SourceFile, sourceFiles } from "../../tools/source_files.ts";

interface Row {
  /** Rooms that it may load. */
  readonly load: readonly string[];
  /** Rooms of which it may know types besides. */
  readonly types: readonly string[];
}

const WORDS = ["io", "wire", "raft"] as const;
const PURE = ["raft", "swim", "routing", "stream"] as const;
const NODE_ROOMS = ["core", "io", "wire", ...PURE, "link", "wal", "security", "observe", "node"] as const;

const ROWS: Readonly<Record<string, Row>> = {
  core: { load: [], types: [] },
  io: { load: ["core"], types: [] },
  wire: { load: ["core"], types: [] },
  raft: { load: ["core"], types: ["io", "wire"] },
  swim: { load: ["core"], types: ["io", "wire"] },
  routing: { load: ["core"], types: ["io", "wire"] },
  stream: { load: ["core"], types: ["io", "wire"] },
  security: { load: ["core"], types: ["io", "wire"] },
  observe: { load: ["core"], types: ["io", "wire"] },
  link: { load: ["core", "wire", "io"], types: ["io"] },
  wal: { load: ["core", "wire", "io"], types: [...WORDS] },
  node: { load: NODE_ROOMS.filter((room) => room !== "node"), types: [] },
  client: { load: NODE_ROOMS, types: [] },
  app: { load: ["core", "node", "client"], types: [] },
  api: { load: [...NODE_ROOMS, "client"], types: [] },
  platform: { load: NODE_ROOMS, types: [] },
  recording: { load: ["core", "io", "node"], types: [] },
  cli: { load: [...NODE_ROOMS, "recording", "client", "app", "api", "platform", "mod.ts"], types: [] },
  "mod.ts": { load: [...NODE_ROOMS, "client", "app", "api", "platform"], types: [] },
};

/** The room of a file below src/: a folder's name, or the file's where it lies in src/ itself. */
function roomOf(path: string): string | null {
  return path.match(/^src\/([^/]+)/)?.[1] ?? null;
}

/** A room's words: types, and the constants that name them. */
function isVocabulary(target: string): boolean {
  return target.endsWith("/types.ts");
}

const FILES = sourceFiles();

Deno.test("every room of src/ has a row", () => {
  for (const file of FILES) {
    const room = roomOf(file.path);
    assert(room === null || room in ROWS, `${file.path}: no row says whom \`${room}\` may know`);
  }
});

Deno.test("a room knows only the rooms that its row names", () => {
  const wrong: string[] = [];
  for (const { from, file, to, target, typeOnly } of roomImports(FILES)) {
    const row = ROWS[from];
    if (row === undefined || from === to || row.load.includes(to)) continue;
    if (row.types.includes(to) && (typeOnly || isVocabulary(target))) continue;
    wrong.push(`${file} must not ${typeOnly ? "know" : "load"} ${target}`);
  }
  assertEquals(wrong, []);
});

Deno.test("a room is entered by its mod.ts, core by any file, its words by types.ts, io and node's data as types", () => {
  const wrong: string[] = [];
  for (const { from, file, to, target, typeOnly } of roomImports(FILES)) {
    if (from === to || to === "core" || to === "mod.ts" || target === `src/${to}/mod.ts`) continue;
    if (isVocabulary(target)) continue;
    if (typeOnly && (to === "io" || /^src\/node\/[a-z_]+\.ts$/.test(target))) continue;
    wrong.push(`${file} enters ${to} by ${target}`);
  }
  assertEquals(wrong, []);
});

Deno.test("src/ never knows sim/ or test/", () => {
  for (const file of FILES.filter((file) => file.path.startsWith("src/"))) {
    for (const { target } of file.imports) {
      assert(!/^(sim|test|bench|tools)\//.test(target), `${file.path}: ${target}`);
    }
  }
});

Deno.test("sim/ and src/platform/ never know each other, not even through others", () => {
  const loaded = loadedFrom(FILES.filter((file) => file.path.startsWith("sim/")).map((file) => file.path));
  assertEquals([...loaded].filter((path) => path.startsWith("src/platform/")), []);
  const platform = loadedFrom(
    FILES.filter((file) => file.path.startsWith("src/platform/")).map((file) => file.path),
  );
  assertEquals([...platform].filter((path) => path.startsWith("sim/")), []);
});

Deno.test("only main.ts, the command and the library's face load the platform", () => {
  for (const file of FILES) {
    if (/^(main\.ts|src\/mod\.ts|src\/cli\/|src\/platform\/|test\/|bench\/|tools\/)/.test(file.path)) {
      continue;
    }
    for (const { target } of file.imports) {
      assert(!target.startsWith("src/platform/"), `${file.path}: ${target}`);
    }
  }
});

Deno.test("importing the library loads no gRPC and no database", () => {
  for (const entry of Object.values(JSON.parse(readText("deno.json")).exports as Record<string, string>)) {
    const path = entry.replace(/^\.\//, "");
    assert(exists(path), `deno.json exports ${path}, which does not exist`);
    const heavy = [...loadedFrom([path])].filter((target) =>
      /^(@grpc\/|grpc-health-check|@electric-sql\/|pg$|ioredis|proto\/gen\/|src\/api\/)/.test(target)
    );
    assertEquals(heavy, [], `${path} loads them at import`);
  }
});

Deno.test("importsOf() tells loads from types and sees every form", () => {
  const text = [
    `import { a } from "./a.ts";`,
    `import type { B } from "../io/mod.ts";`,
    `import { type C, type D } from "./c.ts";`,
    `import {\n  e,\n  type F,\n} from "./e.ts";`,
    `export * from "./g.ts";`,
    `import "./h.ts";`,
    `const i = await import("./i.ts");`,
    `type J = typeof import("./j.ts");`,
  ].join("\n");
  assertEquals(
    importsOf("src/raft/x.ts", text).map((found) => [found.target, found.typeOnly, found.dynamic]),
    [
      ["src/raft/a.ts", false, false],
      ["src/io/mod.ts", true, false],
      ["src/raft/c.ts", true, false],
      ["src/raft/e.ts", false, false],
      ["src/raft/g.ts", false, false],
      ["src/raft/h.ts", false, false],
      ["src/raft/i.ts", false, true],
      ["src/raft/j.ts", true, true],
    ],
  );
});

interface RoomImport {
  readonly from: string;
  readonly file: string;
  readonly to: string;
  readonly target: string;
  readonly typeOnly: boolean;
}

function roomImports(files: readonly SourceFile[]): RoomImport[] {
  return files.flatMap((file) => {
    const from = roomOf(file.path);
    if (from === null) return [];
    return file.imports.flatMap(({ target, typeOnly }) => {
      const to = roomOf(target);
      return to === null ? [] : [{ from, file: file.path, to, target, typeOnly }];
    });
  });
}

/** Everything that is loaded when `roots` are: their static imports, and theirs. */
function loadedFrom(roots: readonly string[]): Set<string> {
  const byPath = new Map(FILES.map((file) => [file.path, file]));
  const loaded = new Set<string>();
  const waiting = [...roots];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (loaded.has(path)) continue;
    loaded.add(path);
    for (const { target, typeOnly, dynamic } of byPath.get(path)?.imports ?? []) {
      if (!typeOnly && !dynamic) waiting.push(target);
    }
  }
  return loaded;
}
