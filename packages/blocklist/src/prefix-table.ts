// Blocks of addresses by longest prefix. A hash table of (prefix, length), asked once for each length that occurs below the first bits of
// the address. A scan of 100,000 blocks would hold up each request, and a trie with 256 children for each byte takes 64 MB and more.

/** An entry that ends. */
export interface Ending {
  /** ms since the Unix epoch. */
  readonly until: number
  readonly isShadow: boolean
}

const FILTER_SIZE = 1 << 16
const FEWEST_SLOTS = 64

/** Blocks of 32 bits (IPv4, one word) or 128 bits (IPv6, four words), each with an entry. */
export class PrefixTable<T extends Ending> {
  private readonly words: 1 | 4
  /** From this length on, the filter knows in which parts of the address space a length occurs. */
  private readonly filtered: number
  private readonly step: number
  private prefixes: Int32Array
  /** The length of the prefix in each slot plus 1; 0 for an empty slot. */
  private lengths: Uint8Array
  private entries: (T | undefined)[]
  private mask: number
  private count = 0
  private readonly counts: Int32Array
  /** The lengths that occur, longest first. */
  private occurring: readonly number[] = []
  /** By the first bits of an address: which lengths occur there. A bit that is no longer right costs a look, and no error. */
  private filter: Uint32Array | undefined
  private stale = 0
  /** Nobody can choose addresses whose entries meet in one place. Drawn late, since edge runtimes have no random numbers before a request. */
  private seed = 0
  /** The prefix of the last `masked`. */
  private readonly at = new Int32Array(4)

  constructor(words: 1 | 4) {
    this.words = words
    this.filtered = words === 1 ? 16 : 32
    // A filter has 32 bits: 17 lengths of IPv4, or 97 of IPv6 in groups.
    this.step = words === 1 ? 0 : 2
    this.prefixes = new Int32Array(FEWEST_SLOTS * words)
    this.lengths = new Uint8Array(FEWEST_SLOTS)
    this.entries = Array.from({ length: FEWEST_SLOTS })
    this.mask = FEWEST_SLOTS - 1
    this.counts = new Int32Array(words * 32 + 1)
  }

  get size(): number {
    return this.count
  }

  /** Adds the entry of a block, or replaces it. */
  set(address: Int32Array, bits: number, entry: T): void {
    if (this.count === 0) this.seed = (Math.random() * 2 ** 32) | 0
    this.masked(address[0]!, address[1]!, address[2]!, address[3]!, bits)
    let slot = this.slotOf(bits)
    if (this.lengths[slot] === 0) {
      if ((this.count + 1) * 2 > this.mask + 1) {
        this.rebuild((this.mask + 1) * 2)
        this.masked(address[0]!, address[1]!, address[2]!, address[3]!, bits)
        slot = this.slotOf(bits)
      }
      this.lengths[slot] = bits + 1
      this.prefixes.set(this.at.subarray(0, this.words), slot * this.words)
      this.count += 1
      this.add(this.at[0]!, bits)
    }
    this.entries[slot] = entry
  }

  /** The entry of exactly this block. */
  get(address: Int32Array, bits: number): T | undefined {
    this.masked(address[0]!, address[1]!, address[2]!, address[3]!, bits)
    return this.entries[this.slotOf(bits)]
  }

  delete(address: Int32Array, bits: number): boolean {
    this.masked(address[0]!, address[1]!, address[2]!, address[3]!, bits)
    const slot = this.slotOf(bits)
    if (this.lengths[slot] === 0) return false
    this.counts[bits]! -= 1
    if (this.counts[bits] === 0) this.occurring = this.occurring.filter((length) => length !== bits)
    this.count -= 1
    this.close(slot)
    this.stale += 1
    if (this.stale > this.count + FILTER_SIZE) this.rebuild(this.mask + 1)
    return true
  }

