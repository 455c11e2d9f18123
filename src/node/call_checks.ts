/** What a call may not ask, whatever the state of the mesh: refused before anything is set in motion. */
import { encodeText } from "../core/bytes.ts";
import { SennitError } from "../core/errors.ts";
import { isCount } from "../core/ids.ts";
import { KEY_BYTES_LIMIT } from "../core/limits.ts";

/** What goes into the log as a number; null where there is none. */
export function checkNumber(what: string, value: number | null): void {
  if (value === null || isCount(value)) return;
  throw new SennitError("INVALID_ARGUMENT", `${what} is an integer from 0 to 2^53 - 1, not ${value}`);
}

/** Half of a surrogate pair would become another character in UTF-8, and the text another one's. */
function checkText(what: string, text: string): void {
  if (!text.isWellFormed()) throw new SennitError("INVALID_ARGUMENT", `${what} is not valid Unicode`);
}

export function checkKey(key: string): void {
  if (key === "") throw new SennitError("INVALID_ARGUMENT", "A key has at least one character");
  checkText("A key", key);
  checkSize("A key", encodeText(key).length, KEY_BYTES_LIMIT);
}

export function checkSize(what: string, bytes: number, limit: number): void {
  if (bytes > limit) {
    throw new SennitError("TOO_LARGE", `${what} may have ${limit} bytes, this one has ${bytes}`);
  }
}

export function checkName(what: string, name: string, limit: number): void {
  if (name === "") throw new SennitError("INVALID_ARGUMENT", `${what} has at least one character`);
  checkText(what, name);
  checkSize(what, encodeText(name).length, limit);
  for (const character of name) {
    if (character < " ") throw new SennitError("INVALID_ARGUMENT", `${what} has no control characters`);
  }
}
