import type { Decision } from '@sluice/core'
import { TABLE } from './instruments.ts'
import type { Count, SeriesTable } from './series.ts'

type Verdict = Decision['verdict']

/** The counters of one limit of one tier, in one mode. */
export class LimitSeries {
  private readonly table: SeriesTable
  private readonly names: readonly string[]
  private readonly exceeded: Count
  private readonly units: Count
  private readonly bySource = new Map<string, Partial<Record<Verdict, Count>>>()

  /** @param names namespace, policy, limit, tier, mode */
  constructor(table: SeriesTable, names: readonly string[]) {
    this.table = table
    this.names = names
    this.exceeded = table.count(TABLE.exceeded, names)
    this.units = table.count(TABLE.units, names)
  }

  decided(verdict: Verdict, source: string): void {
    if (verdict === 'refused') this.exceeded.add(1)
    this.decisions(verdict, source).add(1)
  }

  took(units: number): void {
    this.units.add(units)
  }

  /** Most limits are never `blocked` or `unavailable`, so each series is made when it is needed. */
  decisions(verdict: Verdict, source: string): Count {
    let known = this.bySource.get(source)
    if (known === undefined) this.bySource.set(source, (known = {}))
    return (known[verdict] ??= this.table.count(TABLE.decisions, [...this.names, verdict, source]))
  }
}
