import { createHash } from 'node:crypto'
import type { Charge, Limit } from '@sluice/core'
import { algorithmOf } from '@sluice/core/algorithms'
import { SLOTS, slotOf } from './slots.ts'
import { LEASES_MARK } from './state/leases.ts'
import { isPackable, type IsPacked, type Packing } from './state/packed.ts'

/** Bytes. A longer subject is hashed, because every request sends the key. */
const MAX_SUBJECT = 64
const HASH_MARK = '#'
const NOT_ASCII = /[^ -~]/

/**
 * The keys of a store: `<prefix>:{<tag>}:<scope>.<variant>:<subject>`. The subject chooses the hash tag, so all limits of one subject share
 * a slot, and one script can decide them.
 */
export class Keys {
  readonly prefix: string
  /** The hash tag of each partition. */
  readonly tags: readonly string[]
  readonly packing: Packing | undefined
  private readonly partitionPrefixes: readonly string[]
  // By scope, for the limit seen last: a scope has one limit, or a few in turn.
  private readonly variants = new Map<string, { readonly limit: Limit; readonly text: string }>()

  constructor(prefix: string, partitions: number, packing?: Packing) {
    this.prefix = prefix
    this.packing = packing
    this.tags = spreadTags(partitions)
    this.partitionPrefixes = this.tags.map((tag) => `${prefix}:{${tag}}:`)
  }

  /** The key that stores how the data is laid out. It has no expiry. */
  get meta(): string {
    return `${this.prefix}:{meta}`
  }

  /** The key of the sorted set of running instances, by the time of their last heartbeat. */
  get instances(): string {
    return `${this.prefix}:{meta}:instances`
  }

  tagOf(subject: string): string {
    return this.tags[this.partitionIndexOf(subject)] as string
  }

  /** The key of a state. For a packed state it is no key of Redis, but still differs for every state. */
  keyOf({ limit, scope, subject }: Pick<Charge, 'limit' | 'scope' | 'subject'>): string {
    const partition = this.partitionPrefixes[this.partitionIndexOf(subject)] as string
    const { packing } = this
    const suffix = packing !== undefined && isPackable(limit) ? packing.suffixOf(subject) : bounded(subject)
    return `${partition}${this.variantOf(limit, scope)}${suffix}`
  }

  /** Which states are packed; `undefined` if the store packs none. */
  get isPacked(): IsPacked {
    return this.packing && isPackable
  }

  private partitionIndexOf(subject: string): number {
    return fnv1a(subject) & (this.tags.length - 1)
  }

  private variantOf(limit: Limit, scope: string): string {
    let variant = this.variants.get(scope)
    if (variant?.limit !== limit) {
      const own = algorithmOf(limit).variantOf(limit)
      this.variants.set(scope, (variant = { limit, text: `${scope}${own === '' ? '' : `.${own}`}:` }))
    }
    return variant.text
  }
}

/** The subject, or its hash. A subject that looks like a hash gets another mark, so that no two subjects share a key. */
function bounded(subject: string): string {
  // Otherwise its state would have the key of another subject's lease ledger.
  if (subject.length > MAX_SUBJECT || subject.endsWith(LEASES_MARK)) return hashed(subject)
  // UTF-8 has no lone surrogates: all of them would become the same three bytes.
  if (NOT_ASCII.test(subject) && (/\p{Surrogate}/u.test(subject) || Buffer.byteLength(subject) > MAX_SUBJECT)) return hashed(subject)
  return subject.startsWith(HASH_MARK) ? `${HASH_MARK}${subject}` : subject
}

function hashed(subject: string): string {
  return `${HASH_MARK}${createHash('sha256').update(subject, 'utf16le').digest('base64url')}`
}

/** One hash tag for each of `count` equal ranges of slots: the smallest number whose slot lies in the range. The same in every process. */
function spreadTags(count: number): readonly string[] {
  const tags: string[] = Array.from({ length: count }, () => '')
  let missing = count
  for (let n = 0; missing > 0; n++) {
    const range = Math.floor((slotOf(String(n)) * count) / SLOTS)
    if (tags[range] !== '') continue
    tags[range] = String(n)
    missing -= 1
  }
  return tags
}

/** FNV-1a (Fowler, Noll, Vo), 32 bits, over UTF-16 units: cheap, and the same in every process. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  // The low bits of FNV alone are weak, and they choose the partition.
  return (hash ^ (hash >>> 15)) >>> 0
}
