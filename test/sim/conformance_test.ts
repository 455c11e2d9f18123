/** The simulated ports against the bodies that the real ones pass too. */
import { diskConformance } from "../conformance/disk_suite.ts";
import { networkConformance } from "../conformance/network_suite.ts";
import { driveOf, emptyWorld, makeNetworkBench } from "./bench.ts";

diskConformance("the simulator", () => {
  const world = emptyWorld();
  return { platform: world.addHost("disk"), drive: driveOf(world), dispose: () => {} };
});

networkConformance("the simulator", makeNetworkBench);
