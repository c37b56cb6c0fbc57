// Blocks of addresses by longest prefix: a hash table of (prefix, length), asked for each length that occurs near the address. A scan of 100,000
// blocks would hold up each request, and a trie with 256 children for each byte takes 64 MB and more.

/** An entry that ends. */
export interface Ending {
  /** ms since the Unix epoch. */
  readonly until: number
  readonly action: 'refuse' | 'drop' | 'shadow'
}

const FEWEST_SLOTS = 64
/** Of an entry that only reports. */
const SHADOW = 0x100
const LENGTH = 0xff

/** Places of a filter: one for each value of the first 16 bits, or more for those of a hash. */
const PLACES = 1 << 16
const PLACES_OF_LONG = 1 << 18

/** By the first bits of an address, the lengths that occur there, as bits. A bit that is no longer right costs a look, and no error. */
class Filter {
  /** The shortest length of this filter. */
  readonly least: number
  private readonly most: number
  /** So many lengths share a bit, as a power of 2. */
  private readonly shift: number
  private readonly masks: Uint8Array | Uint32Array

  constructor(least: number, most: number, shift: number, masks: Uint8Array | Uint32Array) {
    this.least = least
    this.most = most
    this.shift = shift
    this.masks = masks
  }

  has(bits: number): boolean {
    return bits >= this.least && bits <= this.most
  }

  add(index: number, bits: number): void {
    const mask = 1 << ((bits - this.least) >> this.shift)
    // A length below 16 is in many places of the first 16 bits.
    const places = bits < 16 ? 1 << (16 - bits) : 1
    for (let i = index; i < index + places; i++) this.masks[i] = this.masks[i]! | mask
  }

  at(index: number): number {
    return this.masks[index]!
  }

  clear(): void {
    this.masks.fill(0)
  }

  /** The longest and the shortest length of a bit. */
  longestOf(bit: number): number {
    return Math.min(this.most, this.least + ((bit + 1) << this.shift) - 1)
  }

  shortestOf(bit: number): number {
    return this.least + (bit << this.shift)
  }
}

/** Blocks of 32 bits (IPv4, one word) or 128 bits (IPv6, four words), each with an entry. */
export class PrefixTable<T extends Ending> {
  private readonly words: 1 | 4
  /** The longest lengths first. Made with the first entry. */
  private filters: readonly Filter[] = []
  private prefixes: Int32Array
  /** The length of the prefix in each slot plus 1, and SHADOW; 0 for an empty slot. */
  private marks: Uint16Array
  /** When the entries end, apart from them: most of them are elsewhere in memory. */
  private ends: Float64Array
  private entries: (T | undefined)[]
  private mask: number
  private count = 0
  /** How many blocks have each length. */
  private readonly counts: Int32Array
  private stale = 0
  /** Nobody can choose addresses whose entries meet in one place. Drawn late, since edge runtimes have no random numbers before a request. */
  private seed = 0
  /** The prefix of the last `slotOf`. */
  private readonly at = new Int32Array(4)

  constructor(words: 1 | 4) {
    this.words = words
    this.prefixes = new Int32Array(FEWEST_SLOTS * words)
    this.marks = new Uint16Array(FEWEST_SLOTS)
    this.ends = new Float64Array(FEWEST_SLOTS)
    this.entries = Array.from({ length: FEWEST_SLOTS })
    this.mask = FEWEST_SLOTS - 1
    this.counts = new Int32Array(words * 32 + 1)
  }

  get size(): number {
    return this.count
  }

  /** Adds the entry of a block, or replaces it. */
  set(address: Int32Array, bits: number, entry: T): void {
    if (this.filters.length === 0) this.begin()
    let slot = this.slotOf(address, bits)
    if (this.marks[slot] === 0) {
      if ((this.count + 1) * 2 > this.mask + 1) {
        this.rebuild((this.mask + 1) * 2)
        slot = this.slotOf(address, bits)
      }
      this.prefixes.set(this.at.subarray(0, this.words), slot * this.words)
      this.count += 1
      this.add(bits)
    }
    this.marks[slot] = (bits + 1) | (entry.action === 'shadow' ? SHADOW : 0)
    this.ends[slot] = entry.until
    this.entries[slot] = entry
  }

  /** The entry of exactly this block. */
  get(address: Int32Array, bits: number): T | undefined {
    return this.entries[this.slotOf(address, bits)]
  }

  delete(address: Int32Array, bits: number): boolean {
    const slot = this.slotOf(address, bits)
    if (this.marks[slot] === 0) return false
    this.counts[bits]! -= 1
    this.count -= 1
    this.close(slot)
    this.stale += 1
    if (this.stale > this.count + PLACES) this.rebuild(this.mask + 1)
    return true
  }

  /**
   * The entry of a block that has this address and has not ended: of the longest prefix, one that only reports after all others.
   * @param longest no longer prefix is meant: the length of an address, or of the block that must be covered whole
   */
  find(address: Int32Array, longest: number, now: () => number): T | undefined {
    const { filters, counts } = this
    let shadow: T | undefined
    for (let i = 0; i < filters.length; i++) {
      const filter = filters[i] as Filter
      let seen = filter.at(indexOf(filter.least, address[0]!, address[1]!))
      while (seen !== 0) {
        const bit = 31 - Math.clz32(seen)
        seen &= ~(1 << bit)
        for (let bits = filter.longestOf(bit), last = filter.shortestOf(bit); bits >= last; bits--) {
          if (bits > longest || counts[bits] === 0) continue
          const slot = this.slotOf(address, bits)
          const mark = this.marks[slot]!
          if (mark === 0 || this.ends[slot]! <= now()) continue
          if (mark < SHADOW) return this.entries[slot]
          shadow ??= this.entries[slot]
        }
      }
    }
    return shadow
  }

