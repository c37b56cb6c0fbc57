import type { RegionsHealth, StoreHealth } from '@sluice/core'
import { type Instrument, TABLE } from './instruments.ts'

/** Stores that are remembered after their end, so that counters do not fall. A process has few. */
const MAX_STORES = 64

type Series = readonly (readonly [values: readonly string[], value: number | undefined])[]

/** What the stores of this process know of other regions. Limiters on one store show the same, so each store is read once. */
export class RegionSeries {
  private readonly stores = new Map<string, RegionsHealth>()

  /** @param health of all limiters that exist */
  gauges(instrument: Instrument, health: readonly StoreHealth[]): Series {
    const now = this.read(health)
    switch (instrument) {
      case TABLE.regionLag:
        return peersOf(now, ({ lag }) => (lag === undefined ? undefined : lag / 1000))
      case TABLE.regionSilent:
        return peersOf(now, ({ silent }) => (silent ? 1 : 0))
      case TABLE.regionUnapplied:
        return now.length === 0 ? [] : [[[], sum(now, ({ unpublished }) => unpublished)]]
      default:
        return []
    }
  }

  counts(instrument: Instrument, health: readonly StoreHealth[]): Series {
    this.read(health)
    const all = [...this.stores.values()]
    if (all.length === 0) return []
    switch (instrument) {
      case TABLE.regionOver:
        return [[[], sum(all, ({ over }) => over)]]
      case TABLE.regionLate:
        return [[[], sum(all, ({ late }) => late)]]
      case TABLE.regionForgiven:
        return [[[], sum(all, ({ forgiven }) => forgiven)]]
      case TABLE.regionTransfers:
        return all.some(({ transfers }) => transfers !== undefined) ? [[[], sum(all, ({ transfers = 0 }) => transfers)]] : []
      default:
        return []
    }
  }

  private read(health: readonly StoreHealth[]): readonly RegionsHealth[] {
    const now = new Map<string, RegionsHealth>()
    for (const { regions } of health) if (regions !== undefined) now.set(regions.id, regions)
    for (const [id, regions] of now) if (this.stores.has(id) || this.stores.size < MAX_STORES) this.stores.set(id, regions)
    return [...now.values()]
  }
}

function peersOf(all: readonly RegionsHealth[], valueOf: (peer: RegionsHealth['peers'][string]) => number | undefined): Series {
  return all.flatMap(({ peers }) => Object.entries(peers).map(([name, peer]) => [[name], valueOf(peer)] as const))
}

function sum(all: readonly RegionsHealth[], valueOf: (regions: RegionsHealth) => number): number {
  return all.reduce((total, regions) => total + valueOf(regions), 0)
}
