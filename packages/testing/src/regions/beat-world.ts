import type { RegionBook, RegionRecord, RegionsModule, ShareTable } from './types.ts'
import { Random, SimTime } from './sim-clock.ts'

/** 2026-01-01T00:00:00Z, µs. */
const START = 1_767_225_600_000_000
/** µs of the way of a message. */
const WAY = 100_000

interface BeatProcess {
  readonly region: string
  readonly beats: InstanceType<RegionsModule['Beats']>
}

export interface BeatWorldOptions {
  /** How many processes each region has. */
  readonly processes: number
  /** By name of a region, the share table of its options. */
  readonly shares?: Readonly<Record<string, ShareTable>>
  /** Default: `whole`. */
  readonly whenSilent?: 'whole' | 'share'
}

/** Regions that send nothing but beats, each with its book. One process of a region gets a message. */
export class BeatWorld {
  readonly names = ['eu', 'us', 'ap']
  readonly books = new Map<string, RegionBook>()
  readonly processes: BeatProcess[] = []
  /** The regions that are cut off. */
  readonly cut = new Set<string>()
  /** The regions whose store is away. */
  readonly away = new Set<string>()
  /** What was sent: by whom, and when (ms since the start). */
  readonly sent: { readonly from: string; readonly at: number; readonly record: RegionRecord }[] = []
  readonly failures: unknown[] = []
  /** Each change of a region as one process sees it: `eu: us silent`. */
  readonly turns: string[] = []
  /** Called for each publication: whether the transport rejects it. */
  isFailing: (from: string) => boolean = () => false
  private readonly regions: RegionsModule
  private readonly options: BeatWorldOptions
  private readonly random = new Random(1)
  private readonly time = new SimTime(START)

  constructor(regions: RegionsModule, options: BeatWorldOptions) {
    this.regions = regions
    this.options = options
  }

  /** ms since the start. */
  get now(): number {
    return (this.time.now - START) / 1000
  }

  /** ms since the epoch. */
  get clock(): number {
    return this.time.now / 1000
  }

  /** Starts the processes of these regions. */
  async start(names: readonly string[] = this.names): Promise<void> {
    for (const region of names) for (let i = 0; i < this.options.processes; i++) await this.startProcess(region)
  }

  /** Ends all processes of a region. */
  stop(region: string): void {
    for (const { beats } of this.of(region)) beats.close()
    const left = this.processes.filter((process) => process.region !== region)
    this.processes.splice(0, Infinity, ...left)
  }

  /** Loses the data of a region. */
  flush(region: string): void {
    this.books.delete(region)
  }

  async pass(ms: number): Promise<void> {
    await this.time.runUntil(this.time.now + ms * 1000)
  }

  of(region: string): readonly BeatProcess[] {
    return this.processes.filter((process) => process.region === region)
  }

  /** By process of a region, the others that are silent. */
  silent(region: string): readonly (readonly string[])[] {
    return this.of(region).map(({ beats }) => [...beats.report()].filter(([, { isSilent }]) => isSilent).map(([name]) => name))
  }

  /** How many records of a kind a region has sent since then (ms since the start). */
  count(from: string, kind: RegionRecord['kind'], since = 0): number {
    return this.sent.filter((each) => each.from === from && each.record.kind === kind && each.at >= since).length
  }

  private async startProcess(self: string): Promise<void> {
    const transport = { publish: async () => undefined, subscribe: async () => async () => undefined }
    const { shares, whenSilent = 'whole' } = this.options
    const regions = this.regions.regions({ self, all: this.names, transport, silence: 10_000, keep: 20_000, whenSilent })
    const beats = new this.regions.Beats({
      regions: { ...regions, shares: shares?.[self] },
      storage: { heartbeat: async (request) => this.heartbeat(self, request) },
      clock: this.time.clock(() => 0),
      random: () => this.random.next(),
      publish: async (records) => this.publish(self, records),
      failed: (error) => this.failures.push(error),
      turned: (region, isSilent) => this.turns.push(`${self}: ${region} ${isSilent ? 'silent' : 'heard'}`),
    })
    this.processes.push({ region: self, beats })
    await beats.start()
  }

  private heartbeat(self: string, request: Parameters<RegionsModule['heartbeat']>[1]): ReturnType<RegionsModule['heartbeat']> {
    if (this.away.has(self)) throw new Error('the store is away')
    const result = this.regions.heartbeat(this.books.get(self), request, Math.floor(this.clock))
    if (result.result === 'done') this.books.set(self, result.book)
    return result
  }

  private publish(from: string, records: readonly RegionRecord[]): void {
    if (this.isFailing(from)) throw new Error('the transport is away')
    for (const record of records) this.sent.push({ from, at: this.now, record })
    const bodies = this.regions.encodeMessages({ from, at: Math.floor(this.clock), records })
    for (const to of this.names) {
      if (to === from || this.cut.has(from) || this.cut.has(to)) continue
      for (const body of bodies) this.time.after(WAY, () => this.arrive(to, body))
    }
  }

  private arrive(to: string, body: Uint8Array): void {
    const message = this.regions.decodeMessage(body)
    const processes = this.of(to)
    if (message !== undefined && processes.length > 0) this.random.pick(processes).beats.heard(message)
  }
}
