/** File, environment, flags: which wins, what is refused. */
import { assertEquals, assertThrows } from "@std/assert";
import { SennitError } from "../../src/core/errors.ts";
import { type Layers, resolveSettings } from "../../src/cli/start_settings.ts";

const NOTHING: Layers = { file: null, env: {}, flags: {}, hostname: "Host_1.example" };

function mistakes(layers: Partial<Layers>): string {
  const error = assertThrows(
    () => resolveSettings({ ...NOTHING, ...layers }),
    SennitError,
  ) as unknown as SennitError;
  assertEquals(error.code, "CONFIGURATION_INVALID");
  return error.message;
}

const file = (content: unknown) => ({ path: "c.json", text: JSON.stringify(content) });

Deno.test("resolveSettings() takes a flag over the environment over the file over the default, and says which", () => {
  const { settings, sources } = resolveSettings({
    ...NOTHING,
    file: file({ name: "of-file", listen: "h:1", grpc: "h:2", advertise: ["a:1"] }),
    env: {
      SENNIT_LISTEN: "h:3",
      SENNIT_GRPC: "h:4",
      SENNIT_LEND: "1000000",
      SENNIT_ADVERTISE: "b:1, c:2",
      HOME: "/",
      SENNIT_JOIN_KEY: "k",
    },
    flags: { grpc: "h:5" },
  });
  assertEquals(settings, {
    data: "./sennit-data",
    name: "of-file",
    number: 0,
    listen: "h:3",
    advertise: ["b:1", "c:2"],
    grpc: "h:5",
    certs: "",
    lend: 1_000_000,
  });
  assertEquals(sources, {
    data: "default",
    name: "file c.json",
    number: "default",
    listen: "environment SENNIT_LISTEN",
    advertise: "environment SENNIT_ADVERTISE",
    grpc: "flag --grpc",
    certs: "default",
    lend: "environment SENNIT_LEND",
  });
});

Deno.test("resolveSettings() makes a node's name of the machine's", () => {
  assertEquals(resolveSettings(NOTHING).settings.name, "host-1");
  assertEquals(resolveSettings({ ...NOTHING, hostname: "___" }).settings.name, "node");
});

Deno.test("resolveSettings() refuses unknown keys of the file and the environment by name, all at once", () => {
  const message = mistakes({ file: file({ nmae: "x", listen: "nowhere" }), env: { SENNIT_NAEM: "y" } });
  for (const part of [`"nmae": unknown key`, `"listen": expected host:port`, `"SENNIT_NAEM" is unknown`]) {
    assertEquals(message.includes(part), true, `${part} in: ${message}`);
  }
});

Deno.test("resolveSettings() refuses values that cannot be, whatever layer they are of", () => {
  mistakes({ flags: { name: "Not A Label" } });
  mistakes({ flags: { listen: "no-port" } });
  mistakes({ env: { SENNIT_NUMBER: "-1" } });
  mistakes({ file: file({ number: 1.5 }) });
  mistakes({ file: file({ lend: -1 }) });
  mistakes({ env: { SENNIT_LEND: "1 GB" } });
  mistakes({ file: file([]) });
  mistakes({ file: { path: "c.json", text: "{" } });
});
