/** Style that a machine can hold: short files with a head, no left-overs, one place for the runtime's version. */
import { assert, assertEquals } from "@std/assert";
import { exists, readText, sourceFiles } from "../../tools/source_files.ts";

const LIMIT_LINES = 600;
/** Put together here, so that this file may be looked at as well. */
const LEFT_OVERS = [
  "TO" + "DO",
  "FIX" + "ME",
  "X" + "XX",
  "debug" + "ger;",
  "Deno.test." + "only",
  "../" + "shared",
];

const FILES = sourceFiles();

Deno.test("every file has at most 600 lines", () => {
  const long = FILES.filter((file) => file.text.split("\n").length - 1 > LIMIT_LINES).map((file) =>
    file.path
  );
  assertEquals(long, []);
});

Deno.test("every file but a test, whose names say it, says in its head what it is", () => {
  const silent = FILES.filter((file) =>
    !file.path.endsWith("_test.ts") && !file.text.replace(/^#!.*\n/, "").startsWith("/**")
  ).map((file) => file.path);
  assertEquals(silent, []);
});

Deno.test("no file holds left-overs of work", () => {
  const found = FILES.flatMap((file) =>
    LEFT_OVERS.filter((word) => file.text.includes(word)).map((word) => `${file.path}: ${word}`)
  );
  assertEquals(found, []);
});

Deno.test("file names are snake_case", () => {
  const odd = FILES.map((file) => file.path).filter((path) => !/^([a-z0-9_]+\/)*[a-z0-9_]+\.ts$/.test(path));
  assertEquals(odd, []);
});

Deno.test("every mention of a Deno version is the one in tools/deno_version", () => {
  const version = readText("tools/deno_version").trim();
  assert(/^\d+\.\d+\.\d+$/.test(version));
  for (const path of ["README.md", "CONTRIBUTING.md", ".ci/run", "docs/quickstart.md"].filter(exists)) {
    for (const [mention, found] of readText(path).matchAll(/\bdeno@(\d[\w.]*)/g)) {
      assertEquals(found, version, `${path} says ${mention}`);
    }
  }
});

Deno.test("versions of packages are exact and the lock file is frozen", () => {
  const settings = JSON.parse(readText("deno.json"));
  for (const [name, target] of Object.entries(settings.imports as Record<string, string>)) {
    assert(/^npm:(@[\w-]+\/)?[\w-]+@\d+\.\d+\.\d+(\/[\w./-]+)?$/.test(target), `${name}: ${target}`);
  }
  assertEquals(Object.keys(settings.imports), Object.keys(settings.imports).sort());
  assertEquals(settings.lock.frozen, true);
  assert(!/https?:/.test(readText("deno.lock")), "deno.lock names a host");
});
