import type { Charge, Outcome, RegionHealth, RegionsHealth } from '@sluice/core'
import { follow } from '@sluice/core/store-kit'
import { Exchange } from './exchange.ts'
import type { RegionLink, RegionStore } from './region-store.ts'
import type { Regions } from './regions.ts'

/** Links a store to the other regions. */
export function linkTo(regions: Regions, store: RegionStore): RegionLink {
  return new Link(regions, store)
}

class Link implements RegionLink {
  private readonly regions: Regions
  private readonly store: RegionStore
  private readonly exchange: Exchange
  private readonly ending = new AbortController()
  private cause: string | undefined

  constructor(regions: Regions, store: RegionStore) {
    this.regions = regions
    this.store = store
    this.exchange = new Exchange({
      regions,
      storage: store.storage,
      clock: store.clock,
      anomaly: (code, detail) => store.events.anomaly(code, `regions: ${detail}`),
      failed: (error) => this.failed(error),
      succeeded: () => (this.cause = undefined),
    })
  }

  start(): void {
    const { signal } = this.ending
    void follow({
      clock: this.store.clock,
      signal,
      attempt: async (loaded) => {
        await this.exchange.start()
        loaded()
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
      },
      failed: (error) => this.failed(error),
    })
  }

  chargesOf(charges: readonly Charge[]): readonly Charge[] {
    return charges
  }

  decided(charges: readonly Charge[], outcomes: readonly (Outcome | undefined)[] | undefined): void {
    for (let i = 0; i < charges.length; i++) this.exchange.touched(charges[i] as Charge, outcomes?.[i]?.granted ?? 0)
  }

  report(): RegionsHealth {
    const { self, all } = this.regions
    const { lag, heardAt, ...counts } = this.exchange.report()
    const peers: Record<string, RegionHealth> = {}
    for (const region of all) if (region !== self) peers[region] = { heardAt: heardAt.get(region), lag: lag.get(region) }
    const { cause } = this
    return { self, peers, ...counts, ...(cause === undefined ? {} : { cause }) }
  }

  async close(): Promise<void> {
    this.ending.abort()
    await this.exchange.close()
  }

  private failed(error: unknown): void {
    this.cause = error instanceof Error ? error.message : String(error)
  }
}
