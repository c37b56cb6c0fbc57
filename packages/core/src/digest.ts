import { randomWords } from './runtime.ts'

let keys: Uint32Array | undefined

/** Longer subjects are held as a digest: what clients send must not decide how much memory a subject takes. */
const LONGEST_SUBJECT = 256

/** A subject as it is kept in memory. */
export function boundedKey(subject: string): string {
  return subject.length > LONGEST_SUBJECT ? digest(subject) : subject
}

/** V8 keeps a slice of at least this length as a view that holds on to the whole text it was cut from. */
const SHORTEST_SLICE = 13

/** A copy that does not keep alive the header or the body that the subject was cut from. */
export function detach(subject: string): string {
  return subject.length < SHORTEST_SLICE ? subject : (JSON.parse(JSON.stringify(subject)) as string)
}

/**
 * 128 bits of a long text under a key of this process: HalfSipHash (Aumasson, Bernstein) twice, over UTF-16 units. Keyed, so
 * that nobody can look for two texts that meet; synchronous, which Web Crypto is not. Never leaves the process.
 */
function digest(text: string): string {
  keys ??= randomWords(4)
  const [a = 0, b = 0, c = 0, d = 0] = keys
  return `#${text.length}:${half(text, a, b)}${half(text, c, d)}`
}

/** FNV-1a (Fowler, Noll, Vo), mixed: 32 bits, cheap. Not keyed: whoever looks for two texts that meet finds them. `from`: another's hash, to go on from. */
export function hash32(text: string, from = 0x811c9dc5): number {
  let hash = from
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return (hash ^ (hash >>> 13)) >>> 0
}

function half(text: string, key0: number, key1: number): string {
  let v0 = key0 | 0
  let v1 = key1 ^ 0xee
  let v2 = key0 ^ 0x6c796765
  let v3 = key1 ^ 0x74656462
  const rounds = (count: number): void => {
    for (let i = 0; i < count; i++) {
      v0 = (v0 + v1) | 0
      v1 = rotate(v1, 5) ^ v0
      v0 = rotate(v0, 16)
      v2 = (v2 + v3) | 0
      v3 = rotate(v3, 8) ^ v2
      v0 = (v0 + v3) | 0
      v3 = rotate(v3, 7) ^ v0
      v2 = (v2 + v1) | 0
      v1 = rotate(v1, 13) ^ v2
      v2 = rotate(v2, 16)
    }
  }
  const absorb = (word: number): void => {
    v3 ^= word
    rounds(2)
    v0 ^= word
  }
  for (let i = 0; i + 1 < text.length; i += 2) absorb(text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16))
  absorb((text.length << 24) | (text.length % 2 === 1 ? text.charCodeAt(text.length - 1) : 0))
  v2 ^= 0xee
  rounds(4)
  const low = v1 ^ v3
  v1 ^= 0xdd
  rounds(4)
  return hex(low) + hex(v1 ^ v3)
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0')
}
