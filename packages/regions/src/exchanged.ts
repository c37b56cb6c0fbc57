import type { Limit } from '@sluice/core'
import { limiterIn } from '@sluice/core/store-kit'
import { isExchangeable } from './shape.ts'

/** Windows shorter than so many intervals are not exchanged. */
const SHORTEST = 5
/** The most scopes that are remembered. Policies that change while the process runs can make any number. */
const MAX_SCOPES = 10_000

/**
 * What regions do with a limit.
 * - `exchanged`: they tell each other what they counted.
 * - `own`: each has the limit for itself, or rights to it.
 * - `short`: as `own`, because its window is too short to be exchanged.
 * - `unsupported`: the policy is exchanged, and this limit cannot be.
 */
export type LimitExchange = 'exchanged' | 'own' | 'short' | 'unsupported'

interface Known {
  readonly limit: Limit
  readonly exchange: LimitExchange
}

/** Whether the limits of each scope are exchanged. Asked at each decision, so the last answer for a scope is kept. */
export class ExchangedLimits {
  private readonly modeOf: (policy: string) => string
  private readonly interval: number
  private readonly known = new Map<string, Known>()
  private lastScope = ''
  private lastLimit: Limit | undefined
  private lastExchange: LimitExchange = 'own'

  /** @param interval ms */
  constructor(modeOf: (policy: string) => string, interval: number) {
    this.modeOf = modeOf
    this.interval = interval
  }

  of({ scope, limit }: { readonly scope: string; readonly limit: Limit }): LimitExchange {
    // Mostly the limit of the last decision.
    if (scope === this.lastScope && limit === this.lastLimit) return this.lastExchange
    this.lastExchange = this.lookUp(scope, limit)
    this.lastScope = scope
    this.lastLimit = limit
    return this.lastExchange
  }

  private lookUp(scope: string, limit: Limit): LimitExchange {
    const known = this.known.get(scope)
    if (known?.limit === limit) return known.exchange
    const exchange = this.find(scope, limit)
    if (this.known.size >= MAX_SCOPES) this.known.clear()
    this.known.set(scope, { limit, exchange })
    return exchange
  }

  private find(scope: string, limit: Limit): LimitExchange {
    if (this.modeOf(limiterIn(scope)) !== 'eventual') return 'own'
    if (!isExchangeable(limit)) return 'unsupported'
    return isShort(limit, this.interval) ? 'short' : 'exchanged'
  }
}

/** A bucket has no window that could end before its units arrive. */
function isShort({ algorithm, window }: Limit, interval: number): boolean {
  const isWindow = algorithm === 'fixedWindow' || algorithm === 'slidingWindow'
  return isWindow && typeof window === 'number' && window < SHORTEST * interval
}
