// Ten regions in one process, in simulated time: `Exchange` of @sluice/regions, with a transport, a clock and a store of the simulation.
import type { Charge } from '@sluice/core'
import { stateNameOf } from '@sluice/core/store-kit'
import * as module from '@sluice/regions/store-kit'
import { ModelStore } from '@sluice/testing/regions'
import { EventQueue } from '../simulation/event-queue.ts'
import { START } from '../simulation/instance.ts'
import { type Random, randomOf } from '../simulation/random.ts'
import { ErrorMeter, type Excess } from './error-meter.ts'
import type { RegionScenario, Request } from './scenario.ts'

const POLICY = 'api'
/** As many as `redisStore` has by default. */
const PARTITIONS = 16
/** µs after the end, for what is under way. */
const LAST = 5_000_000

/** What the exchange costs, from the second on that the scenario counts from. */
interface Cost {
  decisions: number
  /** Messages that were published, their records and bytes. */
  messages: number
  records: number
  bytes: number
  /** Calls of the store of a region. */
  collects: number
  applies: number
}

export interface RegionResult extends Readonly<Cost> {
  /** Seconds that are counted. */
  readonly seconds: number
  /** Subjects of which a record was published. */
  readonly active: number
  /** Of the subjects that were over their limit. */
  readonly excess: Excess
}

/** The store of a region, with partitions, that counts its calls. */
class CountedStore extends ModelStore {
  onCall: (call: 'collects' | 'applies') => void = () => undefined

  override partitionOf(subject?: string): number {
    return Number(subject) % PARTITIONS
  }

  override collect(...args: Parameters<ModelStore['collect']>): ReturnType<ModelStore['collect']> {
    this.onCall('collects')
    return super.collect(...args)
  }

  override apply(...args: Parameters<ModelStore['apply']>): ReturnType<ModelStore['apply']> {
    this.onCall('applies')
    return super.apply(...args)
  }
}

class RegionSimulation {
  private readonly scenario: RegionScenario
  private readonly queue = new EventQueue()
  private readonly random: Random
  private readonly names: readonly string[]
  private readonly stores: readonly CountedStore[]
  private readonly exchanges: module.Exchange[][] = []
  private readonly receivers: ((body: Uint8Array) => Promise<void>)[][] = []
  private readonly cost: Cost = { decisions: 0, messages: 0, records: 0, bytes: 0, collects: 0, applies: 0 }
  private readonly active = new Set<string>()
  private readonly meter: ErrorMeter
  private readonly scope: string
  private readonly text: string

  constructor(scenario: RegionScenario, seed: number, strictness: number) {
    const { limit, regions } = scenario
    this.scenario = scenario
    this.random = randomOf(seed)
    this.names = Array.from({ length: regions }, (_, i) => `region-${i}`)
    this.scope = `${POLICY}+${limit.name}.${limit.algorithm}`
    this.text = stateNameOf({ scope: this.scope, limit })
    this.stores = this.names.map((_, region) => this.newStore(region))
    this.meter = new ErrorMeter(limit.limit, scenario, (region, subject) => this.countOf(region, subject), strictness)
  }

  async run(): Promise<RegionResult> {
    const { seconds, countedFrom } = this.scenario
    for (const [region] of this.names.entries()) this.startRegion(region)
    await new Promise((resolve) => setImmediate(resolve))
    this.addRequests()
    while (this.queue.step(seconds * 1_000_000 + LAST, () => undefined)) {
      if (!this.queue.hasAnswered) continue
      this.queue.hasAnswered = false
      // What a timer or a message has begun ends before the time moves on.
      await new Promise((resolve) => setImmediate(resolve))
    }
    return { ...this.cost, seconds: seconds - countedFrom, active: this.active.size, excess: this.meter.excess() }
  }

  private newStore(region: number): CountedStore {
    const store = new CountedStore(module, { now: () => this.now() }, 60_000, true)
    store.onCall = (call) => {
      if (this.isCounted) this.cost[call] += 1
    }
    store.onCollect = ({ subject }) => {
      this.meter.published(Number(subject), region, this.queue.now)
      if (!this.isCounted) return
      this.cost.records += 1
      this.active.add(subject)
    }
    return store
  }

  private startRegion(region: number): void {
    const { interval, processes } = this.scenario
    const [self = '', storage] = [this.names[region], this.stores[region] as CountedStore]
    const transport: module.RegionTransport = {
      publish: async (messages) => {
        for (const { body } of messages) this.publish(region, body)
      },
      subscribe: async (_, apply) => {
        const all = (this.receivers[region] ??= [])
        all.push(apply)
        return async () => undefined
      },
    }
    const clock = {
      now: () => this.now(),
      monotonic: () => this.queue.now / 1_000,
      after: (ms: number, run: () => void) => this.after(ms, run),
    }
    const regions = module.regions({ self, all: this.names, transport, interval })
    this.exchanges[region] = Array.from(
      { length: processes },
      () => new module.Exchange({ regions, storage, clock, random: () => this.random.next() }),
    )
    for (const exchange of this.exchanges[region] ?? []) void exchange.start()
  }

  private addRequests(): void {
    const { demand, isEachAsked, seconds, subjects, regions, traffic } = this.scenario
    const end = seconds * 1_000_000
    const repeat = (mean: number, requests: () => readonly Request[]): void => {
      this.queue.at(this.queue.now + mean * this.random.exponential(), () => {
        if (this.queue.now > end) return
        for (const request of requests()) this.decide(request)
        repeat(mean, requests)
      })
    }
    if (demand > 0) repeat(1_000_000 / demand, () => traffic(this.random, this.queue.now / 1_000_000))
    let next = 0
    if (isEachAsked) repeat(end / subjects, () => [{ subject: next % subjects, region: next++ % regions }])
  }

  private decide({ subject, region }: Request): void {
    const { limit } = this.scenario
    const charge: Charge = { limit, scope: this.scope, subject: String(subject), cost: 1 }
    const [outcome] = (this.stores[region] as CountedStore).decide(POLICY, [charge])
    const granted = outcome?.granted ?? 0
    const processes = this.exchanges[region] ?? []
    processes[this.random.below(processes.length)]?.touched(charge, granted)
    if (this.isCounted) this.cost.decisions += 1
    if (granted > 0) this.meter.admitted(subject, region, this.queue.now)
  }

  private publish(from: number, body: Uint8Array): void {
    if (this.isCounted) {
      this.cost.messages += 1
      this.cost.bytes += body.length
    }
    const [least, most] = this.scenario.way
    for (const [to, all] of this.receivers.entries()) {
      if (to === from) continue
      const apply = all[this.random.below(all.length)]
      this.after(least + (most - least) * this.random.next(), () => void apply?.(body))
    }
  }

  private after(ms: number, run: () => void): () => void {
    return this.queue.at(this.queue.now + ms * 1_000, () => {
      this.queue.hasAnswered = true
      run()
    })
  }

  private countOf(region: number, subject: number): number {
    return this.stores[region]?.read(POLICY, String(subject), this.text)?.[1] ?? 0
  }

  private now(): number {
    return START + this.queue.now / 1_000
  }

  private get isCounted(): boolean {
    return this.queue.now >= this.scenario.countedFrom * 1_000_000 && this.queue.now < this.scenario.seconds * 1_000_000
  }
}

/** Runs a scenario. A seed repeats it. With a `strictness` below 1, the bound is too low. */
export function simulateRegions(scenario: RegionScenario, seed: number, strictness = 1): Promise<RegionResult> {
  return new RegionSimulation(scenario, seed, strictness).run()
}
