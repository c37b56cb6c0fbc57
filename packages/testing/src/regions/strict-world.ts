import { Network } from './network.ts'
import { Random, SimTime } from './sim-clock.ts'
import { StrictStore } from './strict-store.ts'
import type {
  NeedRecord,
  OfferRecord,
  RegionsModule,
  RegionViolation,
  RightsKey,
  Shape,
  ShareBook,
  ShareReading,
  ShareTable,
} from './types.ts'

/** 2026-01-01T00:00:00Z, µs. */
const START = 1_767_225_600_000_000
export const SECOND = 1_000_000
const NAMES = ['eu', 'us', 'ap']
/** ms */
const KEEP = 15_000

export interface Process {
  exchange: InstanceType<RegionsModule['RightsExchange']>
  reading: ShareReading
  isDead: boolean
  end: () => void
}

export interface Region {
  readonly index: number
  readonly name: string
  readonly store: StrictStore
  book: ShareBook
  skew: number
  processes: Process[]
  /** By start of the window (ms), units that it used, as far as its store has not forgotten them. */
  used: Map<number, number>
  /** Changes when the store forgets. */
  generation: number
  /** By generation, giver and window, units that it got. */
  readonly kept: Map<string, number>
}

interface Admission {
  readonly region: number
  readonly start: number
  /** µs */
  readonly at: number
  readonly generation: number
  units: number
}

/** Regions in mode `strict`, their processes, the network between them, and the checks after each step. */
export class StrictWorld {
  protected readonly regions: RegionsModule
  protected readonly random: Random
  protected readonly time = new SimTime(START)
  protected readonly network: Network
  protected readonly names: readonly string[]
  protected readonly all: Region[] = []
  protected readonly shape: Shape
  protected readonly units: number
  protected readonly admissions: Admission[] = []
  /** Units that stores have forgotten, by start of the window (ms): they may be used again. */
  protected readonly forgotten = new Map<number, number>()
  protected readonly longestSkew: number
  protected readonly table: ShareTable | undefined
  private readonly writeLog: (line: string) => void
  protected violation: RegionViolation | undefined

  constructor(regions: RegionsModule, seed: number, log: (line: string) => void) {
    this.regions = regions
    this.writeLog = log
    this.random = new Random(seed)
    const { random } = this
    this.names = NAMES.slice(0, random.int(2, 3))
    this.longestSkew = random.chance(0.5) ? 0 : random.int(0, 500_000)
    const faults = { loss: random.pick([0, 0.1, 0.4]), twice: random.pick([0, 0.3]), longestWay: random.pick([10_000, 400_000, 4_000_000]) }
    this.network = new Network(this.time, random, this.names, faults)
    const kind = random.pick(['fixed', 'sliding'] as const)
    this.units = random.int(4, 30)
    const P = random.pick([5_000, 10_000])
    this.shape = { text: `only.${kind}Window.${P}`, kind, N: this.units, P, burst: 0 }
    this.table = random.chance(0.6) ? this.newTable() : undefined
    const floor = random.pick([0, 0, 0.3])
    this.names.forEach((name, index) => this.all.push(this.newRegion(name, index, floor)))
  }

  protected newTable(): ShareTable {
    const part = this.random.next()
    const from = START / 1000 + this.random.int(KEEP, 45_000)
    const of = Object.fromEntries(this.names.map((name, i) => [name, i === 0 ? part : (1 - part) / (this.names.length - 1)]))
    return { version: 1, from, of }
  }

  private othersOf({ name }: Region): readonly string[] {
    return this.names.filter((other) => other !== name)
  }

  protected newRegion(name: string, index: number, floor: number): Region {
    const clock = this.time.clock(() => region.skew)
    const store = new StrictStore(this.regions, clock, name, floor, this.shape)
    const skew = this.random.int(-this.longestSkew, this.longestSkew)
    const region: Region = {
      index,
      name,
      store,
      book: this.regions.NO_SHARES,
      skew,
      processes: [],
      used: new Map(),
      generation: 0,
      kept: new Map(),
    }
    store.rights = () => this.rightsOf(region, this.random.pick(region.processes))
    store.onDonate = (need, asker, before) => this.donated(region, need, asker, before?.window === need.window ? before.donated[asker] : 0)
    region.processes = [this.newProcess(region), this.newProcess(region)]
    return region
  }

  protected newProcess(region: Region): Process {
    const clock = this.time.clock(() => region.skew)
    const process: Process = {
      exchange: undefined as never,
      reading: { book: region.book, readAt: this.msOf(region) },
      isDead: false,
      end: () => undefined,
    }
    const transport = this.network.transport(region.index, () => (process.isDead ? 'lost' : undefined))
    const regions = this.regions.regions({ self: region.name, all: this.names, transport })
    const storage = {
      partitionOf: () => 0,
      need: (key: RightsKey, rights: number, cost: number) => region.store.need(key, rights, cost, this.othersOf(region)),
      donate: (need: NeedRecord, asker: string) => region.store.donate(this.shape, need, asker),
      accept: (offer: OfferRecord, from: string) => region.store.accept(this.shape, offer, from),
    }
    process.exchange = new this.regions.RightsExchange(regions, storage, clock)
    return process
  }

