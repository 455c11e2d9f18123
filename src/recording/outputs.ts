/**
 * A checksum of what a node does: every call of a port and every answer to a client, in order. It is how a replay sees the
 * first turn in which the node does something else than it did.
 */
import { encodeText } from "../core/bytes.ts";
import { crc32c } from "../core/crc32c.ts";
import type { Callers } from "../node/mod.ts";
import type { Crypto, Disk, Network } from "../io/mod.ts";

const enum Mark {
  Nothing,
  Missing,
  False,
  True,
  Number,
  String,
  Bytes,
  List,
  Object,
}

export class Outputs {
  #crc = 0;
  readonly #scratch = new Uint8Array(9);
  readonly #view = new DataView(this.#scratch.buffer);

  /** The checksum since the last call. */
  take(): number {
    const crc = this.#crc;
    this.#crc = 0;
    return crc;
  }

  did(what: string, ...values: readonly unknown[]): void {
    this.#fold(what);
    for (const value of values) this.#fold(value);
  }

  #mark(mark: Mark, number = 0): void {
    this.#scratch[0] = mark;
    this.#view.setFloat64(1, number);
    this.#crc = crc32c(this.#scratch, 0, this.#scratch.length, this.#crc);
  }

  #fold(value: unknown): void {
    if (value === null) this.#mark(Mark.Nothing);
    else if (value === undefined) this.#mark(Mark.Missing);
    else if (typeof value === "boolean") this.#mark(value ? Mark.True : Mark.False);
    else if (typeof value === "number") this.#mark(Mark.Number, value);
    else if (typeof value === "string") this.#bytes(Mark.String, encodeText(value));
    else if (value instanceof Uint8Array) this.#bytes(Mark.Bytes, value);
    else if (Array.isArray(value)) {
      this.#mark(Mark.List, value.length);
      for (const each of value) this.#fold(each);
    } else {
      const entries = Object.entries(value as object);
      this.#mark(Mark.Object, entries.length);
      for (const [name, each] of entries) {
        this.#fold(name);
        this.#fold(each);
      }
    }
  }

  #bytes(mark: Mark, bytes: Uint8Array): void {
    this.#mark(mark, bytes.length);
    this.#crc = crc32c(bytes, 0, bytes.length, this.#crc);
  }
}

/** The ports that only do things: each is told to the checksum, then passed on. `buffered` is for the caller to serve. */
export function observedNetwork(
  outputs: Outputs,
  network: Network,
  buffered: Network["buffered"],
): Network {
  return {
    useIdentity(identity) {
      const { certificate, privateKey, trust } = identity;
      outputs.did("use-identity", certificate, privateKey, trust);
      network.useIdentity(identity);
    },
    listen(address, token) {
      outputs.did("listen", address, token);
      network.listen(address, token);
    },
    dial(target, token) {
      outputs.did("dial", target, token);
      network.dial(target, token);
    },
    send(connection, frame) {
      outputs.did("send", connection, frame);
      network.send(connection, frame);
    },
    buffered,
    close(connection, reason) {
      outputs.did("close", connection, reason);
      network.close(connection, reason);
    },
  };
}

export function observedDisk(outputs: Outputs, disk: Disk): Disk {
  return {
    createFolder(path, token) {
      outputs.did("create-folder", path, token);
      disk.createFolder(path, token);
    },
    append(path, bytes, token) {
      outputs.did("append", path, bytes, token);
      disk.append(path, bytes, token);
    },
    read(path, offset, length, token) {
      outputs.did("read", path, offset, length, token);
      disk.read(path, offset, length, token);
    },
    truncate(path, length, token) {
      outputs.did("truncate", path, length, token);
      disk.truncate(path, length, token);
    },
    sync(path, token) {
      outputs.did("sync", path, token);
      disk.sync(path, token);
    },
    rename(from, to, token) {
      outputs.did("rename", from, to, token);
      disk.rename(from, to, token);
    },
    remove(path, token) {
      outputs.did("remove", path, token);
      disk.remove(path, token);
    },
    list(path, token) {
      outputs.did("list", path, token);
      disk.list(path, token);
    },
    syncFolder(path, token) {
      outputs.did("sync-folder", path, token);
      disk.syncFolder(path, token);
    },
  };
}

export function observedCrypto(
  outputs: Outputs,
  crypto: Pick<Crypto, "sha256" | "submit">,
  publicKeyHash: Crypto["publicKeyHash"],
): Crypto {
  return {
    sha256: (bytes) => crypto.sha256(bytes),
    publicKeyHash,
    submit(operation, token) {
      outputs.did("crypto", operation, token);
      crypto.submit(operation, token);
    },
  };
}

export function observedCallers(outputs: Outputs, callers: Callers): Callers {
  return {
    reply(token, reply) {
      outputs.did("reply", token, reply);
      callers.reply(token, reply);
    },
    push(token, push) {
      outputs.did("push", token, push);
      callers.push(token, push);
    },
  };
}
