import type { Cells } from '../algorithms/algorithm.ts'
import { detach } from './bounded-key.ts'

/** How much a subject stands to lose: what is given up first when the store is full. */
export const FRESH = 0
export const LITTLE_USED = 1
/** Past half of its limit: kept until it expires, whatever comes. */
export const KEPT = 2
export type Rank = typeof FRESH | typeof LITTLE_USED | typeof KEPT

/** The first slot of each subject of some tables: its states in the others hang behind it, so that one look-up finds them all. */
export type Heads = Map<string, number>

/** The states of one scope and unit. */
export interface Table {
  readonly id: number
  readonly heads: Heads
  /** How a state lies in a row; absent: it is kept as an object. */
  readonly cells: Cells<unknown> | undefined
  /** How many there are. */
  size: number
}

/** No slot. */
export const NONE = -1
/** A row in numbers: when the state expires, up to three of the state itself, and four words in the place of two. */
const ROW = 6
/** A row in words, and where in it the four begin. */
const WORDS = 2 * ROW
/** The table's id, times four, and the rank. */
const OWNER = 8
/** The same subject's slot in another table of its heads. */
const NEXT = 9
const OLDER = 10
const NEWER = 11

/**
 * Up to `max` subjects of many tables, one slot each: an index of a row that has all of its numbers side by side, since what
 * a decision costs is mostly the places in memory that it touches. Slots that may be given up hang in one list per rank, oldest
 * first, so that finding one takes no search.
 */
export class MemorySlots {
  readonly max: number
  private readonly subjects: string[] = []
  private readonly objects = new Map<number, unknown>()
  private readonly tables: (Table | undefined)[] = []
  private readonly freeTables: number[] = []
  private readonly free: number[] = []
  private rows: Float64Array = new Float64Array(64 * ROW)
  private words: Int32Array = new Int32Array(this.rows.buffer)
  private readonly oldest = [NONE, NONE]
  private readonly newest = [NONE, NONE]
  private readonly sizes = [0, 0, 0]
  private hand = 0

  constructor(max: number) {
    this.max = max
  }

  /** A table without subjects. Tables of one `heads` are few, and mostly have the same subjects. */
  table(heads: Heads, cells: Cells<unknown> | undefined): Table {
    const id = this.freeTables.pop() ?? this.tables.length
    return (this.tables[id] = { id, heads, cells, size: 0 })
  }

  /** Forgets a table that has no subject. */
  drop({ id }: Table): void {
    this.tables[id] = undefined
    this.freeTables.push(id)
  }

  get size(): number {
    return this.subjects.length - this.free.length
  }

  /** The slot of a subject in a table, by its first in any of them; else `NONE`. */
  find(head: number, { id }: Table): number {
    let slot = head
    while (slot !== NONE && this.ownerOf(slot) !== id) slot = this.word(slot, NEXT)
    return slot
  }

  state(slot: number, { cells }: Table): unknown {
    return cells === undefined ? this.objects.get(slot) : cells.load(this.rows, slot * ROW + 1)
  }

  /** Whether this slot could be given up now. */
  mayGo(slot: number): boolean {
    return this.rankOf(slot) !== KEPT
  }

  /** How many new subjects fit, if need be by giving up others. */
  get spare(): number {
    return this.max - this.size + (this.sizes[FRESH] ?? 0) + (this.sizes[LITTLE_USED] ?? 0)
  }

  write(slot: number, table: Table, state: unknown, expires: number, rank: Rank): void {
    this.put(slot, table, state, expires)
    if (this.rankOf(slot) === rank) return
    this.unlink(slot)
    this.link(slot, table, rank)
  }

  /** A new subject; when the store is full it takes the place of the oldest one of the lowest rank that is not in `pinned`. Returns its slot. */
  add(table: Table, subject: string, state: unknown, expires: number, rank: Rank, pinned: readonly unknown[]): number {
    if (this.size >= this.max) this.giveUp(pinned)
    const slot = this.free.pop() ?? this.subjects.length
    if (slot * ROW === this.rows.length) this.grow()
    this.hang(slot, table, subject)
    this.put(slot, table, state, expires)
    this.link(slot, table, rank)
    return slot
  }

