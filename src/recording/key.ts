/**
 * The key of recordings: 32 random bytes, as hexadecimal in a file that only its owner may read. Each recording is
 * encrypted under a key of its own, derived from this one and the recording's salt (HKDF-SHA256, RFC 5869).
 */
import { hkdfSync, randomBytes } from "node:crypto";
import { SennitError } from "../core/errors.ts";

const KEY_BYTES = 32;
const CHECK_BYTES = 8;
const NOTHING = new Uint8Array(0);

export class RecordingKey {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    if (bytes.length !== KEY_BYTES) throw new RangeError(`A recording's key has ${KEY_BYTES} bytes`);
    this.#bytes = bytes;
  }

  /** Reads the key, or makes it where the file is missing. */
  static open(path: string): RecordingKey {
    try {
      return RecordingKey.read(path);
    } catch (error) {
      if (!(error instanceof SennitError) || error.code !== "NOT_FOUND") throw error;
    }
    const bytes = randomBytes(KEY_BYTES);
    Deno.writeTextFileSync(path, `${bytes.toString("hex")}\n`, { mode: 0o600, createNew: true });
    return new RecordingKey(bytes);
  }

  /** `NOT_FOUND` where there is no such file, `INVALID_ARGUMENT` where it holds something else. */
  static read(path: string): RecordingKey {
    let text: string;
    try {
      text = Deno.readTextFileSync(path).trim();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new SennitError("NOT_FOUND", `There is no recording key at ${path}`);
    }
    if (!/^[0-9a-f]{64}$/.test(text)) {
      throw new SennitError(
        "INVALID_ARGUMENT",
        `${path} is not a recording key: that is a file of 64 hexadecimal digits`,
      );
    }
    return new RecordingKey(new Uint8Array(text.match(/../g)!.map((digits) => parseInt(digits, 16))));
  }

  /** What one recording is encrypted with. */
  derive(salt: Uint8Array): Uint8Array {
    return this.#derive(salt, "sennit recording v1", KEY_BYTES);
  }

  /** Tells a wrong key from damage; reveals nothing of the key. */
  check(salt: Uint8Array): Uint8Array {
    return this.#derive(salt, "sennit recording check v1", CHECK_BYTES);
  }

  #derive(salt: Uint8Array, label: string, length: number): Uint8Array {
    const info = new TextEncoder().encode(label);
    return new Uint8Array(hkdfSync("sha256", this.#bytes, salt.length === 0 ? NOTHING : salt, info, length));
  }
}
