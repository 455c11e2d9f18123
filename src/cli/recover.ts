/** `sennit recover`: a mesh that has lost its quorum goes on from what the survivors hold. */
import type { RecoveryPlan } from "../node/mod.ts";
import { recover } from "../platform/mod.ts";
import type { ArgumentsOf } from "./arguments.ts";
import { json, line, table } from "./output.ts";

export async function recoverMesh(args: ArgumentsOf<"recover">): Promise<void> {
  const { folders, survivors, dead, acceptRisk } = args;
  const recovered = await recover({
    folders,
    survivors,
    dead,
    acceptLostEntries: acceptRisk === "lost-entries",
    planned: (plan) => args.json ? undefined : line(describePlan(plan)),
  });
  if (args.json) return await line(json(recovered));
  await line(
    `Recovered: epoch ${recovered.recoveryEpoch}. Start ${survivors.join(", ")}. Never start ${
      dead.join(", ")
    } on the old folders: they would be refused`,
  );
}

function describePlan(plan: RecoveryPlan): string {
  const head = [
    "GROUP",
    "CONTINUES",
    "ITS LOG ENDS AT",
    "KNOWN COMMITTED",
    "SURVIVORS' LOGS",
    "CANNOT BE PROVEN PRESENT",
  ];
  const rows = plan.groups.map((group) => [
    group.name,
    group.forced ? `from ${group.winner}` : "by itself, has its quorum",
    `${group.lastIndex} of term ${group.lastTerm}`,
    group.commit,
    group.logs.map(({ name, lastIndex }) => `${name} ${lastIndex}`).join(", "),
    lossOf(group),
  ]);
  return [
    `Mesh "${plan.meshName}" (${plan.meshId}): survivors ${plan.survivors.join(", ")}; dead ${
      plan.dead.join(", ") || "none"
    }`,
    table(head, rows),
    ...plan.lostStreams.map((name) => `LOST: stream ${name}, of which no survivor is a member`),
    ...plan.warnings.map((text) => `WARNING: ${text}`),
  ].join("\n");
}

function lossOf({ complete, lastIndex, nextOffset, name }: RecoveryPlan["groups"][number]): string {
  if (complete) return "nothing: every committed entry is there";
  if (name === "control") return `entries after ${lastIndex}`;
  return `messages from offset ${nextOffset} on, entries after ${lastIndex}`;
}
