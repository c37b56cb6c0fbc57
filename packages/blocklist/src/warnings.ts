import type { Clock } from '@sluice/core'
import { printWarning, withCode } from '@sluice/core/store-kit'
import type { BlockListObservers } from './options.ts'

/** An anomaly is reported at most once in this time. */
const EVERY = 60_000

/** Reports what is wrong, to the observers or else to the console. */
export class Warnings {
  private readonly on: BlockListObservers
  private readonly clock: Required<Clock>
  private readonly reported = new Map<string, number>()

  constructor(on: BlockListObservers, clock: Required<Clock>) {
    this.on = on
    this.clock = clock
  }

  away(storage: string, { message }: Error, entries: number): void {
    this.warn(
      'WARN_BLOCKS_AWAY',
      `the block list cannot reach ${storage}: ${message}; the ${entries} entries that are known stay until they end`,
    )
  }

  back(storage: string): void {
    this.warn('WARN_BLOCKS_BACK', `the block list follows ${storage} again`)
  }

  overBudget(subjects: number): void {
    this.anomaly(
      'ANOMALY_BLOCKS_OVER_BUDGET',
      `${subjects} subjects break the rule of the block list, and are not blocked: the budget of new blocks is spent; check whether a limit is wrong, else raise rule.maxPerMinute or rule.maxShare`,
    )
  }

  full(subjects: number): void {
    this.anomaly(
      'ANOMALY_BLOCKS_FULL',
      `${subjects} subjects break the rule of the block list, and are not blocked: the list is full; raise maxEntries, or block their networks by CIDR`,
    )
  }

  /** Calls an observer, whose error must not end what called it. */
  call<T>(name: string, observer: ((value: T) => void) | undefined, value: T): void {
    try {
      observer?.(value)
    } catch (error) {
      if (!this.isDue(name, Infinity)) return
      printWarning(withCode(`blockList: ${name} threw: ${String(error)}`, 'WARN_OBSERVER_FAILED'))
    }
  }

  private warn(code: string, message: string): void {
    const event = { code, message: withCode(message, code) }
    if (this.on.warning === undefined) printWarning(event.message)
    else this.call('on.warning', this.on.warning, event)
  }

  private anomaly(code: string, message: string): void {
    const { anomaly } = this.on
    if (!this.isDue(code, anomaly === undefined ? Infinity : EVERY)) return
    const event = { code, message: withCode(message, code) }
    if (anomaly === undefined) printWarning(event.message)
    else this.call('on.anomaly', anomaly, event)
  }

  private isDue(topic: string, every: number): boolean {
    const now = this.clock.monotonic()
    const last = this.reported.get(topic)
    if (last !== undefined && now - last < every) return false
    this.reported.set(topic, now)
    return true
  }
}
