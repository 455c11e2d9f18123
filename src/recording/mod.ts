/**
 * The flight recorder: what a node learns, written down so that the same code can be made to do the same again. The node
 * knows nothing of it. No promises here, but real files and the system's cryptography.
 */
export {
  KEY_PATH_FILE,
  RECORD_BYTES_DEFAULT,
  RECORD_BYTES_MIN,
  type TakeOptions,
  TakeWriter,
} from "./folder.ts";
export { RecordingKey } from "./key.ts";
export { observedCallers, observedCrypto, observedDisk, observedNetwork, Outputs } from "./outputs.ts";
export { type Driven, Recorder } from "./recorder.ts";
export { type Answer, type Answers, type Origin, type Rec, RecordReader, RecordWriter } from "./records.ts";
export { groupHash, stateHash } from "./state_hash.ts";
export { TakeReader } from "./take_reader.ts";
