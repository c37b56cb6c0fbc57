import type { Charge, ConsumeOptions, Outcome, RegionHealth, RegionsHealth } from '@sluice/core'
import { completeClock, follow, uniqueId } from '@sluice/core/store-kit'
import { Beats } from './beats.ts'
import { Exchange } from './exchange.ts'
import { LimitCheck } from './limit-check.ts'
import { encodeMessages, type RegionMessage } from './message.ts'
import type { RegionRecord } from './record.ts'
import type { RegionLink, RegionStore } from './region-store.ts'
import type { Regions } from './regions.ts'
import { Resend } from './resend.ts'
import { Resets } from './resets.ts'
import { Strict } from './strict.ts'

/** Links a store to the other regions. */
export function linkTo(regions: Regions, store: RegionStore): RegionLink {
  return new Link(regions, store)
}

type Target = Pick<Charge, 'limit' | 'scope' | 'subject'>

class Link implements RegionLink {
  private readonly regions: Regions
  private readonly store: RegionStore
  private readonly exchange: Exchange
  private readonly limits: LimitCheck
  private readonly beats: Beats
  private readonly resend: Resend
  private readonly resets: Resets
  /** Absent if no policy has mode `strict`. */
  private readonly strict: Strict | undefined
  readonly answerOf: RegionLink['answerOf']
  private readonly ending = new AbortController()
  private readonly id = uniqueId()
  private cause: string | undefined

  constructor(regions: Regions, store: RegionStore) {
    this.regions = regions
    this.store = store
    this.limits = new LimitCheck(regions, store.events)
    const { storage, clock } = store
    const failed = (error: unknown): void => this.failed(error)
    this.beats = new Beats({
      regions,
      storage,
      clock,
      failed,
      publish: (records) => this.publish(records),
      turned: (region, silent) => store.events.emit({ type: 'region', region, silent }),
    })
    this.exchange = new Exchange({
      regions,
      storage,
      clock,
      heard: (message) => this.heard(message),
      moved: async (record, from) => this.strict?.receive(record, from),
      known: (target) => this.resend.know(target),
      version: () => this.beats.version(),
      anomaly: (code, detail) => store.events.anomaly(code, `regions: ${detail}`),
      failed,
      succeeded: () => (this.cause = undefined),
    })
    this.resets = new Resets({ regions, storage, exchange: this.exchange, clock })
    const strict = regions.hasStrict ? this.newStrict() : undefined
    this.strict = strict
    this.answerOf =
      strict && ((charges, outcomes) => outcomes.map((outcome, i) => outcome && strict.decided(charges[i] as Charge, outcome)))
    this.resend = new Resend({ storage, exchange: this.exchange, clock: completeClock(clock), signal: this.ending.signal, failed })
  }

  start(): void {
    const { signal } = this.ending
    void follow({
      clock: this.store.clock,
      signal,
      attempt: async (loaded) => {
        await this.beats.start(() => this.exchange.start())
        loaded()
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
      },
      failed: (error) => this.failed(error),
    })
  }

  chargesOf(charges: readonly Charge[], options: Pick<ConsumeOptions, 'failMode'> = {}): readonly Charge[] {
    const { beats, exchange } = this
    if (beats.refusal !== undefined) throw beats.refusal
    this.limits.check(charges)
    const { isShared } = beats
    if (!isShared && this.strict === undefined) return charges
    return charges.map((charge) => {
      if (this.strict?.isStrict(charge) === true) return this.strict.chargeOf(charge, options.failMode)
      return isShared && exchange.isExchanged(charge) ? { ...charge, limit: beats.limitOf(charge.limit) } : charge
    })
  }

  decided(charges: readonly Charge[], outcomes: readonly (Outcome | undefined)[] | undefined): void {
    for (let i = 0; i < charges.length; i++) this.exchange.touched(charges[i] as Charge, outcomes?.[i]?.granted ?? 0)
  }

  keptTargets(targets: readonly Target[]): readonly Target[] {
    return targets.filter((target) => this.strict?.isKept(target))
  }

  async resetKept(targets: readonly Target[]): Promise<boolean> {
    return targets.length > 0 && (await this.strict?.reset(targets)) === true
  }

  reset(targets: readonly Pick<Charge, 'limit' | 'scope' | 'subject'>[]): Promise<void> {
    return this.resets.reset(targets)
  }

  report(): RegionsHealth {
    const { lag, heardAt, ...counts } = this.exchange.report()
    const peers: Record<string, RegionHealth> = {}
    for (const [region, known] of this.beats.report()) {
      // One process of this region gets a message, so the last one may have come to another.
      const isOwn = (heardAt.get(region) ?? 0) >= (known.heardAt ?? 1)
      const last = isOwn ? { heardAt: heardAt.get(region), lag: lag.get(region) } : { heardAt: known.heardAt, lag: known.lag }
      peers[region] = { ...last, silent: known.isSilent }
    }
    const { cause } = this
    return {
      id: this.id,
      self: this.regions.self,
      peers,
      ...counts,
      ...(this.strict === undefined ? {} : { transfers: this.strict.transfers }),
      ...(cause === undefined ? {} : { cause }),
    }
  }

  async close(): Promise<void> {
    this.ending.abort()
    this.beats.close()
    await this.exchange.close()
  }

  private newStrict(): Strict {
    const { regions, store, beats } = this
    const { storage, transfers, clock, events } = store
    return new Strict({
      regions,
      transfers,
      clock,
      events,
      partitionOf: (subject) => storage.partitionOf(subject),
      shares: () => beats.shares(),
      version: () => beats.version(),
      failed: (error) => this.failed(error),
    })
  }

  private heard(message: RegionMessage): void {
    if (this.beats.refusal !== undefined) throw this.beats.refusal
    this.beats.heard(message)
    // The transport need not wait for it: what is lost when this process ends comes with the next request of its subject.
    if (message.records.some(({ kind }) => kind === 'resend')) void this.resend.asked()
  }

  private async publish(records: readonly RegionRecord[]): Promise<void> {
    const message = { from: this.regions.self, at: Math.floor(this.store.clock.now()), records }
    await this.regions.transport.publish(encodeMessages(message, this.beats.version()).map((body) => ({ partition: 0, body })))
  }

  private failed(error: unknown): void {
    this.cause = error instanceof Error ? error.message : String(error)
  }
}
