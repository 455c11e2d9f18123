/** The command line: what is understood, what is refused with exit code 2, what helps. */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { placesOf } from "../../src/cli/connect.ts";
import { parse, VERSION } from "../../src/cli/parse.ts";
import { SennitError } from "../../src/core/errors.ts";

const NO_TARGET = { node: [], json: false };
const ANYWHERE = { data: undefined, node: [], credentials: undefined, json: false };

function parsed(...args: string[]): unknown {
  const result = parse(args);
  if (result.kind !== "run") throw new Error(result.stderr);
  return Object.fromEntries(Object.entries(result.args).filter(([, value]) => value !== undefined));
}

Deno.test("parse() understands commands, their defaults, and arguments that look like options", () => {
  assertEquals(parsed("kv", "put", "--if-version", "3", "k", "v"), {
    command: "kv-put",
    key: "k",
    value: "v",
    version: 3,
    ...NO_TARGET,
  });
  assertEquals(parsed("kv", "put", "--", "--key", "v"), {
    command: "kv-put",
    key: "--key",
    value: "v",
    ...NO_TARGET,
  });
  assertEquals(parsed("subscribe", "--stream", "s", "--from", "0", "--json"), {
    command: "subscribe",
    stream: "s",
    subscription: "default",
    from: 0,
    node: [],
    json: true,
  });
  assertEquals(parsed("publish", "--stream", "s", "--producer", "p", "--node", "a", "--node", "b"), {
    command: "publish",
    stream: "s",
    producer: "p",
    level: "COMMITTED",
    batch: 256,
    window: 16,
    node: ["a", "b"],
    json: false,
  });
});

const WRONG: readonly (readonly string[])[] = [
  [],
  ["nonsense"],
  ["start", "--bogus"],
  ["kv", "put", "key-without-value"],
  ["kv", "put", "k", "v", "--if-version", "-1"],
  ["kv", "put", "k", "v", "--if-version", "1.5"],
  ["stream", "open", "s"],
  ["publish", "--stream", "s"],
  ["publish", "--stream", "s", "--producer", "p", "--level", "MAYBE"],
  ["publish", "--stream", "s", "--producer", "p", "--batch", "0"],
  ["policy", "SOMETIMES"],
];

for (const args of WRONG) {
  Deno.test(`parse() refuses \`sennit ${args.join(" ")}\` with exit code 2 and a word on the standard error`, () => {
    const result = parse(args);
    assert(result.kind === "print");
    assertEquals([result.kind, result.kind === "print" && result.exitCode], ["print", 2]);
    assertMatch(result.kind === "print" ? result.stderr : "", /Error: .+\nTry `sennit --help`/s);
  });
}

Deno.test("parse() prints help with examples, the version and completions to the standard output", () => {
  for (
    const [args, expected] of [
      [["--help"], /publish +Publish lines/],
      [["publish", "--help"], /Examples:\s+`?sennit publish --stream orders/],
      [["help", "kv"], /watch +Print changes/],
      [["--version"], new RegExp(`^${VERSION}\n$`)],
      [["completion", "bash"], /complete .*sennit/],
    ] as const
  ) {
    const result = parse(args);
    if (result.kind !== "print") throw new Error("ran");
    assertEquals([result.exitCode, result.stderr], [0, ""]);
    assertMatch(result.stdout, expected);
  }
});

Deno.test("placesOf() takes --data, then SENNIT_DATA, then the usual folder; --node names folders and addresses", () => {
  const env = (value?: string) => ({ get: () => value });
  const folder = (name: string) => ({ kind: "folder" as const, folder: name });
  assertEquals(placesOf(ANYWHERE, env()), [folder("./sennit-data")]);
  assertEquals(placesOf(ANYWHERE, env("/e")), [folder("/e")]);
  assertEquals(placesOf({ ...ANYWHERE, data: "/d" }, env("/e")), [folder("/d")]);
  assertEquals(placesOf({ ...ANYWHERE, node: ["/a", "b@h:1", "[::1]:2"], credentials: "/c" }, env("/e")), [
    folder("/a"),
    { kind: "address", address: "h:1", serverName: "b", credentials: "/c" },
    { kind: "address", address: "[::1]:2", serverName: "localhost", credentials: "/c" },
  ]);
  assertThrows(() => placesOf({ ...ANYWHERE, node: ["h:1"] }, env()), SennitError, "--credentials");
});
