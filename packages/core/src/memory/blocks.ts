import { detach } from '../detach.ts'
import type { Chains } from './chains.ts'
import { EndOrder } from './end-order.ts'

/** As many blocks may be replaced or ended by hand before they are first removed from the order. */
const FIRST_PRUNE = 64

interface Block {
  readonly policy: Chains
  readonly subject: string
  readonly until: number
}

/** The subjects that are blocked, by policy: the limits of one policy share its chains. Bounded, without timers. */
export class Blocks {
  private readonly max: number
  private readonly byPolicy = new Map<Chains, Map<string, Block>>()
  /** May have blocks that were replaced or ended by hand, which are no longer in `byPolicy`. */
  private readonly order = new EndOrder<Block>()
  private count = 0

  constructor(max: number) {
    this.max = max
  }

  /** 0 while nobody is blocked, so that a decision looks no further. */
  get size(): number {
    return this.count
  }

  /** Until when a subject is blocked: µs since the epoch; 0 if it is not. */
  untilOf(policy: Chains, subject: string): number {
    return this.byPolicy.get(policy)?.get(subject)?.until ?? 0
  }

  set(policy: Chains, subject: string, until: number, now: number): void {
    this.delete(policy, subject)
    this.removeEnded(now)
    // Of a full store the one that ends first is missed for the shortest time.
    while (this.count >= this.max) this.removeFirst()
    const block = { policy, subject: detach(subject), until }
    let subjects = this.byPolicy.get(policy)
    if (subjects === undefined) this.byPolicy.set(policy, (subjects = new Map()))
    subjects.set(block.subject, block)
    this.order.add(block)
    this.count += 1
  }

  delete(policy: Chains, subject: string): void {
    const subjects = this.byPolicy.get(policy)
    if (subjects?.delete(subject) !== true) return
    this.count -= 1
    if (subjects.size === 0) this.byPolicy.delete(policy)
    this.prune()
  }

  /** Ends all blocks of a policy. */
  deletePolicy(policy: Chains): void {
    const subjects = this.byPolicy.get(policy)
    if (subjects === undefined) return
    this.byPolicy.delete(policy)
    this.count -= subjects.size
    this.prune()
  }

  /** A block that has ended would slow down every later decision. */
  removeEnded(now: number): void {
    const { order } = this
    while (order.first !== undefined && order.first.until <= now) this.removeFirst()
  }

  clear(): void {
    this.byPolicy.clear()
    this.count = 0
    this.prune()
  }

  private removeFirst(): void {
    const first = this.order.removeFirst()
    if (first !== undefined && this.isCurrent(first)) this.delete(first.policy, first.subject)
  }

  /** Rarely, since it costs the number of all blocks. */
  private prune(): void {
    if (this.count === 0 || this.order.size >= FIRST_PRUNE + 2 * this.count) this.order.keep((block) => this.isCurrent(block))
  }

  private isCurrent(block: Block): boolean {
    return this.byPolicy.get(block.policy)?.get(block.subject) === block
  }
}
