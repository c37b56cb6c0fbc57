import { CHARGED_ONCE, NO_SLOT, PROTECTED, type Rank, type SlotRows, UNDER_HALF } from './slot-rows.ts'

/** The slots that may be evicted: one linked list per rank, the oldest first, so that finding the next victim takes no search. */
export class EvictionLists {
  private readonly rows: SlotRows
  private readonly oldest = [NO_SLOT, NO_SLOT]
  private readonly newest = [NO_SLOT, NO_SLOT]
  private count = 0

  constructor(rows: SlotRows) {
    this.rows = rows
  }

  /** How many slots may be evicted. */
  get size(): number {
    return this.count
  }

  /** Adds a slot as the newest of its rank. */
  add(slot: number, rank: Rank): void {
    if (rank === PROTECTED) return
    this.count += 1
    const { rows } = this
    const last = this.newest[rank] as number
    rows.setOlder(slot, last)
    rows.setNewer(slot, NO_SLOT)
    if (last === NO_SLOT) this.oldest[rank] = slot
    else rows.setNewer(last, slot)
    this.newest[rank] = slot
  }

  remove(slot: number, rank: Rank): void {
    if (rank === PROTECTED) return
    this.count -= 1
    const { rows } = this
    const before = rows.older(slot)
    const after = rows.newer(slot)
    if (before === NO_SLOT) this.oldest[rank] = after
    else rows.setNewer(before, after)
    if (after === NO_SLOT) this.newest[rank] = before
    else rows.setOlder(after, before)
  }

  /** The slot to evict next: the oldest of the lowest rank that is not in `pinned`. `NO_SLOT` if there is none. */
  next(pinned: readonly unknown[]): number {
    for (const rank of [CHARGED_ONCE, UNDER_HALF]) {
      let slot = this.oldest[rank] as number
      while (slot !== NO_SLOT && pinned.includes(slot)) slot = this.rows.newer(slot)
      if (slot !== NO_SLOT) return slot
    }
    return NO_SLOT
  }

  clear(): void {
    this.oldest.fill(NO_SLOT)
    this.newest.fill(NO_SLOT)
    this.count = 0
  }
}
