/** What the operating system's errors mean for the disk port and for an operator. */
import type { DiskErrorCode } from "../io/mod.ts";

const FULL: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);
const READ_ONLY: ReadonlySet<string> = new Set(["EACCES", "EPERM", "EROFS"]);

/** Numbers of errors (Linux) that the runtime gives no name to, but tells in its message. */
const NAMES_BY_NUMBER: ReadonlyMap<string, string> = new Map([["27", "EFBIG"], ["122", "EDQUOT"]]);

/** The system's name of an error (`ENOSPC`), "" where it has none. */
export function systemCode(error: unknown): string {
  if (typeof error !== "object" || error === null) return "";
  const code = (error as { code?: unknown }).code;
  if (typeof code === "string") return code;
  const number = /\(os error (\d+)\)/.exec(errorText(error))?.[1];
  return NAMES_BY_NUMBER.get(number ?? "") ?? "";
}

export function diskErrorCode(error: unknown): DiskErrorCode {
  const code = systemCode(error);
  if (FULL.has(code)) return "FULL";
  if (READ_ONLY.has(code) || error instanceof Deno.errors.PermissionDenied) return "READ_ONLY";
  if (code === "ENOENT" || error instanceof Deno.errors.NotFound) return "NOT_FOUND";
  return "FAILED";
}

export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
