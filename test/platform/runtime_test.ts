import { assertEquals, assertThrows } from "@std/assert";
import { SennitError } from "../../src/core/errors.ts";
import { checkRuntime, TESTED_DENO } from "../../src/platform/mod.ts";

Deno.test("checkRuntime refuses the versions that crash under gRPC and says why", () => {
  for (const version of ["2.9.4", "2.9.6", "2.10.0", "3.0.0", "2.9.4+abc123"]) {
    const error = assertThrows(() => checkRuntime(version), SennitError) as SennitError;
    assertEquals(error.code, "UNSUPPORTED");
    assertEquals([version, "gRPC", TESTED_DENO].every((word) => error.message.includes(word)), true);
  }
  for (const version of ["2.9.3", "2.9.0", "2.8.99", "1.46.3"]) checkRuntime(version);
  checkRuntime();
});

Deno.test("runtime survives peers that shut down gracefully under gRPC", async () => {
  const child = new URL("./goaway_child.ts", import.meta.url).pathname;
  // A bad runtime dies in about every second of these processes.
  for (let i = 0; i < 4; i++) {
    const output = await new Deno.Command(Deno.execPath(), { args: ["run", "-A", "--quiet", child] })
      .output();
    const text = new TextDecoder().decode(output.stdout) + new TextDecoder().decode(output.stderr);
    assertEquals([output.code, output.signal], [0, null], text);
    assertEquals(new TextDecoder().decode(output.stdout).trim(), "survived 20", text);
  }
});
