import { hash } from 'node:crypto'
import type { Limit } from '@sluice/core'

// Packed state: the places of some hundred subjects in one hash. The twin of lua/packed.lua, which decides and writes; what is
// here says where a subject's place is, and reads it for a look at a replica.

/** Entries that are expected in a bucket: more, and Redis would not pack it; fewer, and its own bytes weigh. */
const PER_BUCKET = 32
const SAFE_INTEGER = /^(?:0|-?[1-9]\d{0,17})$/
const DIGEST_MARK = '~'
/** Lets no digest be the text of an integer. */
const FIRST_BIT = 2 ** 47

// As lua/packed.lua has them.
const IDS = 16
const SPANS = [0, 256, 4_096, 2_097_152]
export const HEADER = '.'

/** Where a state is: the key of its bucket, and its field there; a number is a digest. */
export interface Place {
  readonly key: string
  readonly field: string | number
}

/** Only where all subjects' windows begin together, on one grid. */
export function isPackable({ algorithm, window, anchor }: Limit): boolean {
  return algorithm === 'slidingWindow' || (algorithm === 'fixedWindow' && typeof window === 'number' && anchor !== 'first')
}

export class Packing {
  readonly subjects: number
  private readonly buckets: number
  private readonly secret: string
  /** Asked once for each limit of a decision. */
  private last: readonly [subject: string, place: string] = ['', '']

  /** `subjects` are spread over `partitions`, each with buckets of its own. */
  constructor({ subjects, secret }: { readonly subjects: number; readonly secret: string }, partitions: number) {
    this.subjects = subjects
    this.buckets = Math.ceil(subjects / PER_BUCKET / partitions)
    // Of one length, so that no other secret and subject make the same text.
    this.secret = hash('sha256', secret, 'base64url')
    this.last = ['', this.computed('')]
  }

  /** Tells stores with other secrets apart, and tells nothing of the secret. */
  get fingerprint(): string {
    return hash('sha256', `${this.secret}!`, 'hex').slice(0, 12)
  }

  /** Ends a key: the number of the bucket, and the field in it. */
  suffixOf(subject: string): string {
    if (this.last[0] !== subject) this.last = [subject, this.computed(subject)]
    return this.last[1]
  }

  private computed(subject: string): string {
    if (SAFE_INTEGER.test(subject)) return `!${(mixed(Number(subject)) % this.buckets).toString(36)}/${subject}`
    // In UTF-8 all lone surrogates would be the same three bytes.
    const told = /\p{Surrogate}/u.test(subject) ? `?${Buffer.from(subject, 'utf16le').toString('hex')}` : `:${subject}`
    const digest = hash('sha256', this.secret + told, 'buffer')
    const bucket = (digest.readUIntBE(0, 6) % this.buckets).toString(36)
    return `!${bucket}/${DIGEST_MARK}${FIRST_BIT + (digest.readUIntBE(6, 6) % FIRST_BIT)}`
  }
}

/** Spreads integers, which hide nothing and collide with nobody, over 32 bits: the last step of MurmurHash3 (Appleby). */
function mixed(integer: number): number {
  let h = integer ^ Math.imul(Math.floor(integer / 2 ** 32), 0x9e3779b1)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** What a key with such a suffix names. */
export function placeOf(name: string): Place {
  const cut = name.lastIndexOf('/')
  const field = name.slice(cut + 1)
  return { key: name.slice(0, cut), field: field.startsWith(DIGEST_MARK) ? Number(field.slice(1)) : field }
}

/** The field as Redis has it. */
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

/** An entry of a bucket; `undefined` for what is none. */
export function decodeEntry(header: Buffer | null, entry: Buffer | null, window: number): PackedState | undefined {
  const base = naturals(header, /^(\d+)(?::\d+:\d+)?$/)?.[0]
  if (base === undefined) return undefined
  const [start, count, previous] = naturals(entry, /^(\d+):(\d+):(\d+)$/) ?? []
  if (start !== undefined && count !== undefined && previous !== undefined) return { start, count, previous }
  const [packed] = naturals(entry, /^(\d+)$/) ?? []
  if (packed === undefined) return undefined
  const rest = Math.floor(packed / IDS)
  const span = SPANS[rest % 4] as number
  const units = Math.floor(rest / 4)
  const id = base + (((((packed % IDS) - base) % IDS) + IDS) % IDS)
  return { start: id * window, count: span === 0 ? units : units % span, previous: span === 0 ? 0 : Math.floor(units / span) }
}

function naturals(value: Buffer | null, pattern: RegExp): readonly number[] | undefined {
  const found = pattern
    .exec(value?.toString('latin1') ?? '')
    ?.slice(1)
    .map(Number)
  return found?.every(Number.isSafeInteger) === true ? found : undefined
}
