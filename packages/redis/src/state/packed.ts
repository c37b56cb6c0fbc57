import { hash } from 'node:crypto'
import type { Limit } from '@sluice/core'

// Packed state keeps the windows of about 32 subjects in one hash (a bucket). This file computes the bucket and the field of a subject, and
// reads entries from a replica. lua/packed.lua decides and writes.

/** The mean number of entries in a bucket. With many more Redis would not pack the hash; with fewer, its own bytes weigh more. */
const PER_BUCKET = 32
const SAFE_INTEGER = /^(?:0|-?[1-9]\d{0,17})$/
const DIGEST_MARK = '~'
/** Set in every digest, so that no digest has the bytes of an integer's text. */
const FIRST_BIT = 2 ** 47

// The same constants as in lua/packedEntry.lua.
const IDS = 16
const SPANS = [0, 256, 4_096, 2_097_152]
export const HEADER = '.'

/** Whether the windows of all subjects begin together, at multiples of the window since the epoch. */
export function isPackable({ algorithm, window, anchor }: Limit): boolean {
  return algorithm === 'slidingWindow' || (algorithm === 'fixedWindow' && typeof window === 'number' && anchor !== 'first')
}

/** ms that a state counts after the start of its window: a sliding window counts in the next one too. */
export function lifetimeOf(algorithm: Limit['algorithm'], window: number): number {
  return algorithm === 'slidingWindow' ? 2 * window : window
}

/** Where a state is packed. Times in ms. */
export interface PackedPlace {
  /** The key of the state, which is none of Redis. */
  readonly key: string
  readonly window: number
  /** How long the state counts after the start of its window. */
  readonly lifetime: number
}

/** The variant of a packable window is its length. */
const NAME = /^([^]*)\.(fixedWindow|slidingWindow)\.(\d+)$/

/** The parts of the name of a state, `<limit>.<algorithm>.<variant>`, that a packed store packs; `undefined` for any other. */
export function packedNameOf(
  text: string,
): { readonly limit: string; readonly algorithm: 'fixedWindow' | 'slidingWindow'; readonly window: number } | undefined {
  const [, limit, algorithm, variant] = NAME.exec(text) ?? []
  return limit === undefined ? undefined : { limit, algorithm: algorithm as 'fixedWindow' | 'slidingWindow', window: Number(variant) }
}

/** Spreads subjects over the buckets of each partition. */
export class Packing {
  readonly subjects: number
  private readonly buckets: number
  private readonly secret: string
  // The limits of one decision ask for the same subject in turn.
  private last: readonly [subject: string, suffix: string] = ['', '']

  constructor({ subjects, secret }: { readonly subjects: number; readonly secret: string }, partitions: number) {
    this.subjects = subjects
    this.buckets = Math.ceil(subjects / PER_BUCKET / partitions)
    // Hashed to a fixed length: otherwise another secret and subject could join to the same text.
    this.secret = hash('sha256', secret, 'base64url')
    this.last = ['', this.computed('')]
  }

  /** Differs for stores with different secrets, and does not reveal the secret. */
  get fingerprint(): string {
    return hash('sha256', `${this.secret}!`, 'hex').slice(0, 12)
  }

  /** The end of a state's key: the number of its bucket, and its field there. */
  suffixOf(subject: string): string {
    if (this.last[0] !== subject) this.last = [subject, this.computed(subject)]
    return this.last[1]
  }

  private computed(subject: string): string {
    if (SAFE_INTEGER.test(subject)) return `!${(mixed(Number(subject)) % this.buckets).toString(36)}/${subject}`
    // UTF-8 has no lone surrogates: all of them would become the same three bytes.
    const text = /\p{Surrogate}/u.test(subject) ? `?${Buffer.from(subject, 'utf16le').toString('hex')}` : `:${subject}`
    const digest = hash('sha256', this.secret + text, 'buffer')
    const bucket = (digest.readUIntBE(0, 6) % this.buckets).toString(36)
    return `!${bucket}/${DIGEST_MARK}${FIRST_BIT + (digest.readUIntBE(6, 6) % FIRST_BIT)}`
  }
}

/** Spreads integers over 32 bits, by the last step of MurmurHash3 (Appleby). Integers are stored as they are, so they need no secret. */
function mixed(integer: number): number {
  let h = integer ^ Math.imul(Math.floor(integer / 2 ** 32), 0x9e3779b1)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** Where a packed state is: the key of the bucket, and the field in it. A field that is a number is a digest. */
export interface PackedKey {
  readonly bucket: string
  readonly field: string | number
}

/** The bucket and the field that a state's key names. The key ends with the suffix of `Packing.suffixOf`. */
export function packedKeyOf(stateKey: string): PackedKey {
  const slash = stateKey.lastIndexOf('/')
  const field = stateKey.slice(slash + 1)
  return { bucket: stateKey.slice(0, slash), field: field.startsWith(DIGEST_MARK) ? Number(field.slice(1)) : field }
}

/** The subject of a packed state, from the end of its key; `undefined` for a digest. */
export function packedSubjectOf(suffix: string): string | undefined {
  const { field } = packedKeyOf(suffix)
  return typeof field === 'string' ? field : undefined
}

/** The bytes of the field in Redis. */
export function fieldBytes(field: string | number): Buffer {
  if (typeof field === 'string') return Buffer.from(field)
  const bytes = Buffer.alloc(6)
  bytes.writeUIntBE(field, 0, 6)
  return bytes
}

export interface PackedState {
  readonly start: number
  readonly count: number
  readonly previous: number
}

/** The state in an entry of a bucket with this header; `undefined` if one of the two cannot be read. */
export function decodeEntry(header: Buffer | null, entry: Buffer | null, window: number): PackedState | undefined {
  const base = integersOf(header, /^(\d+)(?::\d+:\d+)?!?$/)?.[0]
  if (base === undefined) return undefined
  const [start, count, previous] = integersOf(entry, /^(\d+):(-?\d+):(\d+)$/) ?? []
  if (start !== undefined && count !== undefined && previous !== undefined) return { start, count, previous }
  const [packed] = integersOf(entry, /^(\d+)$/) ?? []
  if (packed === undefined) return undefined
  const rest = Math.floor(packed / IDS)
  const span = SPANS[rest % 4] as number
  const units = Math.floor(rest / 4)
  const id = base + (((((packed % IDS) - base) % IDS) + IDS) % IDS)
  return { start: id * window, count: span === 0 ? units : units % span, previous: span === 0 ? 0 : Math.floor(units / span) }
}

/** The groups of a pattern as numbers; `undefined` unless each is an integer below 2^53. */
function integersOf(value: Buffer | null, pattern: RegExp): readonly number[] | undefined {
  const found = pattern
    .exec(value?.toString('latin1') ?? '')
    ?.slice(1)
    .map(Number)
  return found?.every(Number.isSafeInteger) === true ? found : undefined
}
