import type { Charge, Limit, Outcome } from '@sluice/core'
import { fixedWindow, slidingWindow, tokenBucket } from '@sluice/core'
import { stateNameOf } from '@sluice/core/store-kit'
import { BucketOracle } from './bucket-oracle.ts'
import { ModelStore } from './model-store.ts'
import { Network } from './network.ts'
import { Random, SimTime } from './sim-clock.ts'
import type { CountRecord, RegionsModule, RegionViolation, Terms } from './types.ts'
import { WindowOracle } from './window-oracle.ts'

export const POLICY = 'api'
export const SUBJECT = 'user:1'
/** 2026-01-01T00:00:00Z, µs. */
const START = 1_767_225_600_000_000
const NAMES = ['eu', 'us', 'ap']
const INTERVAL = 1_000
const KEEP = 15_000
export const SECOND = 1_000_000

/** A charge that was admitted and may be given back. */
export interface Taken {
  readonly region: number
  readonly charge: Charge
  readonly outcome: Outcome
  readonly generation: number
}

export interface Region {
  readonly index: number
  skew: number
  readonly store: ModelStore
  processes: { exchange: InstanceType<RegionsModule['Exchange']>; broken: 'lost' | 'fails' | undefined }[]
}

export interface HistoryOptions {
  /** Whether the state and the ledger of an apply are written in one step. Default: true. */
  readonly isAtomic?: boolean
  /** Takes a line for each event, to explain a violation. */
  readonly log?: (line: string) => void
}

/** Regions, their processes, the network between them, and what the oracles say of them. */
export class World {
  protected readonly random: Random
  protected readonly time = new SimTime(START)
  protected readonly network: Network
  protected readonly regions: RegionsModule
  protected readonly names: readonly string[]
  protected readonly all: Region[] = []
  protected limits: readonly Limit[]
  protected readonly windows = new Map<string, WindowOracle>()
  protected readonly buckets = new Map<string, BucketOracle>()
  protected readonly terms: Terms
  protected readonly isCalm: boolean
  protected readonly snapshots = new Map<string, ReadonlyMap<string, { readonly order: number }>>()
  protected readonly taken: Taken[] = []
  /** In calm histories: when each unit was admitted (µs). */
  protected readonly admissions: {
    readonly region: number
    readonly text: string
    readonly start: number
    readonly at: number
    units: number
  }[] = []
  protected readonly longestSkew: number
  protected largestLimit = 0
  protected order = 0
  protected applyBreaks = 0
  protected violation: RegionViolation | undefined
  protected readonly writeLog: (line: string) => void

  constructor(regions: RegionsModule, seed: number, { isAtomic = true, log = () => undefined }: HistoryOptions) {
    this.writeLog = log
    this.regions = regions
    this.random = new Random(seed)
    const { random } = this
    this.names = NAMES.slice(0, random.int(2, 3))
    this.isCalm = random.chance(0.25)
    this.longestSkew = random.chance(0.4) ? 0 : random.int(0, 2_000_000)
    this.network = new Network(this.time, random, this.names, {
      loss: this.isCalm ? 0 : random.pick([0, 0.1, 0.4]),
      twice: random.pick([0, 0.2]),
      longestWay: random.pick([10_000, 150_000, 3_000_000]),
    })
    this.limits = chooseLimits(random)
    this.largestLimit = Math.max(...this.limits.map(({ limit }) => limit))
    const minimum = random.pick([0, 0.1])
    this.terms = { interval: INTERVAL, urgent: 0.25, minimum, keep: KEEP, regions: this.names.length }
    for (const limit of this.limits) this.observe(limit)
    this.names.forEach((_, index) => this.all.push(this.newRegion(index, isAtomic)))
  }

  protected observe(limit: Limit): void {
    const text = textOf(limit)
    if (limit.algorithm === 'tokenBucket') this.buckets.set(text, new BucketOracle(limit, this.names.length, KEEP))
    else this.windows.set(text, new WindowOracle(limit, this.names.length))
  }

  protected newRegion(index: number, isAtomic: boolean): Region {
    const skew = this.random.int(-this.longestSkew, this.longestSkew)
    const clock = this.time.clock(() => region.skew)
    const store = new ModelStore(this.regions, clock, KEEP, isAtomic)
    const region: Region = { index, skew, store, processes: [] }
    store.onCollect = (record) => this.collected(region, record)
    store.onApply = (record, source, result) => {
      const sender = this.names.findIndex((name) => this.regions.regionId(name) === source.region)
      if (result !== 'early') this.applied(region, record, sender)
    }
    store.breakOf = () => {
      if (this.applyBreaks === 0) return 'none'
      this.applyBreaks -= 1
      return this.random.pick(['before', 'between', 'after'] as const)
    }
    region.processes = [this.newProcess(region), this.newProcess(region)]
    return region
  }

  protected newProcess(region: Region): Region['processes'][number] {
    const clock = this.time.clock(() => region.skew)
    const process: Region['processes'][number] = { exchange: undefined as never, broken: undefined }
    const transport = this.network.transport(region.index, () => {
      const { broken } = process
      if (broken === 'fails') process.broken = undefined
      return broken
    })
    const { interval, urgent, minimum, keep } = this.terms
    const options = { self: this.names[region.index] as string, all: this.names, transport, interval, urgent, minimum, keep }
    process.exchange = new this.regions.Exchange({
      regions: this.regions.regions(options),
      storage: region.store,
      clock,
      random: () => this.random.next(),
    })
    return process
  }

