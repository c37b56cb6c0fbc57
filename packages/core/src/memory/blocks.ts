import { detach } from '../detach.ts'
import type { Chains } from './chains.ts'

/** As many blocks may be ended before they are first looked for. */
const FIRST_PRUNE = 64

/** The subjects that are blocked, by policy: the limits of one policy share its chains. Bounded, without timers. */
export class Blocks {
  private readonly max: number
  private readonly byPolicy = new Map<Chains, Map<string, number>>()
  private count = 0
  private pruneAt = FIRST_PRUNE

  constructor(max: number) {
    this.max = max
  }

  /** 0 while nobody is blocked, so that a decision looks no further. */
  get size(): number {
    return this.count
  }

  /** Until when a subject is blocked: µs since the epoch; 0 if it is not. */
  untilOf(policy: Chains, subject: string): number {
    return this.byPolicy.get(policy)?.get(subject) ?? 0
  }

  set(policy: Chains, subject: string, until: number, now: number): void {
    if (this.untilOf(policy, subject) === 0) this.makeRoom(now)
    let subjects = this.byPolicy.get(policy)
    if (subjects === undefined) this.byPolicy.set(policy, (subjects = new Map()))
    const before = subjects.size
    subjects.set(detach(subject), until)
    this.count += subjects.size - before
  }

  delete(policy: Chains, subject: string): void {
    const subjects = this.byPolicy.get(policy)
    if (subjects?.delete(subject) !== true) return
    this.count -= 1
    if (subjects.size === 0) this.byPolicy.delete(policy)
  }

  clear(): void {
    this.byPolicy.clear()
    this.count = 0
    this.pruneAt = FIRST_PRUNE
  }

  private makeRoom(now: number): void {
    if (this.count < Math.min(this.pruneAt, this.max)) return
    for (const [policy, subject, until] of this.list()) if (until <= now) this.delete(policy, subject)
    this.pruneAt = Math.max(FIRST_PRUNE, 2 * this.count)
    if (this.count < this.max) return
    // The one that ends first: it is missed for the shortest time.
    const [policy, subject] = this.list().reduce((first, each) => (each[2] < first[2] ? each : first))
    this.delete(policy, subject)
  }

  private list(): (readonly [policy: Chains, subject: string, until: number])[] {
    return [...this.byPolicy].flatMap(([policy, subjects]) => Array.from(subjects, ([subject, until]) => [policy, subject, until] as const))
  }
}
