/** What a bounded set of entries needs of each of them. */
export interface BoundedEntry<E> {
  readonly id: string
  /** True for an entry that must not be dropped, since a look-up will fill it. */
  isBusy: boolean
  /** Whether it was used since it came, or since the hand passed it. */
  isUsed: boolean
  newer: E | undefined
  older: E | undefined
}

/**
 * At most `max` entries. To make room, a hand goes from old to new and drops the first entry that was not used since it passed (SIEVE). So
 * ids that are asked for once, which a client may invent, do not push out those in use. A use only sets a flag.
 */
export class BoundedEntries<E extends BoundedEntry<E>> {
  private readonly max: number
  private readonly byId = new Map<string, E>()
  private newest: E | undefined
  private oldest: E | undefined
  private hand: E | undefined

  constructor(max: number) {
    this.max = max
  }

  get size(): number {
    return this.byId.size
  }

  get(id: string): E | undefined {
    const entry = this.byId.get(id)
    if (entry !== undefined) entry.isUsed = true
    return entry
  }

  /** Adds an entry whose id is new. Returns whether there was room. */
  add(entry: E): boolean {
    if (this.byId.size >= this.max && !this.drop()) return false
    entry.older = this.newest
    if (this.newest !== undefined) this.newest.newer = entry
    this.newest = entry
    this.oldest ??= entry
    this.byId.set(entry.id, entry)
    return true
  }

  delete(entry: E): void {
    if (this.byId.get(entry.id) !== entry) return
    if (this.hand === entry) this.hand = entry.newer
    if (entry.newer === undefined) this.newest = entry.older
    else entry.newer.older = entry.older
    if (entry.older === undefined) this.oldest = entry.newer
    else entry.older.newer = entry.newer
    entry.newer = undefined
    entry.older = undefined
    this.byId.delete(entry.id)
  }

  *[Symbol.iterator](): Iterator<E> {
    yield* this.byId.values()
  }

  private drop(): boolean {
    // Twice round: the first time clears the flags.
    for (let steps = 2 * this.byId.size; steps > 0; steps--) {
      const entry = this.hand ?? this.oldest
      if (entry === undefined) return false
      this.hand = entry.newer
      if (entry.isBusy) continue
      if (!entry.isUsed) {
        this.delete(entry)
        return true
      }
      entry.isUsed = false
    }
    return false
  }
}