  /** Every entry. */
  *[Symbol.iterator](): Iterator<T> {
    for (const entry of this.entries) if (entry !== undefined) yield entry
  }

  private begin(): void {
    this.seed = (Math.random() * 2 ** 32) | 0
    const masks = (): Uint32Array => new Uint32Array(PLACES)
    this.filters =
      this.words === 1
        ? [new Filter(24, 32, 1, new Uint8Array(PLACES_OF_LONG)), new Filter(0, 23, 0, masks())]
        : [new Filter(48, 128, 2, masks()), new Filter(32, 47, 0, masks()), new Filter(0, 31, 0, masks())]
  }

  /** The slot of a prefix, or the empty one where it would be. Leaves the prefix in `at`. */
  private slotOf(address: Int32Array, bits: number): number {
    const { at, words, mask, marks, prefixes } = this
    const first = (at[0] = cut(address[0]!, bits))
    let hash = mixed(first ^ Math.imul(bits, 0x9e3779b1) ^ this.seed)
    if (words === 4) {
      at[1] = cut(address[1]!, bits - 32)
      at[2] = cut(address[2]!, bits - 64)
      at[3] = cut(address[3]!, bits - 96)
      hash = mixed(mixed(mixed(hash ^ at[1]) ^ at[2]) ^ at[3])
    }
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const length = marks[slot]! & LENGTH
      if (length === 0) return slot
      const base = slot * words
      if (length === bits + 1 && prefixes[base] === first && (words === 1 || this.hasRest(base))) return slot
    }
  }

  private hasRest(base: number): boolean {
    const { prefixes, at } = this
    return prefixes[base + 1] === at[1] && prefixes[base + 2] === at[2] && prefixes[base + 3] === at[3]
  }

  /** Empties a slot, and moves those after it that a search would not find any more. */
  private close(slot: number): void {
    const { words, mask } = this
    let gap = slot
    for (let next = (slot + 1) & mask; this.marks[next] !== 0; next = (next + 1) & mask) {
      const home = this.homeOf(next)
      if (((next - home) & mask) < ((next - gap) & mask)) continue
      this.marks[gap] = this.marks[next]!
      this.ends[gap] = this.ends[next]!
      this.entries[gap] = this.entries[next]
      this.prefixes.copyWithin(gap * words, next * words, (next + 1) * words)
      gap = next
    }
    this.marks[gap] = 0
    this.entries[gap] = undefined
  }

  private homeOf(slot: number): number {
    const { words, prefixes } = this
    const base = slot * words
    let hash = mixed(prefixes[base]! ^ Math.imul((this.marks[slot]! & LENGTH) - 1, 0x9e3779b1) ^ this.seed)
    if (words === 4) hash = mixed(mixed(mixed(hash ^ prefixes[base + 1]!) ^ prefixes[base + 2]!) ^ prefixes[base + 3]!)
    return hash & this.mask
  }

  /** Counts the prefix in `at`, and writes it into its filter. */
  private add(bits: number): void {
    this.counts[bits]! += 1
    const filter = this.filters.find((one) => one.has(bits)) as Filter
    filter.add(indexOf(filter.least, this.at[0]!, this.at[1]!), bits)
  }

  private rebuild(slots: number): void {
    const { prefixes, marks, ends, entries, words } = this
    this.prefixes = new Int32Array(slots * words)
    this.marks = new Uint16Array(slots)
    this.ends = new Float64Array(slots)
    this.entries = Array.from({ length: slots })
    this.mask = slots - 1
    for (const filter of this.filters) filter.clear()
    this.counts.fill(0)
    this.stale = 0
    const address = new Int32Array(4)
    for (let from = 0; from < marks.length; from++) {
      const length = marks[from]! & LENGTH
      if (length === 0) continue
      address.set(prefixes.subarray(from * words, (from + 1) * words))
      const slot = this.slotOf(address, length - 1)
      this.marks[slot] = marks[from]!
      this.ends[slot] = ends[from]!
      this.prefixes.set(this.at.subarray(0, words), slot * words)
      this.entries[slot] = entries[from]
      this.add(length - 1)
    }
  }
}

/** The place of an address in the filter whose shortest length this is: by its first 16, 24, 32 or 48 bits. */
function indexOf(least: number, first: number, second: number): number {
  if (least === 0) return first >>> 16
  if (least === 24) return mixed(first >>> 8) & (PLACES_OF_LONG - 1)
  return (least === 32 ? mixed(first) : mixed(mixed(first) ^ (second >>> 16))) & (PLACES - 1)
}

/** The first `bits` bits of a word. */
function cut(word: number, bits: number): number {
  return bits >= 32 ? word : bits <= 0 ? 0 : word & (-1 << (32 - bits))
}

/** The last step of MurmurHash3. */
function mixed(word: number): number {
  const half = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  const most = Math.imul(half ^ (half >>> 13), 0xc2b2ae35)
  return most ^ (most >>> 16)
}
