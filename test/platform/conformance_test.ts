/** The real ports against the bodies that the simulated ones pass too. */
import { diskConformance } from "../conformance/disk_suite.ts";
import { networkConformance } from "../conformance/network_suite.ts";
import { driveReal, makeNetworkBench, openPlatform } from "./bench.ts";

diskConformance("DenoPlatform", async () => {
  const test = await openPlatform();
  return { platform: test.platform, drive: driveReal, dispose: test.dispose };
});

networkConformance("DenoPlatform", makeNetworkBench);
