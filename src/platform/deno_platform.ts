/** The ports of one real node, on one data folder, delivering to one inbox. */
import type { Inbox, Io, Platform } from "../io/mod.ts";
import { DataFolder } from "./data_folder.ts";
import { DenoClock } from "./deno_clock.ts";
import { DenoCrypto } from "./deno_crypto.ts";
import { DenoDisk } from "./deno_disk.ts";
import { DenoRandom } from "./deno_random.ts";
import { Outlet } from "./outlet.ts";
import { checkRuntime } from "./runtime.ts";
import { WssNetwork, type WssOptions } from "./wss_network.ts";

export interface DenoPlatformOptions {
  /** The data folder; made where it is missing, taken for this process alone. */
  readonly folder: string;
  readonly network?: WssOptions;
}

export class DenoPlatform implements Platform {
  readonly io: Io;
  readonly #outlet: Outlet;
  readonly #folder: DataFolder;
  readonly #clock: DenoClock;
  readonly #disk: DenoDisk;
  readonly #network: WssNetwork;
  readonly #crypto: DenoCrypto;
  #closing: Promise<void> | null = null;

  private constructor(folder: DataFolder, options: DenoPlatformOptions) {
    this.#folder = folder;
    this.#outlet = new Outlet();
    this.#clock = new DenoClock(this.#outlet);
    this.#disk = new DenoDisk(folder.path, this.#outlet);
    this.#network = new WssNetwork(this.#outlet, options.network);
    this.#crypto = new DenoCrypto(this.#outlet);
    this.io = {
      clock: this.#clock,
      random: new DenoRandom(),
      network: this.#network,
      disk: this.#disk,
      crypto: this.#crypto,
    };
  }

  /**
   * Takes the data folder. Fails with `UNSUPPORTED` on a runtime that is known to be bad, `DATA_IN_USE` where another
   * process has the folder, `DISK_FULL` or `DISK_FAILED` where it cannot be written.
   */
  static async open(options: DenoPlatformOptions): Promise<DenoPlatform> {
    checkRuntime();
    return new DenoPlatform(await DataFolder.open(options.folder), options);
  }

  /** Absolute path of the data folder. */
  get folder(): string {
    return this.#folder.path;
  }

  /** Connections and listeners of an earlier incarnation end. */
  attach(incarnation: number, inbox: Inbox): void {
    this.#outlet.attach(incarnation, inbox);
    void this.#network.reset("this node started anew");
  }

  /** Ends all I/O; nothing is delivered from now on. Resolves when files, ports and the folder are free. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#outlet.detach();
    this.#clock.close();
    this.#crypto.close();
    await Promise.all([this.#network.shutDown(), this.#disk.close()]);
    this.#folder.close();
  }
}
