import { createHash } from 'node:crypto'
import type { Charge, Limit } from '@sluice/core'
import { algorithmOf } from '@sluice/core/algorithms'
import { crc16 } from './slots.ts'
import { isPackable, type Packing } from './state/packed.ts'

const SLOTS = 16_384
/** Longer subjects are hashed: bytes of a key are paid for on every request. */
const LONGEST = 64
const HASH_MARK = '#'
const LEASES_MARK = '!l'
const UNPRINTED = /[^ -~]/

/** Where each state of a store lives: `<prefix>:{<tag>}:<scope>.<variant>:<subject>`, the tag chosen by the subject, so that one subject's limits share a slot. */
export class Keys {
  readonly prefix: string
  readonly tags: readonly string[]
  readonly packing: Packing | undefined
  private readonly heads: readonly string[]
  // By scope, of the limit seen last: a scope has one, or a few that take turns.
  private readonly middles = new Map<string, { readonly limit: Limit; readonly text: string }>()

  constructor(prefix: string, partitions: number, packing?: Packing) {
    this.prefix = prefix
    this.packing = packing
    this.tags = spreadTags(partitions)
    this.heads = this.tags.map((tag) => `${prefix}:{${tag}}:`)
  }

  /** What names the shape of the data, beside it. */
  get meta(): string {
    return `${this.prefix}:{meta}`
  }

  /** Who shares the data, by when each was heard of last. */
  get instances(): string {
    return `${this.prefix}:{meta}:instances`
  }

  tagOf(subject: string): string {
    return this.tags[this.placeOf(fnv1a(subject))] as string
  }

  /** Of a packed state it ends with a place: no key of Redis, and still what tells states apart. */
  keyOf({ limit, scope, subject }: Pick<Charge, 'limit' | 'scope' | 'subject'>): string {
    const head = this.heads[this.placeOf(fnv1a(subject))] as string
    const { packing } = this
    const tail = packing !== undefined && isPackable(limit) ? packing.suffixOf(subject) : bounded(subject)
    return `${head}${this.middleOf(limit, scope)}${tail}`
  }

  /** Which states are packed; `undefined`: none. */
  get isPacked(): ((limit: Limit) => boolean) | undefined {
    return this.packing && isPackable
  }

  private placeOf(hash: number): number {
    return hash & (this.tags.length - 1)
  }

  private middleOf(limit: Limit, scope: string): string {
    let middle = this.middles.get(scope)
    if (middle?.limit !== limit) {
      const variant = algorithmOf(limit).variantOf(limit)
      this.middles.set(scope, (middle = { limit, text: `${scope}${variant === '' ? '' : `.${variant}`}:` }))
    }
    return middle.text
  }
}

/** Where the leases of a state are accounted: in its slot. No state lives there. */
export function leasesKey(stateKey: string): string {
  return `${stateKey}${LEASES_MARK}`
}

/** The subject as it is, or its hash; a subject that looks like a hash has its mark doubled, so the two never meet. */
function bounded(subject: string): string {
  // One that ends like the accounts of leases would share a key with those of another subject.
  if (subject.length > LONGEST || subject.endsWith(LEASES_MARK)) return hashed(subject)
  // A lone surrogate has no UTF-8: sent as it is, all of them would be the same three bytes.
  if (UNPRINTED.test(subject) && (/\p{Surrogate}/u.test(subject) || Buffer.byteLength(subject) > LONGEST)) return hashed(subject)
  return subject.startsWith(HASH_MARK) ? `${HASH_MARK}${subject}` : subject
}

function hashed(subject: string): string {
  return `${HASH_MARK}${createHash('sha256').update(subject, 'utf16le').digest('base64url')}`
}

/** One tag for each of `count` equal stretches of the slots: the first number whose slot lies there. The same in every process. */
function spreadTags(count: number): readonly string[] {
  const tags: string[] = Array.from({ length: count }, () => '')
  let missing = count
  for (let n = 0; missing > 0; n++) {
    const stretch = Math.floor(((crc16(String(n)) % SLOTS) * count) / SLOTS)
    if (tags[stretch] !== '') continue
    tags[stretch] = String(n)
    missing -= 1
  }
  return tags
}

/** FNV-1a (Fowler, Noll, Vo), 32 bits, over UTF-16 units: cheap, and the same in every process. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  // The low bits of FNV alone are weak.
  return (hash ^ (hash >>> 15)) >>> 0
}
