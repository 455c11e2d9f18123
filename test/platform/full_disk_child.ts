/** Run under a file-size limit by disk_faults_test.ts: says what became of an append that crosses it. */
import { DenoPlatform } from "../../src/platform/mod.ts";
import { Recorder } from "../conformance/recorder.ts";
import { driveReal } from "./bench.ts";

const platform = await DenoPlatform.open({ folder: Deno.args[0]! });
const r = new Recorder(platform, driveReal);
const size = async () => (await r.diskOk((t) => r.io.disk.list("", t))).entries[0]!.sizeBytes;
await r.diskOk((t) => r.io.disk.append("log", new Uint8Array(3_000), t));
const crossing = await r.disk((t) => r.io.disk.append("log", new Uint8Array(3_000), t));
const after = await size();
await r.diskOk((t) => r.io.disk.append("log", new Uint8Array(100), t));
console.log("ok", crossing.ok ? "SUCCEEDED" : crossing.code, after, await size());
await platform.close();
