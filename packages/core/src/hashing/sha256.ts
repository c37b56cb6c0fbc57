// SHA-256 (FIPS 180-4), written here because Web Crypto is asynchronous, and core imports nothing of Node.

/** Bytes. */
export const BLOCK = 64
/** Of the mark that ends a message, and its length. */
const ENDING = 9

/** The first `count` primes. */
function primes(count: number): readonly number[] {
  const found: number[] = []
  for (let n = 2; found.length < count; n++) if (found.every((prime) => n % prime !== 0)) found.push(n)
  return found
}

/** The first 32 bits of the fraction of a number. */
function fraction(value: number): number {
  return Math.floor((value % 1) * 2 ** 32) | 0
}

// A double has 52 bits of fraction, of which these roots need at most 5 for their whole part.
const INITIAL = Int32Array.from(primes(8), (prime) => fraction(Math.sqrt(prime)))
const ROUNDS = Int32Array.from(primes(64), (prime) => fraction(Math.cbrt(prime)))
// One hash runs at a time, so that all share this list.
const words = new Int32Array(BLOCK)

/** The eight words before the first block. */
export function initialState(): Int32Array {
  return INITIAL.slice()
}

/** Adds one block of bytes to the state. */
export function compress(state: Int32Array, bytes: Uint8Array, at: number): void {
  for (let i = 0; i < 16; i++) {
    const j = at + 4 * i
    words[i] = ((bytes[j] as number) << 24) | ((bytes[j + 1] as number) << 16) | ((bytes[j + 2] as number) << 8) | (bytes[j + 3] as number)
  }
  for (let i = 16; i < BLOCK; i++) {
    const w15 = words[i - 15] as number
    const w2 = words[i - 2] as number
    const s0 = rotate(w15, 7) ^ rotate(w15, 18) ^ (w15 >>> 3)
    const s1 = rotate(w2, 17) ^ rotate(w2, 19) ^ (w2 >>> 10)
    words[i] = ((words[i - 16] as number) + s0 + (words[i - 7] as number) + s1) | 0
  }
  let a = state[0] as number
  let b = state[1] as number
  let c = state[2] as number
  let d = state[3] as number
  let e = state[4] as number
  let f = state[5] as number
  let g = state[6] as number
  let h = state[7] as number
  for (let i = 0; i < BLOCK; i++) {
    const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + (ROUNDS[i] as number) + (words[i] as number)) | 0
    const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + t1) | 0
    d = c
    c = b
    b = a
    a = (t1 + t2) | 0
  }
  state[0] = (state[0] as number) + a
  state[1] = (state[1] as number) + b
  state[2] = (state[2] as number) + c
  state[3] = (state[3] as number) + d
  state[4] = (state[4] as number) + e
  state[5] = (state[5] as number) + f
  state[6] = (state[6] as number) + g
  state[7] = (state[7] as number) + h
}

/**
 * Ends a message. `bytes` has its last `length` bytes, and room for the ending up to a whole block. `before`: bytes that the state has
 * already, in whole blocks.
 */
export function finish(state: Int32Array, bytes: Uint8Array, length: number, before: number): void {
  const end = Math.ceil((length + ENDING) / BLOCK) * BLOCK
  bytes.fill(0, length, end)
  bytes[length] = 0x80
  const bits = (before + length) * 8
  for (let i = 0; i < 4; i++) {
    bytes[end - 1 - i] = bits >>> (8 * i)
    bytes[end - 5 - i] = Math.floor(bits / 2 ** 32) >>> (8 * i)
  }
  for (let at = 0; at < end; at += BLOCK) compress(state, bytes, at)
}

/** The least room for `finish` with a message of so many bytes. */
export function roomFor(length: number): number {
  return length + ENDING + BLOCK
}

/** Writes words as bytes. */
export function writeWords(state: Int32Array, bytes: Uint8Array): void {
  for (let i = 0; i < state.length; i++) {
    const word = state[i] as number
    bytes[4 * i] = word >>> 24
    bytes[4 * i + 1] = word >>> 16
    bytes[4 * i + 2] = word >>> 8
    bytes[4 * i + 3] = word
  }
}

function rotate(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits))
}
