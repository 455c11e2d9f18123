/** `deno task check`: everything that must hold of the text before a change is accepted. */
import { runSteps } from "./run.ts";

const deno = Deno.execPath();

Deno.exit(
  await runSteps([
    { name: "types", command: [deno, "check", "."] },
    { name: "lint", command: [deno, "lint", "--quiet"] },
    { name: "format", command: [deno, "fmt", "--check", "--quiet"] },
    { name: "arrows between rooms", command: [deno, "test", "-A", "--quiet", "test/tidy"] },
    { name: "generated code", command: [deno, "run", "-A", "tools/gen.ts", "--check"] },
    { name: "bugs found", command: [deno, "run", "-A", "tools/bugs_found.ts", "--check"] },
  ]),
);