  remove(slot: number): void {
    this.unhang(slot)
    this.unlink(slot)
    this.objects.delete(slot)
    this.rows[slot * ROW] = Infinity
    this.subjects[slot] = ''
    this.free.push(slot)
  }

  /** Looks at the next `steps` slots and frees those that expired before `horizon`. */
  sweep(steps: number, horizon: number): void {
    for (let i = Math.min(steps, this.subjects.length); i > 0; i--) {
      if (this.hand >= this.subjects.length) this.hand = 0
      const slot = this.hand++
      // A free one never expires.
      if ((this.rows[slot * ROW] as number) <= horizon) this.remove(slot)
    }
  }

  clear(): void {
    for (const table of this.tables) {
      if (table === undefined) continue
      table.heads.clear()
      table.size = 0
    }
    for (const column of [this.subjects, this.free]) column.length = 0
    this.objects.clear()
    this.oldest.fill(NONE)
    this.newest.fill(NONE)
    this.sizes.fill(0)
    this.hand = 0
  }

  private put(slot: number, { cells }: Table, state: unknown, expires: number): void {
    const at = slot * ROW
    this.rows[at] = expires
    if (cells === undefined) this.objects.set(slot, state)
    else cells.save(state, this.rows, at + 1)
  }

  /** Behind the subject's other slots: its text is kept once, and whoever has found one of them finds it again. */
  private hang(slot: number, table: Table, subject: string): void {
    const { subjects } = this
    table.size += 1
    this.setWord(slot, NEXT, NONE)
    let last = table.heads.get(subject)
    if (last === undefined) {
      const text = detach(subject)
      subjects[slot] = text
      table.heads.set(text, slot)
      return
    }
    for (let next = this.word(last, NEXT); next !== NONE; next = this.word(last, NEXT)) last = next
    this.setWord(last, NEXT, slot)
    subjects[slot] = subjects[last] as string
  }

  private unhang(slot: number): void {
    const table = this.tables[this.ownerOf(slot)] as Table
    const subject = this.subjects[slot] as string
    const after = this.word(slot, NEXT)
    table.size -= 1
    let before = table.heads.get(subject) as number
    if (before === slot) {
      if (after === NONE) table.heads.delete(subject)
      else table.heads.set(subject, after)
      return
    }
    while (this.word(before, NEXT) !== slot) before = this.word(before, NEXT)
    this.setWord(before, NEXT, after)
  }

  private giveUp(pinned: readonly unknown[]): void {
    for (const rank of [FRESH, LITTLE_USED]) {
      let slot = this.oldest[rank] as number
      while (slot !== NONE && pinned.includes(slot)) slot = this.word(slot, NEWER)
      if (slot !== NONE) return this.remove(slot)
    }
  }

  private link(slot: number, { id }: Table, rank: Rank): void {
    this.setWord(slot, OWNER, id * 4 + rank)
    this.sizes[rank] = (this.sizes[rank] as number) + 1
    if (rank === KEPT) return
    const last = this.newest[rank] as number
    this.setWord(slot, OLDER, last)
    this.setWord(slot, NEWER, NONE)
    if (last === NONE) this.oldest[rank] = slot
    else this.setWord(last, NEWER, slot)
    this.newest[rank] = slot
  }

  private unlink(slot: number): void {
    const rank = this.rankOf(slot)
    this.sizes[rank] = (this.sizes[rank] as number) - 1
    if (rank === KEPT) return
    const before = this.word(slot, OLDER)
    const after = this.word(slot, NEWER)
    if (before === NONE) this.oldest[rank] = after
    else this.setWord(before, NEWER, after)
    if (after === NONE) this.newest[rank] = before
    else this.setWord(after, OLDER, before)
  }

  private ownerOf(slot: number): number {
    return this.word(slot, OWNER) >> 2
  }

  private rankOf(slot: number): Rank {
    return (this.word(slot, OWNER) & 3) as Rank
  }

  private word(slot: number, at: number): number {
    return this.words[slot * WORDS + at] as number
  }

  private setWord(slot: number, at: number, value: number): void {
    this.words[slot * WORDS + at] = value
  }

  private grow(): void {
    const rows = new Float64Array(Math.min(this.max * ROW, 2 * this.rows.length))
    rows.set(this.rows)
    this.rows = rows
    this.words = new Int32Array(rows.buffer)
  }
}
