/** What node code may not name, and what it uses instead. */

const CLOCK = "ask the clock port";
const TIMER = "ask the clock port to be woken";
const PORTS = "use the ports";

export const AMBIENT_GLOBALS: ReadonlyMap<string, string> = new Map([
  ["Date", CLOCK],
  ["Temporal", CLOCK],
  ["setTimeout", TIMER],
  ["setInterval", TIMER],
  ["setImmediate", TIMER],
  ["clearTimeout", TIMER],
  ["clearInterval", TIMER],
  ["clearImmediate", TIMER],
  ["queueMicrotask", "ask the clock port for a turn"],
  ["requestAnimationFrame", TIMER],
  ["Deno", PORTS],
  ["process", PORTS],
  ["Buffer", "use Uint8Array and src/core/bytes.ts"],
  ["fetch", "use the network port"],
  ["WebSocket", "use the network port"],
  ["Worker", PORTS],
  ["BroadcastChannel", PORTS],
  ["MessageChannel", PORTS],
  ["SharedArrayBuffer", "nothing is shared between nodes"],
  ["Atomics", "nothing is shared between nodes"],
  ["console", "hand a note to the observer"],
  ["localStorage", "use the disk port"],
  ["globalThis", "globals are not a node's"],
  ["WeakRef", "what the collector does must not be seen"],
  ["FinalizationRegistry", "what the collector does must not be seen"],
  ["Intl", "it follows the machine's locale"],
]);

/** Not correctly rounded by the language's definition; `sqrt`, `floor`, `abs`, `fround` and their like are. */
export const INEXACT_MATH: ReadonlySet<string> = new Set([
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
]);
