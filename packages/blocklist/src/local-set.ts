import { type BlockRecord, type BlockTarget, type Cidr, bitsOfIPv4, parseCidr, readIPv6, translated } from '@sluice/core/store-kit'
import { PrefixTable } from './prefix-table.ts'

/** What blocks a request, as the pipeline of core reads it. */
export interface BlockAnswer {
  /** When the block ends: ms since the Unix epoch. */
  readonly until: number
  readonly rule: string
  readonly action: 'refuse' | 'drop' | 'shadow'
  /** The entry of the list. */
  readonly record: BlockRecord
}

/** A subject that `rateLimit` made of an address, since the key was missing. Its address is checked. */
const ADDRESS_MARK = '~ip:'
const MAX_REMEMBERED = 10_000
const MAX_LENGTH = 64

type Entry = BlockAnswer

/** Entries of one kind: blocks, or what is allowed. */
class Entries {
  readonly subjects: Map<string, Entry> = new Map()
  readonly ipv4: PrefixTable<Entry> = new PrefixTable(1)
  readonly ipv6: PrefixTable<Entry> = new PrefixTable(4)

  get size(): number {
    return this.subjects.size + this.ipv4.size + this.ipv6.size
  }

  *[Symbol.iterator](): Iterator<Entry> {
    yield* this.subjects.values()
    yield* this.ipv4
    yield* this.ipv6
  }

  /** Ignores an address that is none: somebody else may have written into the storage. */
  set(target: BlockTarget, entry: Entry): boolean {
    if (target.kind === 'subject') this.subjects.set(target.name, entry)
    else {
      const cidr = parseCidr(target.name)
      if (cidr === undefined) return false
      this.tableOf(cidr).set(wordsOf(cidr.address), cidr.bits, entry)
    }
    return true
  }

  get(target: BlockTarget): Entry | undefined {
    if (target.kind === 'subject') return this.subjects.get(target.name)
    const cidr = parseCidr(target.name)
    return cidr && this.tableOf(cidr).get(wordsOf(cidr.address), cidr.bits)
  }

  delete(target: BlockTarget): boolean {
    if (target.kind === 'subject') return this.subjects.delete(target.name)
    const cidr = parseCidr(target.name)
    return cidr !== undefined && this.tableOf(cidr).delete(wordsOf(cidr.address), cidr.bits)
  }

  private tableOf({ address }: Cidr): PrefixTable<Entry> {
    return address.length === 4 ? this.ipv4 : this.ipv6
  }

  ofSubject(subject: string, now: () => number): Entry | undefined {
    const entry = this.subjects.get(subject)
    return entry !== undefined && entry.until > now() ? entry : undefined
  }

  ofIPv4(value: number, now: () => number): Entry | undefined {
    SCRATCH[0] = value
    return this.ipv4.find(SCRATCH, 32, now)
  }

  ofAddress(text: string, now: () => number): Entry | undefined {
    const value = bitsOfIPv4(text)
    if (value >= 0) return this.ofIPv4(value, now)
    const length = readIPv6(text, BYTES)
    return length === 0 ? undefined : this.find(length === 4 ? BYTES.subarray(12) : translated(BYTES), 128, now)
  }

  /** What has all addresses that begin with these bits. */
  find(bytes: Uint8Array, bits: number, now: () => number): Entry | undefined {
    readWords(bytes, SCRATCH)
    return bytes.length === 4 ? this.ipv4.find(SCRATCH, Math.min(bits, 32), now) : this.ipv6.find(SCRATCH, bits, now)
  }
}

/**
 * The list of this process: subjects, addresses and CIDRs, and what is allowed. A check makes no object and asks nobody. Entries that have ended
 * are as if they were not there, until `sweep` removes them.
 */
export class LocalSet {
  private readonly blocks = new Entries()
  private readonly allowed = new Entries()
  /** What the option `allow` names. The storage has none of it, and can change none of it. */
  private readonly exempt = new Entries()
  private readonly now: () => number
  private readonly counts = { refuse: 0, drop: 0, shadow: 0, allow: 0 }
  /**
   * By the text of an IPv6 address, which takes longer to parse than to look up; clients return. Two generations, so that a flood of addresses does
   * not empty it at once. Emptied when the list changes.
   */
  private known = new Map<string, Entry | null>()
  private knownBefore = new Map<string, Entry | null>()

  constructor(now: () => number, exempt: readonly BlockTarget[] = []) {
    this.now = now
    for (const target of exempt) this.exempt.set(target, entryOf(exemption(target)))
  }

  /** Entries that block, also those that have ended and were not removed yet. */
  get size(): number {
    return this.blocks.size
  }

  /** Entries by what they do, without a look at each: those that have ended count until the next sweep. */
  get sizes(): Readonly<Record<BlockRecord['effect'], number>> {
    return { ...this.counts, allow: this.counts.allow + this.exempt.size }
  }

  /** What blocks one of these subjects or this address; `undefined` if nothing does, or if one of them is allowed. */
  check(subjects: readonly string[] | string, address: string | undefined): BlockAnswer | undefined {
    if (this.blocks.size === 0) return undefined
    let entry = address === undefined ? undefined : this.ofAddress(address)
    if ((entry === undefined || entry.action === 'shadow') && this.blocks.subjects.size > 0) entry = this.ofSubjects(subjects) ?? entry
    if (entry === undefined || this.isAllowed(subjects, address)) return undefined
    return entry
  }

