/** What a figure was measured on: without it a figure says nothing. */
import { cpus, loadavg } from "node:os";

export interface Machine {
  readonly cores: number;
  readonly model: string;
  readonly system: string;
  readonly deno: string;
  /** The average over the last minute, before anything was measured: who else is at work. */
  readonly load: number;
}

export function machine(): Machine {
  return {
    cores: navigator.hardwareConcurrency,
    model: cpus()[0]?.model.trim() || "unknown processor",
    system: `${Deno.build.os} ${Deno.build.arch}`,
    deno: Deno.version.deno,
    load: Math.round(loadavg()[0]! * 100) / 100,
  };
}

export function describeMachine({ cores, model, system, deno, load }: Machine): string {
  return `${cores} cores, ${model}, ${system}, Deno ${deno}, load average ${load}`;
}
