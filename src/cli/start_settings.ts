/**
 * What a node is started with, and where each value came from: a default, the file, the environment or a flag, the later
 * winning. A key that nobody knows is refused by name, because a mistyped setting that is silently left out is found in
 * the worst hour.
 */
import * as v from "valibot";
import { SennitError } from "../core/errors.ts";

const address = v.pipe(v.string(), v.regex(/^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$/, "expected host:port"));
const number = v.pipe(v.number(), v.safeInteger("expected an integer"), v.minValue(0, "expected 0 or more"));

const ENTRIES = {
  data: v.pipe(v.string(), v.nonEmpty("expected a folder")),
  name: v.pipe(
    v.string(),
    v.regex(
      /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
      "expected 1 to 63 lower-case letters, digits and hyphens",
    ),
  ),
  number,
  listen: address,
  advertise: v.array(address),
  grpc: address,
  certs: v.string(),
  lend: number,
} as const;

export const FILE_SCHEMA = v.strictObject({
  data: v.optional(ENTRIES.data),
  name: v.optional(ENTRIES.name),
  number: v.optional(ENTRIES.number),
  listen: v.optional(ENTRIES.listen),
  advertise: v.optional(ENTRIES.advertise),
  grpc: v.optional(ENTRIES.grpc),
  certs: v.optional(ENTRIES.certs),
  lend: v.optional(ENTRIES.lend),
});

export interface StartSettings {
  /** The data folder. */
  readonly data: string;
  readonly name: string;
  /** 0: hashed from the name. */
  readonly number: number;
  readonly listen: string;
  /** Empty: as bound. */
  readonly advertise: readonly string[];
  readonly grpc: string;
  /** A folder of certificates that nodes of one machine share; "": the mesh's own authority issues them. */
  readonly certs: string;
  /** Bytes of logs that this node holds and votes on for streams that it is neither source nor target of; 0: none. */
  readonly lend: number;
}

export type SettingName = keyof StartSettings;
export const SETTING_NAMES = Object.keys(ENTRIES) as SettingName[];

/** Other variables of the environment that the command reads. */
const OTHER_VARIABLES = ["SENNIT_CONFIG", "SENNIT_JOIN_KEY"];

export interface Layers {
  /** The file's name and text, null where none is named. */
  readonly file: { readonly path: string; readonly text: string } | null;
  readonly env: Readonly<Record<string, string>>;
  /** As given on the command line. */
  readonly flags: Partial<StartSettings>;
  readonly hostname: string;
}

export interface Resolved {
  readonly settings: StartSettings;
  readonly sources: Readonly<Record<SettingName, string>>;
}

/** Lays the layers over each other; `CONFIGURATION_INVALID` names every mistake at once. */
export function resolveSettings(layers: Layers): Resolved {
  const values: Record<string, unknown> = { ...defaults(layers.hostname) };
  const sources = Object.fromEntries(SETTING_NAMES.map((name) => [name, "default"])) as Record<
    SettingName,
    string
  >;
  const mistakes: string[] = [];
  const lay = (name: SettingName, value: unknown, source: string) => {
    const checked = v.safeParse(ENTRIES[name], value);
    if (!checked.success) mistakes.push(`${source}: "${name}": ${checked.issues[0].message}`);
    values[name] = value;
    sources[name] = source;
  };
  if (layers.file !== null) {
    const { path, text } = layers.file;
    for (const [name, value] of Object.entries(readFile(path, text, mistakes))) {
      lay(name as SettingName, value, `file ${path}`);
    }
  }
  for (const [variable, text] of Object.entries(layers.env)) {
    if (!variable.startsWith("SENNIT_") || OTHER_VARIABLES.includes(variable)) continue;
    const name = SETTING_NAMES.find((candidate) => variable === variableOf(candidate));
    if (name === undefined) mistakes.push(`environment: "${variable}" is unknown`);
    else lay(name, fromText(name, text), `environment ${variable}`);
  }
  for (const name of SETTING_NAMES) {
    if (layers.flags[name] !== undefined) lay(name, layers.flags[name], `flag --${name}`);
  }
  if (mistakes.length > 0) {
    throw new SennitError(
      "CONFIGURATION_INVALID",
      `Cannot start with these settings: ${mistakes.join("; ")}`,
    );
  }
  return { settings: values as unknown as StartSettings, sources };
}

export function variableOf(name: SettingName): string {
  return `SENNIT_${name.toUpperCase()}`;
}

function defaults(hostname: string): StartSettings {
  const label = hostname.toLowerCase().split(".")[0]!.replace(/[^a-z0-9-]/g, "-").slice(0, 63).replace(
    /^-+|-+$/g,
    "",
  );
  return {
    data: "./sennit-data",
    name: label === "" ? "node" : label,
    number: 0,
    listen: "127.0.0.1:7400",
    advertise: [],
    grpc: "127.0.0.1:0",
    certs: "",
    lend: 0,
  };
}

/** What the file sets; unknown keys go to `mistakes`. */
function readFile(path: string, text: string, mistakes: string[]): Record<string, unknown> {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    mistakes.push(`file ${path}: not JSON: ${(error as Error).message}`);
    return {};
  }
  if (Array.isArray(content)) mistakes.push(`file ${path}: expected an object, found a list`);
  const result = v.safeParse(FILE_SCHEMA, content);
  if (result.success) return { ...result.output };
  for (const issue of result.issues) {
    const key = v.getDotPath(issue) ?? "the whole";
    mistakes.push(`file ${path}: "${key}": ${issue.expected === "never" ? "unknown key" : issue.message}`);
  }
  return {};
}

function fromText(name: SettingName, text: string): unknown {
  if (name === "advertise") return text.split(",").map((part) => part.trim()).filter(Boolean);
  if (name === "number" || name === "lend") return /^\d+$/.test(text) ? Number(text) : text;
  return text;
}
