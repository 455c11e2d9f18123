/** Watches of keys where a snapshot takes the place of the entries that changed them. */
import { assertEquals } from "@std/assert";
import type { Index, Term, Token } from "../../src/core/ids.ts";
import type { Push } from "../../src/node/calls.ts";
import { ControlMachine } from "../../src/node/control_machine.ts";
import { Membership } from "../../src/node/membership.ts";
import type { Runtime } from "../../src/node/runtime.ts";
import { ControlLog } from "./control_log.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const put = (key: string, value: string) =>
  ({ kind: "kv-put", key, value: bytes(value), expectedVersion: null }) as const;

function watching(prefix: string): { membership: Membership; seen: string[] } {
  const seen: string[] = [];
  const runtime = {
    memberId: 1,
    requests: { applied() {} },
    setPeers() {},
    emit() {},
    run() {},
    callers: {
      push(_: Token, push: Push) {
        if (push.kind !== "kv-change") throw new Error(push.kind);
        const value = push.value === null ? "gone" : new TextDecoder().decode(push.value);
        seen.push(`${push.key}=${value}@${push.version}`);
      },
    },
  } as unknown as Runtime;
  const membership = new Membership(runtime, [], []);
  membership.watchKeys(1 as Token, prefix);
  return { membership, seen };
}

Deno.test("a watch misses nothing that a snapshot took the place of: each key is shown as it is then", () => {
  const log = new ControlLog().found();
  for (const key of ["w/kept", "w/changed", "w/gone"]) log.apply(put(key, "old"));
  const machine = new ControlMachine(log.state);
  const behind = new ControlMachine(new ControlLog().found().state);
  behind.restore(machine.encode(), 0 as Index);
  behind.takeRestored();

  // Applied here and not acted on yet when the snapshot comes.
  const pending = log.apply(put("w/pending", "seen"));
  behind.apply(log.state.applied, 1 as Term, log.entries[log.entries.length - 1]!);
  log.apply(put("w/changed", "new"));
  log.apply({ kind: "kv-delete", key: "w/gone", expectedVersion: null });
  log.apply(put("w/made", "new"));
  log.apply(put("elsewhere", "new"));
  behind.restore(machine.encode(), 0 as Index);

  const replaced = behind.takeRestored()!;
  assertEquals(replaced.results, [pending]);
  assertEquals(behind.takeRestored(), null);
  const { membership, seen } = watching("w/");
  membership.act(replaced.results, replaced.state);
  membership.refresh(behind.state);
  membership.showKeyChanges(behind.state, replaced.state);
  assertEquals(seen, ["w/pending=seen@5", "w/changed=new@6", "w/made=new@8", "w/gone=gone@9"]);
});
