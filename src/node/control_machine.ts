/** The control group's state as the group drives it. */
import type { Index } from "../core/ids.ts";
import { type ControlResult, ControlState } from "./control_state.ts";
import { ResultMachine } from "./result_machine.ts";

export class ControlMachine extends ResultMachine<ControlState, ControlResult> {
  override canonicalBytes(): Uint8Array<ArrayBuffer> {
    return this.state.encode();
  }
  override compactableThrough(): Index {
    return this.state.applied;
  }
  override compacted(_base: Index): void {
    // The control state keeps nothing that depends on where the log begins.
  }
  protected override decode(bytes: Uint8Array, _base: Index): ControlState {
    return ControlState.decode(bytes);
  }
}
