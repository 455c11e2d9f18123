import { assertEquals } from "@std/assert";
import { notRefused } from "../../sim/convergence.ts";
import type { Host } from "../../sim/host.ts";
import { Visits } from "../../sim/visits.ts";

const host = (name: string, state = "member") =>
  ({ name, node: { inspect: () => ({ state }) } }) as unknown as Host;

Deno.test("who looks for members and finds nobody, again and again, is stranded, until it finds one", () => {
  const visits = new Visits();
  const [lost, member, other] = ["lost", "member", "other"].map((name) => host(name)) as [Host, Host, Host];
  const seen: boolean[] = [];
  const look = () => void seen.push(visits.isStranded(lost, [member]));
  look();
  for (let dial = 0; dial < 29; dial++) visits.inVain(lost);
  look();
  visits.inVain(lost);
  look();
  // Who is no member itself could not have told it anything.
  visits.found(lost, other, 0);
  look();
  visits.found(lost, member, 0);
  look();
  visits.healed();
  look();
  // What it heard before its removal counts no more, and nor does what a process heard that died soon after.
  visits.removed(lost);
  for (let dial = 0; dial < 30; dial++) visits.inVain(lost);
  look();
  visits.found(lost, member, 7_000_000);
  visits.died(lost, 8_000_000);
  look();
  visits.found(lost, member, 9_000_000);
  visits.died(lost, 15_000_000);
  look();
  assertEquals(seen, [false, false, true, true, false, false, true, true, false]);
});

Deno.test("a removed node that was never told is missed, but where it is stranded", () => {
  const [told, untold] = [host("told", "evicted"), host("untold")];
  assertEquals(notRefused([told, untold], () => false), ["untold is no member and is member"]);
  assertEquals(notRefused([told, untold], () => true), []);
});
