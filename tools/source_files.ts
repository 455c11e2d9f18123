/** Reads the repository as the tidy tests see it: which files there are, and what each one imports. */

const ROOT = new URL("..", import.meta.url);
const FOLDERS = ["src", "sim", "test", "bench", "tools", "proto", "examples"] as const;

export interface Import {
  /** As written. */
  readonly specifier: string;
  /** Path from the repository's root for a relative specifier, else the specifier itself. */
  readonly target: string;
  /** True where nothing is loaded at run time. */
  readonly typeOnly: boolean;
  /** True for `import(…)` in an expression. */
  readonly dynamic: boolean;
}

export interface SourceFile {
  /** From the repository's root. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

export function readText(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT));
}

/** Every TypeScript file of the project, sorted by path; generated ones are left out. */
export function sourceFiles(): SourceFile[] {
  const paths = ["main.ts"];
  for (const folder of FOLDERS) if (isFolder(folder)) collect(folder, paths);
  return paths.filter(exists).sort().map((path) => {
    const text = readText(path);
    return { path, text, imports: importsOf(path, text) };
  });
}

export function exists(path: string): boolean {
  return stat(path)?.isFile ?? false;
}

/** A folder without a file in it is not kept, and so may be missing. */
function isFolder(path: string): boolean {
  return stat(path)?.isDirectory ?? false;
}

function stat(path: string): Deno.FileInfo | null {
  try {
    return Deno.statSync(new URL(path, ROOT));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

function collect(folder: string, into: string[]): void {
  for (const entry of Deno.readDirSync(new URL(folder, ROOT))) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory && path !== "proto/gen") collect(path, into);
    if (entry.isFile && entry.name.endsWith(".ts")) into.push(path);
  }
}

const STATIC_FROM = /^(?:import|export)\b([^"';]*?)\bfrom\s*["']([^"']+)["']/gm;
const SIDE_EFFECT = /^import\s*["']([^"']+)["']/gm;
const DYNAMIC = /\bimport\(\s*["']([^"']+)["']\s*,?\s*\)/g;

/** What a file imports. Exported for its own test. */
export function importsOf(path: string, text: string): Import[] {
  const found: Import[] = [];
  const add = (specifier: string, typeOnly: boolean, dynamic: boolean) =>
    found.push({ specifier, target: resolve(path, specifier), typeOnly, dynamic });
  for (const [, clause, specifier] of text.matchAll(STATIC_FROM)) add(specifier!, isTypeOnly(clause!), false);
  for (const [, specifier] of text.matchAll(SIDE_EFFECT)) add(specifier!, false, false);
  for (const [statement, specifier] of text.matchAll(DYNAMIC)) {
    // `typeof import("…")` and the like name a type.
    const before = text.slice(0, text.indexOf(statement)).trimEnd();
    add(specifier!, before.endsWith("typeof"), true);
  }
  return found;
}

function isTypeOnly(clause: string): boolean {
  const trimmed = clause.trim();
  if (trimmed.startsWith("type ")) return true;
  const names = trimmed.match(/^\{([\s\S]*)\}$/)?.[1]?.split(",").map((name) => name.trim()).filter(Boolean);
  return names !== undefined && names.length > 0 && names.every((name) => name.startsWith("type "));
}

function resolve(path: string, specifier: string): string {
  if (!specifier.startsWith(".")) return specifier;
  return new URL(specifier, `file:///${path}`).pathname.slice(1);
}
