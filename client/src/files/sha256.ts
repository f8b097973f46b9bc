/**
 * The SHA-256 of a file, in base64, as S3 has it.
 *
 * WebCrypto takes all bytes at once, and is absent on pages without HTTPS. It hashes what fits into memory without harm; what is
 * larger is read and hashed piece by piece, by the code below, in the memory of one piece.
 *
 * @module
 */

/** The largest file that is read into memory as a whole. */
const WHOLE_BYTES_MAX = 32 * 1024 * 1024;
/** How much of a larger file is read at a time. The page can do other work between two pieces. */
const PIECE_BYTES = 2 * 1024 * 1024;
/** A block of the algorithm. */
const BLOCK_BYTES = 64;

/**
 * Hashes a file.
 *
 * @param signal - ends it between two pieces, with its reason
 * @returns 44 characters of base64
 * @throws what the browser throws if the file cannot be read, such as a `NotReadableError`
 */
export async function sha256(file: Blob, signal?: AbortSignal): Promise<string> {
  const subtle = globalThis.crypto?.subtle as SubtleCrypto | undefined;
  if (subtle && file.size <= WHOLE_BYTES_MAX) {
    return base64(new Uint8Array(await subtle.digest('SHA-256', await file.arrayBuffer())));
  }
  const hash = new Sha256();
  for (let at = 0; at < file.size; at += PIECE_BYTES) {
    signal?.throwIfAborted();
    hash.update(new Uint8Array(await file.slice(at, at + PIECE_BYTES).arrayBuffer()));
  }
  return base64(hash.digest());
}

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** SHA-256 of bytes that come in pieces (FIPS 180-4, section 6.2). */
export class Sha256 {
  readonly #state = Int32Array.from(firstPrimes(8), prime => fraction(Math.sqrt(prime)));
  readonly #words = new Int32Array(64);
  /** What is left of the pieces, less than a block. */
  readonly #rest = new Uint8Array(BLOCK_BYTES);
  #bytes = 0;

  /** Adds a piece of any length. */
  update(piece: Uint8Array): void {
    let at = 0;
    const filled = this.#bytes % BLOCK_BYTES;
    this.#bytes += piece.length;
    if (filled > 0) {
      at = Math.min(BLOCK_BYTES - filled, piece.length);
      this.#rest.set(piece.subarray(0, at), filled);
      if (filled + at < BLOCK_BYTES) return;
      this.#block(this.#rest, 0);
    }
    for (; at + BLOCK_BYTES <= piece.length; at += BLOCK_BYTES) this.#block(piece, at);
    this.#rest.set(piece.subarray(at));
  }

  /** The hash of all pieces. Nothing can be added after it. */
  digest(): Uint8Array {
    const bits = this.#bytes * 8;
    // A one, zeros up to the end of a block, and there the number of bits.
    const end = new Uint8Array(BLOCK_BYTES - ((this.#bytes + 8) % BLOCK_BYTES) + 8);
    end[0] = 0x80;
    const length = new DataView(end.buffer, end.length - 8);
    length.setUint32(0, Math.floor(bits / 2 ** 32));
    length.setUint32(4, bits % 2 ** 32);
    this.update(end);
    const digest = new DataView(new ArrayBuffer(32));
    for (const [place, word] of this.#state.entries()) digest.setInt32(place * 4, word);
    return new Uint8Array(digest.buffer);
  }

  /** This runs for every 64 bytes of a large file: in 32-bit integers, and without destructuring, it is several times faster. */
  #block(bytes: Uint8Array, at: number): void {
    const state = this.#state;
    const words = this.#words;
    schedule(words, bytes, at);
    let a = state[0] as number;
    let b = state[1] as number;
    let c = state[2] as number;
    let d = state[3] as number;
    let e = state[4] as number;
    let f = state[5] as number;
    let g = state[6] as number;
    let h = state[7] as number;
    for (let round = 0; round < 64; round++) {
      const sum1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25);
      const first =
        (h + sum1 + ((e & f) ^ (~e & g)) + (ROUNDS[round] as number) + (words[round] as number)) | 0;
      const sum0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22);
      const second = (sum0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + first) | 0;
      d = c;
      c = b;
      b = a;
      a = (first + second) | 0;
    }
    const added = [a, b, c, d, e, f, g, h];
    for (let place = 0; place < 8; place++)
      state[place] = (state[place] as number) + (added[place] as number);
  }
}

/** The 64 words of a block. */
function schedule(words: Int32Array, bytes: Uint8Array, at: number): void {
  for (let place = 0; place < 16; place++) {
    const byte = at + place * 4;
    words[place] =
      ((bytes[byte] as number) << 24) |
      ((bytes[byte + 1] as number) << 16) |
      ((bytes[byte + 2] as number) << 8) |
      (bytes[byte + 3] as number);
  }
  for (let place = 16; place < 64; place++) {
    const before2 = words[place - 2] as number;
    const before15 = words[place - 15] as number;
    const sum1 = rotated(before2, 17) ^ rotated(before2, 19) ^ (before2 >>> 10);
    const sum0 = rotated(before15, 7) ^ rotated(before15, 18) ^ (before15 >>> 3);
    words[place] = (sum1 + (words[place - 7] as number) + sum0 + (words[place - 16] as number)) | 0;
  }
}

/**
 * The first 32 bits of the fractions of the cube roots of the first 64 primes. None of them is so near to the next number that
 * the last bits of `Math.cbrt`, which engines may choose, could matter.
 */
const ROUNDS = /* @__PURE__ */ Int32Array.from(/* @__PURE__ */ firstPrimes(64), prime =>
  fraction(Math.cbrt(prime)),
);

function firstPrimes(count: number): number[] {
  const primes: number[] = [];
  for (let number = 2; primes.length < count; number++) {
    if (primes.every(prime => number % prime !== 0)) primes.push(number);
  }
  return primes;
}

function fraction(root: number): number {
  return Math.floor((root % 1) * 2 ** 32);
}

function rotated(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}