  protected async pass(micros: number): Promise<void> {
    await this.time.runUntil(this.time.now + micros)
  }

  /** U: what others admitted longer ago than 1.75 intervals and the way of a message must have been applied. */
  protected checkLag(region: Region, window: WindowOracle, text: string, start: number): void {
    const lag = 1.75 * INTERVAL * 1000 + this.network.faults.longestWay + 2 * this.longestSkew + 60_000
    const known = this.admissions.filter((each) => each.text === text && each.start === start)
    const old = known.reduce((sum, { at, units, region: from }) => sum + (from === region.index || at < this.time.now - lag ? units : 0), 0)
    const hidden = (this.names.length - 1) * this.terms.minimum * window.limit.limit
    const expected = window.expected(region.index, start)
    if (old - expected > hidden) this.report('U', region, `${text}: counts ${expected}, though ${old} were admitted long enough ago`)
  }

  protected generationOf(region: number, text: string): number {
    return (this.windows.get(text) ?? (this.buckets.get(text) as BucketOracle)).generation(region)
  }

  protected collected(region: Region, record: CountRecord): void {
    this.order += 1
    this.log(region, 'collected', () => record)
    const snapshots = new Map<string, { readonly order: number }>()
    for (const { text } of record.entries) {
      const bucket = this.buckets.get(text)?.snapshot(region.index, this.order, region.store.now)
      const snapshot = bucket ?? this.windows.get(text)?.snapshot(region.index, this.order)
      if (snapshot !== undefined) snapshots.set(text, snapshot)
    }
    this.snapshots.set(`${region.index}/${record.version}`, snapshots)
  }

  protected applied(region: Region, record: CountRecord, from: number): void {
    this.log(region, 'applied', () => [
      this.names[from],
      record.version,
      [...this.windows.keys(), ...this.buckets.keys()].map((text) => region.store.read(POLICY, SUBJECT, text)),
    ])
    const snapshots = this.snapshots.get(`${from}/${record.version}`)
    for (const [text, snapshot] of snapshots ?? []) {
      const { now } = region.store
      this.windows.get(text)?.heard(region.index, from, snapshot as never, Math.floor(now / 1000))
      this.buckets.get(text)?.heard(region.index, from, snapshot as never, now)
    }
    this.check(region)
  }

  protected check(region: Region): void {
    const { now } = region.store
    for (const [text, oracle] of this.windows) {
      const problem = oracle.problem(region.index, region.store.read(POLICY, SUBJECT, text), Math.floor(now / 1000))
      if (problem !== undefined) this.report('each unit once', region, `${text} ${problem}`)
    }
    for (const [text, oracle] of this.buckets) {
      const problem = oracle.problem(region.index, region.store.read(POLICY, SUBJECT, text), now)
      if (problem !== undefined) this.report('each unit once', region, `${text} ${problem}`)
    }
  }

  protected heal(): void {
    Object.assign(this.network.faults, { loss: 0, longestWay: Math.min(this.network.faults.longestWay, 500_000) })
    this.network.cut.clear()
    this.applyBreaks = 0
    for (const region of this.all) for (const process of region.processes) if (process.broken !== undefined) this.revive(region, process)
  }

  protected revive(region: Region, process: Region['processes'][number]): void {
    void process.exchange.close()
    const next = this.newProcess(region)
    region.processes[region.processes.indexOf(process)] = next
    void next.exchange.start()
  }

  protected checkDrift(text: string, oracle: WindowOracle): void {
    const length = oracle.limit.window as number
    if (length < 30_000) return
    const ms = Math.floor(this.time.now / 1000)
    const start = ms - (ms % length)
    const largest = Math.max(...this.all.map(({ index }) => oracle.admittedBy(index, start)))
    if (largest < this.terms.minimum * this.largestLimit) return
    for (const missing of oracle.unheard(start)) this.report('no drift', this.all[0] as Region, `${text}: ${missing}`)
  }

  protected log(region: Region, what: string, detail: () => unknown): void {
    this.writeLog(`${(this.time.now - START) / SECOND} ${this.names[region.index]} ${what} ${JSON.stringify(detail())}`)
  }

  protected report(rule: string, region: Region, detail: string): void {
    this.log(region, 'VIOLATION', () => detail)
    this.violation ??= { rule, at: (this.time.now - START) / 1000, region: this.names[region.index] as string, detail }
  }
}

function chooseLimits(random: Random): readonly Limit[] {
  const fixed = (): Limit => fixedWindow({ name: 'fixed', limit: random.int(4, 40), window: random.pick([10_000, 30_000]) }).limit
  const sliding = (): Limit => slidingWindow({ name: 'sliding', limit: random.int(4, 40), window: random.pick([10_000, 30_000]) }).limit
  const bucket = (): Limit =>
    tokenBucket({ name: 'bucket', limit: random.pick([7, 20, 60]), window: random.pick([7_000, 20_000]), burst: random.int(3, 20) }).limit
  return random.pick([() => [fixed()], () => [sliding()], () => [bucket()], () => [fixed(), sliding()], () => [sliding(), bucket()]])()
}

export function scopeOf({ name, algorithm }: Limit): string {
  return `${POLICY}+${name}.${algorithm}`
}

export function textOf(limit: Limit): string {
  return stateNameOf({ scope: scopeOf(limit), limit })
}
