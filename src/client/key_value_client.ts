/** The replicated key-value as an application sees it. Values are bytes; texts are encoded as UTF-8. */
import { encodeText } from "../core/bytes.ts";
import type { KeyValue } from "../node/calls.ts";
import { expectReply, type Face } from "./face.ts";
import { watched } from "./watching.ts";

export interface KeyChange {
  readonly key: string;
  /** Null: the key was deleted. */
  readonly value: Uint8Array | null;
  readonly version: number;
}

export class KeyValueClient {
  readonly #face: Face;

  constructor(face: Face) {
    this.#face = face;
  }

  /**
   * Writes a key; resolves with its new version once committed. With `expectedVersion` only where the key is at that version
   * (0: absent), else COMPARE_FAILED, whose details name the version found.
   */
  async put(
    key: string,
    value: Uint8Array | string,
    options: { expectedVersion?: number } = {},
  ): Promise<number> {
    const bytes = typeof value === "string" ? encodeText(value) : value;
    const expectedVersion = options.expectedVersion ?? null;
    const reply = await this.#face.call({ kind: "kv-put", key, value: bytes, expectedVersion });
    return expectReply(reply, "version").version;
  }

  /** Linearizable: sees every write that was acknowledged before. Null where the key is absent. */
  async get(key: string): Promise<KeyValue | null> {
    const reply = expectReply(await this.#face.call({ kind: "kv-get", key }), "value");
    return reply.value === null ? null : { key, value: reply.value, version: reply.version };
  }

  /** Deletes a key; NOT_FOUND where it is absent. */
  async delete(key: string, options: { expectedVersion?: number } = {}): Promise<number> {
    const expectedVersion = options.expectedVersion ?? null;
    return expectReply(await this.#face.call({ kind: "kv-delete", key, expectedVersion }), "version").version;
  }

  /** Keys with a prefix, sorted by code units, a page at a time behind the scenes. */
  async *list(prefix = ""): AsyncGenerator<KeyValue> {
    let afterKey = "";
    for (;;) {
      const page = await this.#face.call({ kind: "kv-list", prefix, afterKey, limit: 1000 });
      const { entries, more } = expectReply(page, "entries");
      yield* entries;
      if (!more) return;
      afterKey = entries[entries.length - 1]!.key;
    }
  }

  /** Changes from the first `next` on, until the loop is left; throws `SennitError` where the watch ends by itself. */
  watch(prefix = ""): AsyncGenerator<KeyChange> {
    return watched(this.#face, { kind: "kv-watch", prefix }, (push) => {
      if (push.kind !== "kv-change") return null;
      return { key: push.key, value: push.value, version: push.version };
    });
  }
}
