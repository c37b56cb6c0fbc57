import type { Charge, Outcome, RegionHealth, RegionsHealth } from '@sluice/core'
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

/** Links a store to the other regions. */
export function linkTo(regions: Regions, store: RegionStore): RegionLink {
  return new Link(regions, store)
}

class Link implements RegionLink {
  private readonly regions: Regions
  private readonly store: RegionStore
  private readonly exchange: Exchange
  private readonly limits: LimitCheck
  private readonly beats: Beats
  private readonly resend: Resend
  private readonly resets: Resets
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
      version: () => this.beats.version(),
      anomaly: (code, detail) => store.events.anomaly(code, `regions: ${detail}`),
      failed,
      succeeded: () => (this.cause = undefined),
    })
    this.resets = new Resets({ regions, storage, exchange: this.exchange, clock })
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

  chargesOf(charges: readonly Charge[]): readonly Charge[] {
    const { beats, exchange } = this
    if (beats.refusal !== undefined) throw beats.refusal
    this.limits.check(charges)
    if (!beats.isShared) return charges
    return charges.map((charge) => (exchange.isExchanged(charge) ? { ...charge, limit: beats.limitOf(charge.limit) } : charge))
  }

  decided(charges: readonly Charge[], outcomes: readonly (Outcome | undefined)[] | undefined): void {
    for (let i = 0; i < charges.length; i++) {
      const charge = charges[i] as Charge
      if (this.exchange.touched(charge, outcomes?.[i]?.granted ?? 0)) this.resend.know(charge)
    }
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
    return { id: this.id, self: this.regions.self, peers, ...counts, ...(cause === undefined ? {} : { cause }) }
  }

  async close(): Promise<void> {
    this.ending.abort()
    this.beats.close()
    await this.exchange.close()
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
