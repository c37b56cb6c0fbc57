/** A queue of bounded size. What is added to a full one takes the place of the oldest. */
export class Ring<T> {
  size = 0
  private readonly items: (T | undefined)[]
  private head = 0

  constructor(capacity: number) {
    this.items = Array.from<T | undefined>({ length: capacity })
  }

  /** Adds to the end. Returns whether the oldest was dropped for it. */
  push(item: T): boolean {
    const { length } = this.items
    this.items[(this.head + this.size) % length] = item
    if (this.size < length) {
      this.size += 1
      return false
    }
    this.head = (this.head + 1) % length
    return true
  }

  /** Removes the oldest, at most `count`. */
  take(count: number): T[] {
    const taken: T[] = []
    while (taken.length < count && this.size > 0) {
      taken.push(this.items[this.head] as T)
      this.items[this.head] = undefined
      this.head = (this.head + 1) % this.items.length
      this.size -= 1
    }
    return taken
  }

  /** Puts back what was taken, in its order. Returns how many of the oldest had no room. */
  putBack(taken: readonly T[]): number {
    const { length } = this.items
    let i = taken.length
    while (i > 0 && this.size < length) {
      this.head = (this.head + length - 1) % length
      this.items[this.head] = taken[--i]
      this.size += 1
    }
    return i
  }
}
