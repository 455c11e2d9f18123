/**
 * Room for the copies of small buffers, cut from larger ones: most frames have some hundred bytes, and a buffer of its own
 * costs more for each of them than all that happens to it. Nothing is given back; the collector takes a whole one once nobody
 * holds a part of it.
 */
const SLAB_BYTES = 64 * 1024;
/** What is larger gets a buffer of its own, so that little of a slab is left unused. */
const SMALL_BYTES = 4 * 1024;

export class Slab {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(SLAB_BYTES);
  #used = 0;

  copy(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    const { length } = bytes;
    if (length > SMALL_BYTES) return bytes.slice();
    if (this.#used + length > SLAB_BYTES) {
      this.#bytes = new Uint8Array(SLAB_BYTES);
      this.#used = 0;
    }
    const copy = this.#bytes.subarray(this.#used, this.#used + length);
    copy.set(bytes);
    this.#used += length;
    return copy;
  }
}
