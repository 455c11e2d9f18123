/**
 * What node code may not touch: time, chance and machines that no seed decides. While a world is installed these
 * globals throw inside node code, each with the name of the port to use; outside of it they work as ever. Installed
 * once for a run; entering and leaving node code is a count.
 */

const CLOCK = "ask the clock port (io.clock)";
const RANDOM = "draw from the random port (io.random)";
const NETWORK = "use the network port (io.network)";
const DISK = "use the disk port (io.disk)";
const PLATFORM = "node code knows no machine, only its ports (io)";
const CRYPTO = "use the crypto port (io.crypto)";
const EXACT = "it may differ between machines; compute with integers";
const COLLECTOR = "what the garbage collector does must not be seen";

/** What an application's code uses instead; what does not stand here it may use. */
const IN_AN_APP: ReadonlyMap<string, string> = new Map([
  [CLOCK, "use ctx.now() and ctx.sleep()"],
  [RANDOM, "use ctx.random()"],
  [NETWORK, "reach what is outside through ctx.services"],
  [DISK, "reach files through ctx.services, or keep data in ctx.kv"],
  [CRYPTO, "reach it through ctx.services"],
  [PLATFORM, "reach it through ctx.services"],
  [COLLECTOR, COLLECTOR],
]);

type Holder = Record<string, unknown>;

/** Holder, member, what to use instead. */
const FUNCTIONS: readonly (readonly [holder: string, member: string, instead: string])[] = [
  ["Date", "now", CLOCK],
  ["performance", "now", CLOCK],
  ...[
    "setTimeout",
    "setInterval",
    "setImmediate",
    "clearTimeout",
    "clearInterval",
    "clearImmediate",
    "queueMicrotask",
  ]
    .map((name) => ["", name, CLOCK] as const),
  ["Math", "random", RANDOM],
  ["crypto", "getRandomValues", RANDOM],
  ["crypto", "randomUUID", RANDOM],
  ["", "fetch", NETWORK],
  ...["connect", "connectTls", "listen", "listenTls", "serve", "resolveDns"]
    .map((name) => ["Deno", name, NETWORK] as const),
  ...[
    "open",
    "openSync",
    "readFile",
    "readFileSync",
    "readTextFile",
    "readTextFileSync",
    "writeFile",
    "writeFileSync",
    "writeTextFile",
    "writeTextFileSync",
    "stat",
    "statSync",
    "mkdir",
    "mkdirSync",
    "remove",
    "removeSync",
    "rename",
    "renameSync",
    "readDir",
    "readDirSync",
  ].map((name) => ["Deno", name, DISK] as const),
  ...["memoryUsage", "hostname", "cwd", "exit"].map((name) => ["Deno", name, PLATFORM] as const),
  ...[
    "exp",
    "expm1",
    "log",
    "log2",
    "log10",
    "log1p",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "atan2",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
    "pow",
    "cbrt",
    "hypot",
  ].map((name) => ["Math", name, EXACT] as const),
];

const CONSTRUCTORS: readonly (readonly [name: string, instead: string])[] = [
  ["Date", CLOCK],
  ["WeakRef", COLLECTOR],
  ["FinalizationRegistry", COLLECTOR],
  ["Worker", PLATFORM],
  ["WebSocket", NETWORK],
  ["BroadcastChannel", NETWORK],
];

/** Node code used what no seed decides. */
export class AmbientUse extends Error {
  override readonly name = "AmbientUse";
}

/** Knows whether node code runs, and puts the traps up while a run lasts. */
export class Guard {
  #depth = 0;
  #isAppInside = false;
  /** The first thing that was used, even if who used it caught the error. */
  use: AmbientUse | null = null;
  readonly #undo: (() => void)[] = [];

  enter(): void {
    this.#depth += 1;
  }
  leave(): void {
    this.#depth -= 1;
  }
  get isInside(): boolean {
    return this.#depth > 0;
  }
  /** From here on until `leaveApp` an application's code runs, and node code where that calls it. */
  enterApp(): void {
    this.#isAppInside = true;
  }
  leaveApp(): void {
    this.#isAppInside = false;
  }

  /** Traps the globals until `remove`. One world at a time may have them. */
  install(): void {
    if (this.#undo.length > 0) throw new Error("The traps are up already");
    const globals = globalThis as unknown as Holder;
    for (const [holder, member, instead] of FUNCTIONS) {
      const owner = holder === "" ? globals : globals[holder] as Holder | undefined;
      if (typeof owner?.[member] === "function") this.#trapFunction(owner, holder, member, instead);
    }
    for (const [name, instead] of CONSTRUCTORS) {
      if (typeof globals[name] === "function") this.#trapConstructor(globals, name, instead);
    }
    const { crypto } = globals as { crypto?: Holder };
    if (crypto !== undefined) this.#trapGetter(crypto, "subtle", CRYPTO);
  }

  remove(): void {
    this.#isAppInside = false;
    for (const undo of this.#undo.reverse()) undo();
    this.#undo.length = 0;
  }

  #refuse(name: string, instead: string): void {
    if (this.#depth > 0) {
      const use = new AmbientUse(`Node code used ${name}: ${instead}`);
      this.use ??= use;
      throw use;
    }
    const member = this.#isAppInside && name !== "queueMicrotask" ? IN_AN_APP.get(instead) : undefined;
    if (member === undefined) return;
    const use = new AmbientUse(`The application used ${name}: ${member}`);
    this.use ??= use;
    throw use;
  }

  #trapFunction(owner: Holder, holder: string, member: string, instead: string): void {
    const original = owner[member] as (...args: unknown[]) => unknown;
    const name = holder === "" ? member : `${holder}.${member}`;
    const refuse = () => this.#refuse(name, instead);
    this.#replace(owner, member, function trapped(this: unknown, ...args: unknown[]): unknown {
      refuse();
      return original.apply(this === undefined ? globalThis : this, args);
    });
  }

  #trapConstructor(owner: Holder, name: string, instead: string): void {
    const original = owner[name] as new (...args: unknown[]) => object;
    const refuse = () => this.#refuse(`new ${name}()`, instead);
    const isDate = name === "Date";
    const inApp = () => this.#depth === 0;
    const trapped = new Proxy(original, {
      construct(target, args, newTarget) {
        // A date of given numbers is the same everywhere; node code has no use for it either.
        if (!(isDate && args.length > 0 && inApp())) refuse();
        return Reflect.construct(target, args, newTarget);
      },
      apply(target, self, args) {
        refuse();
        return Reflect.apply(target as unknown as () => unknown, self, args);
      },
    });
    this.#replace(owner, name, trapped);
  }

  #trapGetter(owner: Holder, member: string, instead: string): void {
    const value = owner[member];
    const refuse = () => this.#refuse(`crypto.${member}`, instead);
    const descriptor = {
      configurable: true,
      get() {
        refuse();
        return value;
      },
    };
    const before = Object.getOwnPropertyDescriptor(owner, member);
    Object.defineProperty(owner, member, descriptor);
    this.#undo.push(() => {
      if (before === undefined) delete owner[member];
      else Object.defineProperty(owner, member, before);
    });
  }

  #replace(owner: Holder, member: string, value: unknown): void {
    const before = Object.getOwnPropertyDescriptor(owner, member);
    Object.defineProperty(owner, member, { configurable: true, writable: true, value });
    this.#undo.push(() => {
      if (before === undefined) delete owner[member];
      else Object.defineProperty(owner, member, before);
    });
  }
}