  /** Returns a function that ends the subscription. */
  protected subscribe(region: Region, exchange: Process['exchange']): Promise<() => Promise<void>> {
    return this.network
      .transport(region.index, () => undefined)
      .subscribe(region.name, async (body) => {
        const message = this.regions.decodeMessage(body)
        for (const record of message?.records ?? []) {
          if (record.kind === 'beat') region.book = this.regions.hearPromises(region.book, message?.from ?? '', record.shares)
          if (record.kind === 'need' || record.kind === 'offer') await exchange.receive(record, message?.from ?? '')
        }
        this.check(region)
      })
  }

  protected msOf(region: Region): number {
    return Math.floor((this.time.now + region.skew) / 1000)
  }

  protected rightsOf(region: Region, process: Process): number | undefined {
    const start = region.store.shapeAt(this.shape).start as number
    const { kind, P } = this.shape
    const divided = { units: this.units, kind: kind as 'fixed' | 'sliding', length: P }
    const place = { self: region.name, all: this.names, keep: KEEP }
    const rights = this.regions.rightsIn(divided, process.reading, place, start)
    if (rights !== undefined) return rights
    process.reading = { book: region.book, readAt: this.msOf(region) }
    return this.regions.rightsIn(divided, process.reading, place, start)
  }

  protected beat(): void {
    for (const region of this.all) {
      const records = [{ kind: 'beat' as const, versions: [1, 1] as const, shares: region.book.promised, heard: region.book.heard }]
      const [body] = this.regions.encodeMessages({ from: region.name, at: this.msOf(region), records })
      void this.network.transport(region.index, () => undefined).publish([{ partition: 0, body: body as Uint8Array }])
    }
    this.time.after(SECOND, () => this.beat())
  }

  protected promise(region: Region): void {
    if (this.table === undefined) return
    region.book = this.regions.promiseShares(region.book, this.table, this.msOf(region), KEEP)
    this.log(region, 'promises', () => [this.table, region.book])
  }

  /** Rights are conserved: what a region counts is what it used, and gave, less what it was credited. */
  protected check(region: Region): void {
    const { store } = region
    const shape = store.shapeAt(this.shape)
    const { state, transfers } = store.entry
    const start = shape.start as number
    const [until, count] = store.current(shape)
    const isCurrent = transfers?.window === until
    const donated = isCurrent ? Object.values(transfers.donated).reduce((sum, units) => sum + units, 0) : 0
    const credited = isCurrent ? Object.values(transfers.got).reduce((sum, units) => sum + units, 0) : 0
    const used = region.used.get(start) ?? 0
    if (count !== used + donated - credited) {
      this.report('the sum of rights', region, `counts ${count}, but used ${used}, gave ${donated} and was credited ${credited}`)
    }
    if (state !== undefined && state[2] < 0) this.report('no state below 0', region, `${state[2]} units of the window before`)
    for (const [from, units] of Object.entries(isCurrent ? transfers.got : {})) this.checkGot(region, from, units, until)
  }

  /** What came stays: an older offer takes nothing away. */
  protected checkKept(region: Region, from: string, units: number, window: number): void {
    const name = `${region.generation} ${from} ${window}`
    const before = region.kept.get(name) ?? 0
    if (units < before) this.report('what came stays', region, `got ${before} from ${from}, and now ${units}`)
    region.kept.set(name, units)
  }

  /** Nobody gets more than was given, unless the giver has lost its data. */
  protected checkGot(region: Region, from: string, units: number, window: number): void {
    this.checkKept(region, from, units, window)
    const giver = this.all.find(({ name }) => name === from) as Region
    const { transfers } = giver.store.entry
    if (giver.generation > 0 || transfers?.window !== window) return
    const given = transfers.donated[region.name] ?? 0
    if (units > given) this.report('the sum of rights', region, `got ${units} from ${from}, which gave ${given}`)
  }

  protected donated(region: Region, need: NeedRecord, asker: string, before: number | undefined): void {
    const got = need.got[region.name] ?? 0
    const donated = region.store.entry.transfers?.donated[asker] ?? 0
    this.log(region, 'gave', () => [asker, need.want, got, before, donated])
    if (donated < got) this.report('the sum of rights', region, `${asker} got ${got}, but it counts ${donated} as given`)
    const open = donated - got
    if (open > Math.max(need.want, (before ?? 0) - got))
      this.report('no more than wanted', region, `${open} are on their way, ${need.want} were wanted`)
    this.check(region)
  }

  protected log(region: Region, what: string, detail: () => unknown): void {
    this.writeLog(`${(this.time.now - START) / SECOND} ${region.name} ${what} ${JSON.stringify(detail())}`)
  }

  protected report(rule: string, region: Region, detail: string): void {
    this.log(region, 'VIOLATION', () => detail)
    this.violation ??= { rule, at: (this.time.now - START) / 1000, region: region.name, detail }
  }
}
