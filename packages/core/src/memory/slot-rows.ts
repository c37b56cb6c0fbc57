/** Means that there is no slot. */
export const NO_SLOT = -1

/** How much a subject would gain if its state were evicted. A store that is full evicts the lowest rank first. */
export const CHARGED_ONCE = 0
export const UNDER_HALF = 1
/** More than half of the limit is used: never evicted before the state expires. */
export const PROTECTED = 2
export type Rank = typeof CHARGED_ONCE | typeof UNDER_HALF | typeof PROTECTED

/** Numbers of a row: when the state expires, up to three of the state itself, and two that hold the four words below. */
const NUMBERS = 6
const WORDS = 2 * NUMBERS
/** The id of the slot's table, times four, plus its rank. */
const TABLE_AND_RANK = 8
const NEXT = 9
const OLDER = 10
const NEWER = 11

const FIRST_ROWS = 64

/**
 * One row of numbers per slot. All numbers of a slot lie side by side, because a decision costs about as much as the cache
 * lines that it touches.
 */
export class SlotRows {
  readonly max: number
  /** All rows. Replaced by a longer array as the store grows: do not keep it. */
  numbers: Float64Array = new Float64Array(FIRST_ROWS * NUMBERS)
  private words: Int32Array = new Int32Array(this.numbers.buffer)

  constructor(max: number) {
    this.max = max
  }

  /** Adds rows until this slot has one. Their number doubles, so that growing takes constant time per slot. */
  reserve(slot: number): void {
    if (slot * NUMBERS < this.numbers.length) return
    const numbers = new Float64Array(Math.min(this.max * NUMBERS, 2 * this.numbers.length))
    numbers.set(this.numbers)
    this.numbers = numbers
    this.words = new Int32Array(numbers.buffer)
  }

  /** Where the state of a slot begins in `numbers`. */
  stateOffset(slot: number): number {
    return slot * NUMBERS + 1
  }

  /** Microseconds since the epoch; `Infinity` for a free slot. */
  expiresAt(slot: number): number {
    return this.numbers[slot * NUMBERS] as number
  }

  setExpiresAt(slot: number, micros: number): void {
    this.numbers[slot * NUMBERS] = micros
  }

  tableOf(slot: number): number {
    return (this.words[slot * WORDS + TABLE_AND_RANK] as number) >> 2
  }

  rankOf(slot: number): Rank {
    return ((this.words[slot * WORDS + TABLE_AND_RANK] as number) & 3) as Rank
  }

  setTableAndRank(slot: number, table: number, rank: Rank): void {
    this.words[slot * WORDS + TABLE_AND_RANK] = table * 4 + rank
  }

  /** The next slot in the chain of one subject. */
  next(slot: number): number {
    return this.words[slot * WORDS + NEXT] as number
  }

  setNext(slot: number, next: number): void {
    this.words[slot * WORDS + NEXT] = next
  }

  /** The slot before this one in the list of its rank. */
  older(slot: number): number {
    return this.words[slot * WORDS + OLDER] as number
  }

  setOlder(slot: number, older: number): void {
    this.words[slot * WORDS + OLDER] = older
  }

  newer(slot: number): number {
    return this.words[slot * WORDS + NEWER] as number
  }

  setNewer(slot: number, newer: number): void {
    this.words[slot * WORDS + NEWER] = newer
  }
}
