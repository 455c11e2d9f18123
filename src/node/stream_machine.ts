/** A stream's state as its group drives it. */
import type { Index } from "../core/ids.ts";
import { type StreamResult, StreamState } from "../stream/mod.ts";
import { ResultMachine } from "./result_machine.ts";

export class StreamMachine extends ResultMachine<StreamState, StreamResult> {
  override canonicalBytes(): Uint8Array<ArrayBuffer> {
    return this.state.canonicalBytes();
  }
  override compactableThrough(): Index {
    return this.state.compactableThrough();
  }
  override compacted(base: Index): void {
    this.state.compact(base);
  }
  protected override decode(bytes: Uint8Array, base: Index): StreamState {
    return StreamState.decode(bytes, base);
  }
}