  /** Whether something blocks this target, or is allowed for it: it is then not struck. */
  covers(target: BlockTarget): boolean {
    return this.recordOf(target) !== undefined || this.allowOf(target) !== undefined
  }

  /** What blocks a target: its own entry, or that of a CIDR that has all of it. */
  recordOf(target: BlockTarget): BlockRecord | undefined {
    return recordIn(this.blocks, target, this.now)
  }

  /** What allows a target. */
  allowOf(target: BlockTarget): BlockRecord | undefined {
    return recordIn(this.exempt, target, this.now) ?? recordIn(this.allowed, target, this.now)
  }

  /** Adds an entry, or replaces that of its target. Returns the entry that it replaced, unless that has ended. */
  put(record: BlockRecord): BlockRecord | undefined {
    const before = this.remove(record)
    const entries = record.effect === 'allow' ? this.allowed : this.blocks
    if (entries.set(record, entryOf(record))) this.counts[record.effect] += 1
    return before
  }

  remove(target: BlockTarget): BlockRecord | undefined {
    if (this.known.size > 0) this.known = new Map()
    if (this.knownBefore.size > 0) this.knownBefore = new Map()
    const entry = this.blocks.get(target) ?? this.allowed.get(target)
    if (entry === undefined) return undefined
    if (!this.blocks.delete(target)) this.allowed.delete(target)
    this.counts[entry.record.effect] -= 1
    return entry.until > this.now() ? entry.record : undefined
  }

  /** Removes what has ended, and returns it. */
  sweep(): readonly BlockRecord[] {
    const now = this.now()
    const ended = [...this.blocks, ...this.allowed].filter(({ until }) => until <= now).map(({ record }) => record)
    for (const record of ended) this.remove(record)
    return ended
  }

  /** All entries that have not ended. */
  records(): readonly BlockRecord[] {
    const now = this.now()
    return [...this.blocks, ...this.allowed].filter(({ until }) => until > now).map(({ record }) => record)
  }

  private ofAddress(address: string): Entry | undefined {
    const value = bitsOfIPv4(address)
    if (value >= 0) return this.blocks.ofIPv4(value, this.now)
    const known = this.known.get(address)
    if (known === null) return undefined
    if (known !== undefined && known.until > this.now()) return known
    return this.lookUp(address)
  }

  private lookUp(address: string): Entry | undefined {
    const before = this.knownBefore.get(address)
    const isKnown = before === null || (before !== undefined && before.until > this.now())
    const entry = isKnown ? before : (this.blocks.ofAddress(address, this.now) ?? null)
    // Core has copied it, so it keeps no header in memory.
    if (address.length <= MAX_LENGTH) {
      if (this.known.size >= MAX_REMEMBERED) {
        this.knownBefore = this.known
        this.known = new Map()
      }
      this.known.set(address, entry)
    }
    return entry ?? undefined
  }

  private ofSubjects(subjects: readonly string[] | string): Entry | undefined {
    if (typeof subjects === 'string') return this.blocks.ofSubject(subjects, this.now)
    let shadow: Entry | undefined
    for (let i = 0; i < subjects.length; i++) {
      const entry = this.blocks.ofSubject(subjects[i] as string, this.now)
      if (entry !== undefined && entry.action !== 'shadow') return entry
      shadow ??= entry
    }
    return shadow
  }

  private isAllowed(subjects: readonly string[] | string, address: string | undefined): boolean {
    return this.isIn(this.exempt, subjects, address) || this.isIn(this.allowed, subjects, address)
  }

  private isIn(allowed: Entries, subjects: readonly string[] | string, address: string | undefined): boolean {
    const { now } = this
    if (allowed.size === 0) return false
    if (address !== undefined && allowed.ofAddress(address, now) !== undefined) return true
    if (typeof subjects === 'string') return allowed.ofSubject(subjects, now) !== undefined
    return subjects.some((subject) => allowed.ofSubject(subject, now) !== undefined)
  }
}

/** Made once for each entry, so that a check makes no object. */
function entryOf(record: BlockRecord): Entry {
  const { until, rule, effect } = record
  return Object.freeze({ until, rule, action: effect === 'allow' ? 'shadow' : effect, record })
}

function exemption(target: BlockTarget): BlockRecord {
  return { ...target, effect: 'allow', rule: 'option', since: 0, until: Infinity, level: 0, evidence: undefined, reason: '' }
}

/** The entry of the target itself, or of a CIDR that contains it. */
function recordIn(entries: Entries, target: BlockTarget, now: () => number): BlockRecord | undefined {
  if (target.kind === 'subject') return entries.ofSubject(target.name, now)?.record
  const cidr = parseCidr(target.name)
  return cidr && entries.find(cidr.address, cidr.bits, now)?.record
}

/** The address of a subject that stands for one; `undefined` for any other subject. */
export function markedAddress(subject: string): string | undefined {
  return subject.startsWith(ADDRESS_MARK) ? subject.slice(ADDRESS_MARK.length) : undefined
}

function wordsOf(bytes: Uint8Array): Int32Array {
  const words = new Int32Array(4)
  readWords(bytes, words)
  return words
}

function readWords(bytes: Uint8Array, words: Int32Array): void {
  for (let i = 0; i < bytes.length; i += 4) words[i >> 2] = (bytes[i]! << 24) | (bytes[i + 1]! << 16) | (bytes[i + 2]! << 8) | bytes[i + 3]!
}

/** The address that is being looked up: a check makes no object. */
const SCRATCH = new Int32Array(4)
const BYTES = new Uint8Array(16)
