/** The page's side of the engine: one worker that records the run and ends, one that stays and runs as far as it is asked to. */
/// <reference lib="dom" />
import type { FromEngine, Moment, RunSource, ToEngine } from "./rows.ts";

export class EnginePort {
  readonly #url: string;
  readonly #source: RunSource;
  readonly #onFailure: (message: string) => void;
  #runner: Worker | null = null;
  /** Called with each answer of the runner. */
  onMoment: (moment: Moment) => void = () => {};
  onGoing: (at: number, to: number) => void = () => {};

  constructor(code: string, source: RunSource, onFailure: (message: string) => void) {
    this.#url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    this.#source = source;
    this.#onFailure = onFailure;
  }

  record(onMessage: (message: FromEngine) => void): void {
    const worker = this.#open((message) => {
      onMessage(message);
      if (message.kind === "over") worker.terminate();
    });
    worker.postMessage({ kind: "record", source: this.#source } satisfies ToEngine);
  }

  go(event: number): void {
    this.#runner ??= this.#open((message) => {
      if (message.kind === "at") this.onMoment(message.moment);
      else if (message.kind === "going") this.onGoing(message.at, message.to);
    });
    this.#runner.postMessage({ kind: "go", source: this.#source, event } satisfies ToEngine);
  }

  #open(onMessage: (message: FromEngine) => void): Worker {
    const worker = new Worker(this.#url);
    worker.onmessage = ({ data }: MessageEvent<FromEngine>) => {
      if (data.kind === "failed") this.#onFailure(data.message);
      else onMessage(data);
    };
    worker.onerror = (event) => this.#onFailure(event.message);
    return worker;
  }
}
