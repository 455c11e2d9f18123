/** One consensus group as a state machine, and the bytes in which its members speak. */
export * from "./codec.ts";
export {
  changeConfiguration,
  CONFIGURATION_MEMBERS_LIMIT,
  EMPTY_CONFIGURATION,
  isJoint,
  isMember,
  isVoter,
  membersOf,
  simpleConfiguration,
  targetConfiguration,
  votersOf,
} from "./configuration.ts";
export type { ConfigurationChange, ConfigurationRefusal, ConfigurationTarget } from "./configuration.ts";
export {
  decodeConfiguration,
  encodeConfiguration,
  encodedConfigurationBytes,
  readConfiguration,
  writeConfiguration,
} from "./configuration_codec.ts";
export type { Accepted, ChangeRefusal, ProposalRefusal, Refused } from "./membership.ts";
export { majorityOf } from "./quorum.ts";
export { RAFT_MARKS, type RaftMark, RARE_RAFT_MARKS } from "./marks.ts";
export { NOT_FED } from "./pulling.ts";
export { Raft } from "./raft.ts";
export type { Restored } from "./raft.ts";
export type { PeerStatus, RaftStatus } from "./status.ts";
export type { ProgressState } from "./progress.ts";
export * from "./types.ts";
