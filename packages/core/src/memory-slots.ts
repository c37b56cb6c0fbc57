/** How much a subject stands to lose: what is given up first when the store is full. */
export const FRESH = 0
export const LITTLE_USED = 1
/** Past half of its limit: kept until it expires, whatever comes. */
export const KEPT = 2
export type Rank = typeof FRESH | typeof LITTLE_USED | typeof KEPT

export type Table = Map<string, number>

const NONE = -1

/**
 * Up to `max` subjects of many tables, one slot each, in columns rather than objects: a slot is an index into all of them.
 * Slots that may be given up hang in one list per rank, oldest first, so that finding one takes no search.
 */
export class MemorySlots {
  readonly max: number
  private readonly states: unknown[] = []
  private readonly subjects: string[] = []
  private readonly tables: (Table | undefined)[] = []
  private readonly free: number[] = []
  private expires: Float64Array = new Float64Array(64)
  private ranks: Uint8Array = new Uint8Array(64)
  private older: Int32Array = new Int32Array(64)
  private newer: Int32Array = new Int32Array(64)
  private readonly oldest = [NONE, NONE]
  private readonly newest = [NONE, NONE]
  private readonly sizes = [0, 0, 0]
  private hand = 0

  constructor(max: number) {
    this.max = max
  }

  get size(): number {
    return this.states.length - this.free.length
  }

  state(slot: number): unknown {
    return this.states[slot]
  }

  /** Whether this slot could be given up now. */
  mayGo(slot: number): boolean {
    return this.ranks[slot] !== KEPT
  }

  /** How many new subjects fit, if need be by giving up others. */
  get spare(): number {
    return this.max - this.size + (this.sizes[FRESH] ?? 0) + (this.sizes[LITTLE_USED] ?? 0)
  }

  write(slot: number, state: unknown, expires: number, rank: Rank): void {
    this.states[slot] = state
    this.expires[slot] = expires
    if (this.ranks[slot] === rank) return
    this.unlink(slot)
    this.link(slot, rank)
  }

  /** A new subject; when the store is full it takes the place of the oldest one of the lowest rank that is not in `pinned`. Returns its slot. */
  add(table: Table, subject: string, state: unknown, expires: number, rank: Rank, pinned: readonly unknown[]): number {
    if (this.size >= this.max) this.giveUp(pinned)
    const slot = this.free.pop() ?? this.states.length
    if (slot === this.expires.length) this.grow()
    this.states[slot] = state
    this.subjects[slot] = subject
    this.tables[slot] = table
    this.expires[slot] = expires
    this.link(slot, rank)
    table.set(subject, slot)
    return slot
  }

  remove(slot: number): void {
    this.tables[slot]?.delete(this.subjects[slot] as string)
    this.unlink(slot)
    this.tables[slot] = undefined
    this.states[slot] = undefined
    this.subjects[slot] = ''
    this.free.push(slot)
  }

  /** Looks at the next `steps` slots and frees those that expired before `horizon`. */
  sweep(steps: number, horizon: number): void {
    for (let i = 0; i < steps; i++) {
      if (this.hand >= this.states.length) this.hand = 0
      const slot = this.hand++
      if (this.tables[slot] !== undefined && (this.expires[slot] as number) <= horizon) this.remove(slot)
    }
  }

  clear(): void {
    for (const table of this.tables) table?.clear()
    for (const column of [this.states, this.subjects, this.tables, this.free]) column.length = 0
    this.oldest.fill(NONE)
    this.newest.fill(NONE)
    this.sizes.fill(0)
    this.hand = 0
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
    const length = Math.min(this.max, 2 * this.expires.length)
    const expires = new Float64Array(length)
    const ranks = new Uint8Array(length)
    const older = new Int32Array(length)
    const newer = new Int32Array(length)
    expires.set(this.expires)
    ranks.set(this.ranks)
    older.set(this.older)
    newer.set(this.newer)
    Object.assign(this, { expires, ranks, older, newer })
  }
}
