/** Traffic classes in the order in which they leave. Numbers go into the header's route word. */

export const TrafficClass = { RaftControl: 0, Swim: 1, Commit: 2, Data: 3, Bulk: 4 } as const;
export type TrafficClass = (typeof TrafficClass)[keyof typeof TrafficClass];

export const TRAFFIC_CLASSES = 5;

export const TRAFFIC_CLASS_NAMES: readonly string[] = ["raft-control", "swim", "commit", "data", "bulk"];
