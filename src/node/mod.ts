/** The node: reactor, groups, control group, streams. Knows the pure rooms and the ports, nothing of the outside. */
export * from "./calls.ts";
export { BackupCheck, type BackupGroupSummary, type BackupSummary, backupUnusable } from "./backup_check.ts";
export {
  BACKUP_HEAD_BYTES,
  BackupDecoder,
  type BackupSection,
  SECTION_HEAD_BYTES,
  type SectionHead,
} from "./backup_format.ts";
export * from "./inspection.ts";
export * from "./settings.ts";
export { Node } from "./node.ts";
export { nextRecoveryEpoch } from "./recovery_epoch.ts";
export { type GroupRecovery, planRecovery, type RecoveryPlan } from "./recovery_plan.ts";
export type { Survey } from "./recovery_survey.ts";
export { MACHINE_COMMAND_FORMAT, type UserMachines, type UserStateMachine } from "./user_machine.ts";
export { RestoredNode } from "./restored_node.ts";
export { StoppedNode } from "./stopped_node.ts";
export { FEATURE_LEVEL, FIRST_FEATURE_LEVEL } from "./feature_level.ts";
