import { randomWords } from '../runtime.ts'

let keys: Uint32Array | undefined

/**
 * A 128-bit digest of a text, as 32 hexadecimal digits: HalfSipHash-2-4-64 (Aumasson and Bernstein) twice, over UTF-16 units.
 *
 * The keys are random and never leave the process, so that a client cannot compute two texts with one digest. The function is
 * written here because Web Crypto is asynchronous.
 */
export function halfSipHash(text: string): string {
  keys ??= randomWords(4)
  const [a = 0, b = 0, c = 0, d = 0] = keys
  return hash64(text, a, b) + hash64(text, c, d)
}

function hash64(text: string, key0: number, key1: number): string {
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
