// One process of a simulated fleet: the layers as they are shipped, a clock that is wrong, and a network to the store.
import { type Clock, denyCache, leases, type LeaseOptions, type Outcome, type Store } from '@sluice/core'
import type { Events } from './events.ts'
import type { Random } from './random.ts'

/** µs. What the failover layer allows by default. */
const DEADLINE = 50_000
/** ms: the start of a second, a minute, an hour. */
export const START = 1_767_225_600_000

export interface Network {
  /** ms there, and as many back: so much at least, and so much more on average. */
  readonly least: number
  readonly mean: number
  /** The part of commands that is lost on the way there, and as many answers. */
  readonly loss: number
}

export interface Skew {
  /** ms by which the time of day is wrong, at most. */
  readonly offset: number
  /** The part by which both clocks are fast or slow, at most. */
  readonly drift: number
}

export interface Layers {
  readonly denyCache: boolean
  readonly leases: LeaseOptions | false
}

export class Instance {
  readonly store: Store
  /** Commands that reached the store. */
  reached = 0
  private readonly events: Events
  private readonly random: Random
  private readonly network: Network
  private isAlive = true
  private pausedUntil = 0
  private offset: number
  private readonly drift: number
  /** A connection keeps its order, both ways. */
  private arrived = 0
  private answered = 0

  constructor(shared: Store, events: Events, random: Random, network: Network, skew: Skew, layers: Layers) {
    this.events = events
    this.random = random
    this.network = network
    this.offset = skew.offset * (2 * random.next() - 1)
    this.drift = skew.drift * (2 * random.next() - 1)
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
    const passed = (): number => (this.events.now / 1_000) * (1 + this.drift)
    return {
      now: () => START + passed() + this.offset,
      monotonic: passed,
      after: (ms, run) => this.events.at(this.events.now + (ms * 1_000) / (1 + this.drift), () => this.here(run)),
    }
  }

  /** Gone at once, with what it holds; nothing of it runs any more. */
  kill(): void {
    this.isAlive = false
  }

  pause(micros: number): void {
    this.pausedUntil = Math.max(this.pausedUntil, this.events.now + Math.ceil(micros))
  }

  step(ms: number): void {
    this.offset += ms
  }

  /** What happens in this process, happens when it runs: after a pause all at once, in order. */
  here(run: () => void): void {
    if (!this.isAlive) return
    if (this.pausedUntil > this.events.now) this.events.at(this.pausedUntil, () => this.here(run))
    else run()
  }

  private send(decide: () => ReturnType<Store['consume']>): Promise<readonly (Outcome | undefined)[]> {
    const { events, random, network } = this
    const isLost = random.next() < network.loss
    const isUnanswered = random.next() < network.loss
    return new Promise((resolve, reject) => {
      const deadline = events.at(events.now + DEADLINE, () => this.here(() => this.settle(() => reject(new Error('no answer')))))
      if (isLost) return
      this.arrived = Math.max(this.arrived, events.now + this.delay())
      events.at(this.arrived, () => {
        this.reached += 1
        const outcomes = decide()
        if (isUnanswered) return
        this.answered = Math.max(this.answered, events.now + this.delay())
        events.at(this.answered, () =>
          this.here(() => {
            deadline()
            this.settle(() => resolve(outcomes))
          }),
        )
      })
    })
  }

  private settle(run: () => void): void {
    this.events.hasAnswered = true
    run()
  }

  private delay(): number {
    return (this.network.least + this.network.mean * this.random.exponential()) * 1_000
  }
}
