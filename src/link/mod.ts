/** Links to other nodes: sessions, keepalive, traffic classes, scheduling. */
export type { ByeReason } from "./bye.ts";
export type { EnrolId } from "./enrol_session.ts";
export type { LinkEvent, PeerStatus } from "./events.ts";
export { Links } from "./links.ts";
export {
  DEFAULT_LIMITS,
  defaultLinkOptions,
  type LinkLimits,
  type LinkOptions,
  type PeerMember,
  type SelfIdentity,
} from "./options.ts";
export { TRAFFIC_CLASS_NAMES, TRAFFIC_CLASSES, TrafficClass } from "./traffic_class.ts";
