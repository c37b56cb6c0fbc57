import { type Charge, type Limit, SluiceError } from '@sluice/core'
import { limiterIn } from '@sluice/core/store-kit'
import type { RegionEvents } from './region-store.ts'
import type { Regions } from './regions.ts'

/** Refuses limits that regions cannot exchange, and warns of windows that are too short. */
export class LimitCheck {
  private readonly regions: Regions
  private readonly events: RegionEvents
  private hasWarned = false

  constructor(regions: Regions, events: RegionEvents) {
    this.regions = regions
    this.events = events
  }

  /** @throws ERR_REGIONS_UNSUPPORTED */
  check(charges: readonly Charge[]): void {
    for (let i = 0; i < charges.length; i++) {
      const charge = charges[i] as Charge
      const exchange = this.regions.exchangeOf(charge)
      if (exchange === 'unsupported') throw unsupported(charge)
      if (exchange === 'short') this.warnOfWindow(charge)
    }
  }

  private warnOfWindow({ limit, scope }: Charge): void {
    if (this.hasWarned) return
    this.hasWarned = true
    const { interval } = this.regions
    this.events.warning(
      'WARN_REGIONS_WINDOW',
      `regions: limit "${limit.name}" of "${limiterIn(scope)}" is a limit of each region, because its window of ${String(limit.window)} ms is shorter than ` +
        `five intervals of ${interval} ms; use a longer window, a shorter interval, or mode 'local'`,
    )
  }
}

function unsupported({ limit, scope }: Charge): SluiceError {
  return new SluiceError(
    'ERR_REGIONS_UNSUPPORTED',
    `regions: expected a limit that regions can exchange, got "${limit.name}" (${limit.algorithm}) of "${limiterIn(scope)}", ${reasonOf(limit)}; ` +
      `use a fixed or sliding window or a bucket, or give the policy the mode 'local' or 'strict'`,
  )
}

function reasonOf({ algorithm, anchor, queue }: Limit): string {
  if (algorithm === 'slidingLog') return 'which is exact only in one place'
  if (algorithm === 'concurrency') return 'whose holders end without a count'
  if (queue === true) return 'whose delays need one place'
  return anchor === 'first' ? 'whose windows begin at another time in each region' : 'whose calendar each request chooses'
}
