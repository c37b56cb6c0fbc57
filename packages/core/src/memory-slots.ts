import type { Cells } from './algorithms/algorithm.ts'

/** How much a subject stands to lose: what is given up first when the store is full. */
export const FRESH = 0
export const LITTLE_USED = 1
/** Past half of its limit: kept until it expires, whatever comes. */
export const KEPT = 2
export type Rank = typeof FRESH | typeof LITTLE_USED | typeof KEPT

/** The subjects of one scope and unit, and where each is. */
export interface Table {
  readonly id: number
  readonly slots: Map<string, number>
  /** How a state lies in a row; absent: it is kept as an object. */
  readonly cells: Cells<unknown> | undefined
}

const NONE = -1
/** A row of numbers: when the state expires, and up to three of the state itself. */
const ROW = 4

/**
 * Up to `max` subjects of many tables, one slot each, in columns rather than objects: a slot is an index into all of them.
 * Slots that may be given up hang in one list per rank, oldest first, so that finding one takes no search.
 */
export class MemorySlots {
  readonly max: number
  private readonly subjects: string[] = []
  private readonly objects = new Map<number, unknown>()
  private readonly tables: (Table | undefined)[] = []
  private readonly freeTables: number[] = []
  private readonly free: number[] = []
  private rows: Float64Array = new Float64Array(64 * ROW)
  private ranks: Uint8Array = new Uint8Array(64)
  private tableIds: Uint32Array = new Uint32Array(64)
  private older: Int32Array = new Int32Array(64)
  private newer: Int32Array = new Int32Array(64)
  private readonly oldest = [NONE, NONE]
  private readonly newest = [NONE, NONE]
  private readonly sizes = [0, 0, 0]
  private hand = 0

  constructor(max: number) {
    this.max = max
  }

  /** A table without subjects. */
  table(cells: Cells<unknown> | undefined): Table {
    const id = this.freeTables.pop() ?? this.tables.length
    return (this.tables[id] = { id, slots: new Map(), cells })
  }

  /** Forgets a table that has no subject. */
  drop({ id }: Table): void {
    this.tables[id] = undefined
    this.freeTables.push(id)
  }

  get size(): number {
    return this.subjects.length - this.free.length
  }

  state(slot: number, { cells }: Table): unknown {
    return cells === undefined ? this.objects.get(slot) : cells.load(this.rows, slot * ROW + 1)
  }

  /** Whether this slot could be given up now. */
  mayGo(slot: number): boolean {
    return this.ranks[slot] !== KEPT
  }

  /** How many new subjects fit, if need be by giving up others. */
  get spare(): number {
    return this.max - this.size + (this.sizes[FRESH] ?? 0) + (this.sizes[LITTLE_USED] ?? 0)
  }

  write(slot: number, table: Table, state: unknown, expires: number, rank: Rank): void {
    this.put(slot, table, state, expires)
    if (this.ranks[slot] === rank) return
    this.unlink(slot)
    this.link(slot, rank)
  }

  /** A new subject; when the store is full it takes the place of the oldest one of the lowest rank that is not in `pinned`. Returns its slot. */
  add(table: Table, subject: string, state: unknown, expires: number, rank: Rank, pinned: readonly unknown[]): number {
    if (this.size >= this.max) this.giveUp(pinned)
    const slot = this.free.pop() ?? this.subjects.length
    if (slot === this.ranks.length) this.grow()
    this.subjects[slot] = subject
    this.tableIds[slot] = table.id
    this.put(slot, table, state, expires)
    this.link(slot, rank)
    table.slots.set(subject, slot)
    return slot
  }

  remove(slot: number): void {
    this.tables[this.tableIds[slot] as number]?.slots.delete(this.subjects[slot] as string)
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
    for (const table of this.tables) table?.slots.clear()
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

  private giveUp(pinned: readonly unknown[]): void {
    for (const rank of [FRESH, LITTLE_USED]) {
      let slot = this.oldest[rank] as number
      while (slot !== NONE && pinned.includes(slot)) slot = this.newer[slot] as number
      if (slot !== NONE) return this.remove(slot)
    }
  }

  private link(slot: number, rank: Rank): void {
    this.ranks[slot] = rank
    this.sizes[rank] = (this.sizes[rank] as number) + 1
    if (rank === KEPT) return
    const last = this.newest[rank] as number
    this.older[slot] = last
    this.newer[slot] = NONE
    if (last === NONE) this.oldest[rank] = slot
    else this.newer[last] = slot
    this.newest[rank] = slot
  }

  private unlink(slot: number): void {
    const rank = this.ranks[slot] as Rank
    this.sizes[rank] = (this.sizes[rank] as number) - 1
    if (rank === KEPT) return
    const before = this.older[slot] as number
    const after = this.newer[slot] as number
    if (before === NONE) this.oldest[rank] = after
    else this.newer[before] = after
    if (after === NONE) this.newest[rank] = before
    else this.older[after] = before
  }

  private grow(): void {
    const length = Math.min(this.max, 2 * this.ranks.length)
    const rows = new Float64Array(length * ROW)
    const ranks = new Uint8Array(length)
    const tableIds = new Uint32Array(length)
    const older = new Int32Array(length)
    const newer = new Int32Array(length)
    rows.set(this.rows)
    ranks.set(this.ranks)
    tableIds.set(this.tableIds)
    older.set(this.older)
    newer.set(this.newer)
    Object.assign(this, { rows, ranks, tableIds, older, newer })
  }
}
