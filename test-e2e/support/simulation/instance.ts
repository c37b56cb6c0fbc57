// One simulated process: the real layers, a clock with errors, and a network to the store.
import { type Clock, denyCache, leases, type LeaseOptions, type Outcome, type Store } from '@sluice/core'
import type { EventQueue } from './event-queue.ts'
import type { Random } from './random.ts'

/** µs. The default deadline of the failover layer. */
const DEADLINE = 50_000
/** ms: the start of a second, a minute, an hour. */
export const START = 1_767_225_600_000

export interface Network {
  /** Minimum ms in each direction. */
  readonly least: number
  /** Mean of the additional ms in each direction. */
  readonly mean: number
  /** Share of the commands that are lost, and of the replies. */
  readonly loss: number
}

export interface ClockError {
  /** Maximum error of the time of day, in ms. */
  readonly offset: number
  /** Maximum share by which both clocks run fast or slow. */
  readonly drift: number
}

export interface Layers {
  readonly denyCache: boolean
  readonly leases: LeaseOptions | false
}

export class Instance {
  readonly store: Store
  /** Number of commands that reached the store. */
  reached = 0
  private readonly queue: EventQueue
  private readonly random: Random
  private readonly network: Network
  private isAlive = true
  private pausedUntil = 0
  private offset: number
  private readonly drift: number
  /** µs of the last arrival in each direction, since a connection keeps its order. */
  private arrived = 0
  private answered = 0

  constructor(shared: Store, queue: EventQueue, random: Random, network: Network, clockError: ClockError, layers: Layers) {
    this.queue = queue
    this.random = random
    this.network = network
    this.offset = clockError.offset * (2 * random.next() - 1)
    this.drift = clockError.drift * (2 * random.next() - 1)
    const { clock } = this
    let store: Store = {
      name: shared.name,
      consume: (charges, options) => this.send(() => shared.consume(charges, options)),
      reset: (targets) => shared.reset(targets),
    }
    if (layers.leases !== false) store = leases(store, { clock, ...layers.leases })
    if (layers.denyCache) store = denyCache(store, { clock })
    this.store = store
  }

  get clock(): Clock {
    const passed = (): number => (this.queue.now / 1_000) * (1 + this.drift)
    return {
      now: () => START + passed() + this.offset,
      monotonic: passed,
      after: (ms, run) => this.queue.at(this.queue.now + (ms * 1_000) / (1 + this.drift), () => this.here(run)),
    }
  }

  /** Ends at once, as by SIGKILL: nothing runs here any more. */
  kill(): void {
    this.isAlive = false
  }

  /** Stops for a while, as a garbage collection or SIGSTOP does. */
  pause(micros: number): void {
    this.pausedUntil = Math.max(this.pausedUntil, this.queue.now + Math.ceil(micros))
  }

  /** Steps the time of day. */
  step(ms: number): void {
    this.offset += ms
  }

  /** Runs something in this process: after the pause, if it is paused. */
  here(run: () => void): void {
    if (!this.isAlive) return
    if (this.pausedUntil > this.queue.now) this.queue.at(this.pausedUntil, () => this.here(run))
    else run()
  }

  private send(decide: () => ReturnType<Store['consume']>): Promise<readonly (Outcome | undefined)[]> {
    const { queue, random, network } = this
    const isLost = random.next() < network.loss
    const isUnanswered = random.next() < network.loss
    return new Promise((resolve, reject) => {
      const deadline = queue.at(queue.now + DEADLINE, () => this.here(() => this.settle(() => reject(new Error('no answer')))))
      if (isLost) return
      this.arrived = Math.max(this.arrived, queue.now + this.delay())
      queue.at(this.arrived, () => {
        this.reached += 1
        const outcomes = decide()
        if (isUnanswered) return
        this.answered = Math.max(this.answered, queue.now + this.delay())
        queue.at(this.answered, () =>
          this.here(() => {
            deadline()
            this.settle(() => resolve(outcomes))
          }),
        )
      })
    })
  }

  private settle(run: () => void): void {
    this.queue.hasAnswered = true
    run()
  }

  private delay(): number {
    return (this.network.least + this.network.mean * this.random.exponential()) * 1_000
  }
}
