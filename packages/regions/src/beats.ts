import { type Clock, type Limit, SluiceError } from '@sluice/core'
import { algorithmOf } from '@sluice/core/algorithms'
import { completeClock } from '@sluice/core/store-kit'
import { type HeardRegion, type Heartbeat, type HeartbeatResult, type RegionBook, silentRegions, writtenVersion } from './heartbeat.ts'
import { MESSAGE_VERSION, type RegionMessage } from './message.ts'
import type { Regions } from './regions.ts'
import type { BeatRecord, RegionRecord } from './record.ts'
import type { ShareReading } from './shares.ts'
import type { BeatStorage } from './storage.ts'

/** A beat comes several times within `silence`, and within `keep`, so that one lost message changes nothing. */
const BEATS = 4
/** A fifth, so that processes do not call at the same time. */
const JITTER = 0.2

export interface BeatParts {
  readonly regions: Regions
  readonly storage: BeatStorage
  readonly clock: Clock
  /** From 0 to 1. Default: `Math.random`. */
  readonly random?: () => number
  /** Sends records to the other regions. */
  publish(records: readonly RegionRecord[]): Promise<void>
  /** Takes the error of a call, which is repeated. */
  failed(error: unknown): void
  /** Called when a region begins to be silent, or is heard again. */
  turned?(region: string, isSilent: boolean): void
}

/** What is known of another region. */
export interface PeerReport {
  /** ms since the epoch, by the clock of this region. `undefined` if it was never heard. */
  readonly heardAt: number | undefined
  /** ms from the sending of its last message to its arrival. */
  readonly lag: number | undefined
  readonly isSilent: boolean
}

/** What one process does so that the regions know of each other: it calls the book of its region, and sends its beats when it is due. */
export class Beats {
  private readonly parts: BeatParts
  private readonly clock: Required<Clock>
  private readonly others: readonly string[]
  private readonly every: number
  private readonly heardSince = new Map<string, HeardRegion & { readonly monotonic: number }>()
  private book: RegionBook | undefined
  private silent: ReadonlySet<string> = new Set()
  private scaled = new WeakMap<Limit, Limit>()
  private isClosed = false
  private error: SluiceError | undefined
  private cancelTimer: () => void = () => undefined

  constructor(parts: BeatParts) {
    const { all, self, silence, keep } = parts.regions
    this.parts = parts
    this.clock = completeClock(parts.clock)
    this.others = all.filter((region) => region !== self)
    this.every = Math.min(silence, keep) / BEATS
  }

  /**
   * Calls for the first time, then again and again.
   * @param listen called when it is known that the data is that of this region, before the others are asked to send again
   * @throws ERR_REGIONS_CHANGED, and what the storage and `listen` throw
   */
  async start(listen: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    const { book, isDue } = await this.call()
    await listen()
    this.schedule()
    if (isDue) await this.send(book).catch((error: unknown) => this.parts.failed(error))
  }

  close(): void {
    this.isClosed = true
    this.cancelTimer()
  }

  /** A message of another region has arrived. */
  heard({ from, at, records }: RegionMessage): void {
    const beat = records.findLast((record): record is BeatRecord => record.kind === 'beat')
    const before = this.heardSince.get(from)
    const { self, shares: own } = this.parts.regions
    const shares = beat?.shares ?? before?.shares ?? []
    // The other may have heard of a promise before it promised the same table.
    const tables = own === undefined ? shares : [...shares, own]
    const known = beat?.heard[self] ?? []
    this.heardSince.set(from, {
      region: from,
      age: 0,
      lag: Math.max(0, Math.round(this.clock.now() - at)),
      reads: beat?.versions[1] ?? before?.reads ?? 0,
      shares,
      promised: beat === undefined ? (before?.promised ?? []) : tables.filter(({ version }) => known.includes(version)),
      monotonic: this.clock.monotonic(),
    })
  }

  /** ERR_REGIONS_CHANGED while the data of the store is that of other regions. */
  get refusal(): SluiceError | undefined {
    return this.error
  }