  /**
   * The entry of a block that has this address and has not ended: of the longest prefix, one that only reports after all others.
   * @param longest no longer prefix is meant: the length of an address, or of the block that must be covered whole
   */
  find(a: number, b: number, c: number, d: number, longest: number, now: () => number): T | undefined {
    const { occurring, filtered, step, filter } = this
    if (filter === undefined) return undefined
    const seen = filter[this.words === 1 ? a >>> 16 : mixed(a) & (FILTER_SIZE - 1)]!
    let shadow: T | undefined
    for (let i = 0; i < occurring.length; i++) {
      const bits = occurring[i]!
      if (bits > longest) continue
      if (bits >= filtered && ((seen >>> ((bits - filtered) >> step)) & 1) === 0) continue
      this.masked(a, b, c, d, bits)
      const entry = this.entries[this.slotOf(bits)]
      if (entry === undefined || entry.until <= now()) continue
      if (!entry.isShadow) return entry
      shadow ??= entry
    }
    return shadow
  }

  /** Every entry. */
  *[Symbol.iterator](): Iterator<T> {
    for (const entry of this.entries) if (entry !== undefined) yield entry
  }

  private masked(a: number, b: number, c: number, d: number, bits: number): void {
    const { at } = this
    at[0] = cut(a, bits)
    if (this.words === 1) return
    at[1] = cut(b, bits - 32)
    at[2] = cut(c, bits - 64)
    at[3] = cut(d, bits - 96)
  }

  /** The slot of the prefix in `at`, or the empty one where it would be. */
  private slotOf(bits: number): number {
    const { at, words, mask, lengths, prefixes } = this
    let hash = mixed(at[0]! ^ Math.imul(bits, 0x9e3779b1) ^ this.seed)
    if (words === 4) hash = mixed(mixed(mixed(hash ^ at[1]!) ^ at[2]!) ^ at[3]!)
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const length = lengths[slot]
      if (length === 0) return slot
      const base = slot * words
      if (length === bits + 1 && prefixes[base] === at[0] && (words === 1 || this.hasRest(base))) return slot
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
    for (let next = (slot + 1) & mask; this.lengths[next] !== 0; next = (next + 1) & mask) {
      const home = this.homeOf(next)
      if (((next - home) & mask) < ((next - gap) & mask)) continue
      this.lengths[gap] = this.lengths[next]!
      this.entries[gap] = this.entries[next]
      this.prefixes.copyWithin(gap * words, next * words, (next + 1) * words)
      gap = next
    }
    this.lengths[gap] = 0
    this.entries[gap] = undefined
  }

  private homeOf(slot: number): number {
    const { words, prefixes } = this
    const base = slot * words
    let hash = mixed(prefixes[base]! ^ Math.imul(this.lengths[slot]! - 1, 0x9e3779b1) ^ this.seed)
    if (words === 4) hash = mixed(mixed(mixed(hash ^ prefixes[base + 1]!) ^ prefixes[base + 2]!) ^ prefixes[base + 3]!)
    return hash & this.mask
  }

  /** Counts a length, and writes it into the filter. */
  private add(first: number, bits: number): void {
    this.counts[bits]! += 1
    if (this.counts[bits] === 1) this.occurring = [...this.occurring, bits].toSorted((a, b) => b - a)
    this.filter ??= new Uint32Array(FILTER_SIZE)
    if (bits >= this.filtered) {
      const index = this.words === 1 ? first >>> 16 : mixed(first) & (FILTER_SIZE - 1)
      this.filter[index]! |= 1 << ((bits - this.filtered) >> this.step)
    }
  }

  private rebuild(slots: number): void {
    const { prefixes, lengths, entries, words } = this
    this.prefixes = new Int32Array(slots * words)
    this.lengths = new Uint8Array(slots)
    this.entries = Array.from({ length: slots })
    this.mask = slots - 1
    this.filter?.fill(0)
    this.counts.fill(0)
    this.occurring = []
    this.stale = 0
    for (let from = 0; from < lengths.length; from++) {
      const length = lengths[from]!
      if (length === 0) continue
      this.at.set(prefixes.subarray(from * words, (from + 1) * words))
      const slot = this.slotOf(length - 1)
      this.lengths[slot] = length
      this.prefixes.set(this.at.subarray(0, words), slot * words)
      this.entries[slot] = entries[from]
      this.add(this.at[0]!, length - 1)
    }
  }
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
