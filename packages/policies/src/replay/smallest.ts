import { type Limit, memoryStore, type Outcome } from '@sluice/core'
import { detach } from '@sluice/core/adapter-kit'

/** Makes the limit with another number. */
type WithNumber = (limit: number) => Limit

const FIRST = 1_024

/** The requests that one limit was asked for, in order: when, for whom, and for how many units. */
export class Trace {
  private readonly subjects = new Map<string, number>()
  private times = new Float64Array(FIRST)
  private owners = new Uint32Array(FIRST)
  private costs = new Float64Array(FIRST)
  private length = 0
  private units = 0

  add(at: number, subject: string, cost: number): void {
    if (this.length === this.times.length) this.grow()
    let owner = this.subjects.get(subject)
    if (owner === undefined) {
      owner = this.subjects.size
      this.subjects.set(detach(subject), owner)
    }
    this.units += cost
    this.times[this.length] = at
    this.owners[this.length] = owner
    this.costs[this.length++] = cost
  }

  get requests(): number {
    return this.length
  }

  /** The smallest number with which the limit refuses at most `percent` of the requests; `undefined` if no number does. */
  smallest(percent: number, withNumber: WithNumber): number | undefined {
    const order = this.bySubject()
    const allowed = Math.floor((this.length * percent) / 100)
    const isEnough = (number: number): boolean => this.refusesAtMost(allowed, withNumber(number), order)
    let above = 1
    while (!isEnough(above)) {
      // A limit of all units refuses no fewer.
      if (above >= this.units) return undefined
      above *= 2
    }
    let below = Math.floor(above / 2)
    while (above - below > 1) {
      const middle = Math.floor((below + above) / 2)
      if (isEnough(middle)) above = middle
      else below = middle
    }
    return above
  }

  /** Subjects do not share a state, so one after the other needs only one state at a time. */
  private refusesAtMost(allowed: number, limit: Limit, order: Uint32Array): boolean {
    let now = 0
    const store = memoryStore({ maxSubjects: 1, clock: { now: () => now } })
    const target = { limit, scope: 'trace', subject: 'subject' }
    let refused = 0
    let owner = -1
    for (const i of order) {
      if (this.owners[i] !== owner) {
        owner = this.owners[i] as number
        void store.reset?.([target])
      }
      now = this.times[i] as number
      // A store in memory answers at once.
      const [outcome] = store.consume([{ ...target, cost: this.costs[i] as number }]) as readonly (Outcome | undefined)[]
      if (outcome?.allowed === false && ++refused > allowed) return false
    }
    return true
  }

  /** The indexes of the requests, those of one subject together and in order: a counting sort. */
  private bySubject(): Uint32Array {
    const starts = new Uint32Array(this.subjects.size + 1)
    for (let i = 0; i < this.length; i++) starts[(this.owners[i] as number) + 1] = (starts[(this.owners[i] as number) + 1] as number) + 1
    for (let i = 1; i < starts.length; i++) starts[i] = (starts[i] as number) + (starts[i - 1] as number)
    const order = new Uint32Array(this.length)
    for (let i = 0; i < this.length; i++) {
      const owner = this.owners[i] as number
      const place = starts[owner] as number
      order[place] = i
      starts[owner] = place + 1
    }
    return order
  }

  private grow(): void {
    const { times, owners, costs, length } = this
    this.times = new Float64Array(2 * length)
    this.times.set(times)
    this.owners = new Uint32Array(2 * length)
    this.owners.set(owners)
    this.costs = new Float64Array(2 * length)
    this.costs.set(costs)
  }
}