  /** By name, the other regions. */
  report(): ReadonlyMap<string, PeerReport> {
    return new Map(
      this.others.map((region) => {
        const peer = this.book?.peers.get(region)
        return [region, { heardAt: peer?.heardAt, lag: peer?.lag, isSilent: this.silent.has(region) }]
      }),
    )
  }

  /** The version in which messages are written: the lowest that a process of any region reads. */
  version(): number {
    return this.book === undefined ? 1 : writtenVersion(this.book, MESSAGE_VERSION)
  }

  /** What this process has read of the share tables; `undefined` before the first call. */
  shares(): ShareReading | undefined {
    return this.book === undefined ? undefined : { book: this.book.shares, readAt: this.book.calledAt }
  }

  /** Whether this region may use only a share of each limit, since others are silent. */
  get isShared(): boolean {
    return this.silent.size > 0 && this.parts.regions.whenSilent === 'share'
  }

  /** The limit, or the share of it that this region may use while others are silent: that of the regions which it hears. */
  limitOf(limit: Limit): Limit {
    if (!this.isShared) return limit
    let scaled = this.scaled.get(limit)
    if (scaled === undefined) {
      const all = this.others.length + 1
      this.scaled.set(limit, (scaled = algorithmOf(limit).scale(limit, (all - this.silent.size) / all)))
    }
    return scaled
  }

  private schedule(): void {
    if (this.isClosed) return
    const random = this.parts.random ?? Math.random
    this.cancelTimer = this.clock.after(this.every * (1 + JITTER * (2 * random() - 1)), () => {
      void this.beat()
        .catch((error: unknown) => this.parts.failed(error))
        .then(() => this.schedule())
    })
  }

  private async beat(): Promise<void> {
    const { book, isDue } = await this.call()
    if (isDue) await this.send(book)
  }

  /** @param isAsked whether this process has just asked the others to send again */
  private async call(isAsked = false): Promise<HeartbeatResult & { readonly result: 'done' }> {
    const heard = [...this.heardSince.values()]
    const result = await this.parts.storage.heartbeat(this.request(heard, isAsked))
    this.error = result.result === 'changed' ? regionsChanged(this.parts.regions, result) : undefined
    if (result.result === 'changed') throw this.error
    // What came in the meantime is for the next call.
    for (const each of heard) if (this.heardSince.get(each.region) === each) this.heardSince.delete(each.region)
    this.read(result.book)
    return result
  }

  private request(heard: readonly (HeardRegion & { readonly monotonic: number })[], isAsked: boolean): Heartbeat {
    const { self, all, shares, silence, keep } = this.parts.regions
    const now = this.clock.monotonic()
    const aged = heard.map(({ monotonic, ...each }) => ({ ...each, age: Math.max(0, Math.round(now - monotonic)) }))
    return { self, all, reads: MESSAGE_VERSION, shares, heard: aged, isAsked, every: this.every, silence, keep }
  }

  private read(book: RegionBook): void {
    this.book = book
    const silent = new Set(silentRegions(book, this.others, this.parts.regions.silence))
    const before = this.silent
    this.silent = silent
    this.scaled = new WeakMap()
    for (const region of this.others) if (silent.has(region) !== before.has(region)) this.parts.turned?.(region, silent.has(region))
  }

  /** Sends the beat of this region, and asks the others to send again if the data is new. */
  private async send(book: RegionBook): Promise<void> {
    const { promised, heard } = book.shares
    const beat: BeatRecord = {
      kind: 'beat',
      versions: [this.version(), Math.min(...book.readers.keys())],
      shares: promised,
      heard,
    }
    await this.parts.publish(book.isAsked ? [beat] : [beat, { kind: 'resend' }])
    if (!book.isAsked) await this.call(true)
  }
}

function regionsChanged({ self, all }: Regions, found: HeartbeatResult & { readonly result: 'changed' }): SluiceError {
  return new SluiceError(
    'ERR_REGIONS_CHANGED',
    `regions: expected ${describe(found)}, which wrote the data of this store, got ${describe({ self, all })}; ` +
      'give each region a store of its own, add new regions at the end of all, and do not change the order of all, or choose another prefix',
  )
}

function describe({ self, all }: { readonly self: string; readonly all: readonly string[] }): string {
  return `self "${self}" and all "${all.join(', ')}"`
}
