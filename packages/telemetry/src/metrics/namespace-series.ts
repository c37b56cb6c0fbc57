import type { ConfiguredLimit, Limit, Mode, Outcome } from '@sluice/core'
import { OTHER } from '@sluice/core/store-kit'
import { TABLE } from './instruments.ts'
import { LimitSeries } from './limit-series.ts'
import type { Distribution, SeriesTable } from './series.ts'

/** The series of one limiter, or of the policies of one namespace. */
export class NamespaceSeries {
  private readonly name: string
  private readonly table: SeriesTable
  private readonly limits = new Map<string, NamedLimit>()

  constructor(table: SeriesTable, name: string) {
    this.table = table
    this.name = name
  }

  /**
   * Makes the counters of limits that are configured from now on: `rate()` cannot see the first increment of a new series. Those of limits
   * that are gone stay, since requests that began before may still end.
   * @param source what decides now
   */
  configure(configured: readonly ConfiguredLimit[], source: string): void {
    for (const { policy, limit, tier, mode } of configured) {
      const known = this.limits.get(limit) ?? this.add(limit, policy)
      known.addTier(tier)
      if (mode === 'off') continue
      const series = known.of(tier, mode)
      series.decisions('allowed', source)
      series.decisions('refused', source)
    }
  }

  /** Of a limit by the name that decisions have. */
  limit(name: string): NamedLimit {
    return this.limits.get(name) ?? this.add(name, this.name)
  }

  /** Of requests that no limit binds: policy and limit are empty. Clients may choose tiers, so the tier is empty too. */
  get unlimited(): NamedLimit {
    const known = this.limits.get('')
    if (known !== undefined) return known
    const made = this.add('', '')
    made.addTier(undefined)
    return made
  }

  private add(name: string, policy: string): NamedLimit {
    const made = new NamedLimit(this.table, [this.name, policy, shortName(policy, name)])
    this.limits.set(name, made)
    return made
  }
}

/** The name that a limit has in its policy: of a document, decisions have `<policy>.<limit>`. */
function shortName(policy: string, limit: string): string {
  return limit.startsWith(`${policy}.`) ? limit.slice(policy.length + 1) : limit
}

/** What names a configured limit in labels: namespace, policy, limit, tier, mode. */
export function labelled(namespace: string, { policy, limit, tier = '', mode }: ConfiguredLimit): readonly string[] {
  return [namespace, policy, shortName(policy, limit), tier, mode]
}

/** The series of one limit, in all tiers and modes. */
export class NamedLimit {
  readonly names: readonly string[]
  private readonly table: SeriesTable
  private readonly tiers = new Set<string>()
  /** Whether the limit is beside tiers: it holds for requests of every tier. */
  private isBeside = false
  private readonly series: Partial<Record<Mode, Map<string, LimitSeries>>> = {}
  private shares: Distribution | undefined

  /** @param names namespace, policy, limit */
  constructor(table: SeriesTable, names: readonly string[]) {
    this.table = table
    this.names = names
  }

  addTier(tier: string | undefined): void {
    if (tier === undefined) this.isBeside = true
    else this.tiers.add(tier)
  }

  of(tier: string | undefined, mode: Mode): LimitSeries {
    const label = this.labelOf(tier)
    const ofMode = (this.series[mode] ??= new Map())
    let found = ofMode.get(label)
    if (found === undefined) ofMode.set(label, (found = new LimitSeries(this.table, [...this.names, label, mode])))
    return found
  }

  /** Records the share of the limit that is used. */
  used({ used, remaining }: Outcome, { limit, burst }: Limit): void {
    // Both are rounded, but their sum is the quota.
    const quota = remaining > 0 ? used + remaining : (burst ?? limit)
    if (quota > 0 && quota < Infinity) (this.shares ??= this.table.distribution(TABLE.utilisation, this.names)).record(used / quota)
  }

  /** A document takes the tier of a request from the application, so it may be any text. */
  private labelOf(tier: string | undefined): string {
    if (tier !== undefined && this.tiers.has(tier)) return tier
    return this.isBeside ? '' : OTHER
  }
}
