import { runtime } from '../runtime.ts'
import { BLOCK, compress, finish, initialState, roomFor, writeWords } from './sha256.ts'

/** Bytes of UTF-8 that one UTF-16 unit takes, at most. */
const WIDEST = 3
/** Of 8 words in a digest of 32 bytes. */
const SHOWN_WORDS = 4
const DIGEST = 32
const LONGEST_KEPT = 512

/**
 * What stands for subjects outside of this process: HMAC-SHA-256 (RFC 2104) of the UTF-8 of a subject, its first 16 bytes as 32 hexadecimal
 * digits. With the same secret, all processes and all packages write the same digits, so that events, boards and block lists can be joined.
 * Synchronous, unlike Web Crypto. @param secret the key, in UTF-8
 */
export function subjectHash(secret: string): (subject: string) => string {
  const encoder = new runtime.TextEncoder()
  const key = keyOf(encoder.encode(secret))
  const inner = keyed(key, 0x36)
  const outer = keyed(key, 0x5c)
  const state = new Int32Array(8)
  const kept = new Uint8Array(roomFor(LONGEST_KEPT * WIDEST))
  return (subject) => {
    const bytes = subject.length > LONGEST_KEPT ? new Uint8Array(roomFor(subject.length * WIDEST)) : kept
    const { written } = encoder.encodeInto(subject, bytes)
    state.set(inner)
    finish(state, bytes, written, BLOCK)
    writeWords(state, kept)
    state.set(outer)
    finish(state, kept, DIGEST, BLOCK)
    let text = ''
    for (let i = 0; i < SHOWN_WORDS; i++) text += ((state[i] as number) >>> 0).toString(16).padStart(8, '0')
    return text
  }
}

/** One block: the secret, or its hash if it is longer. */
function keyOf(secret: Uint8Array): Uint8Array {
  const key = new Uint8Array(Math.max(BLOCK, roomFor(secret.length)))
  key.set(secret)
  if (secret.length > BLOCK) {
    const state = initialState()
    finish(state, key, secret.length, 0)
    writeWords(state, key.fill(0))
  }
  return key.subarray(0, BLOCK)
}

/** The state after the padded key, which is the first block of every message. */
function keyed(key: Uint8Array, pad: number): Int32Array {
  const state = initialState()
  compress(
    state,
    key.map((byte) => byte ^ pad),
    0,
  )
  return state
}
