import type { Scopes } from '../scopes.ts'

/** How often one limit gave one verdict. */
export interface SampleRow {
  readonly namespace: string
  readonly policy: string
  readonly limit: string
  /** As decisions have it; `shadowed` for what a limit in shadow would have refused. */
  readonly verdict: 'allowed' | 'refused' | 'blocked' | 'unavailable' | 'shadowed'
  readonly perSecond: number
}

/** What one instance decided in one second. */
export interface Sample {
  /** ms since the epoch: the end of the second. */
  readonly at: number
  /** The rows with most decisions, and one for all others. */
  readonly decisions: readonly SampleRow[]
  readonly perSecond: number
  /** From 0 to 1: which part of the decisions did not admit. */
  readonly refusedShare: number
  /** Of the store's answers; `null` in a second without one. */
  readonly latencyMs: { readonly p50: number | null; readonly p99: number | null }
  readonly store: { readonly state: 'up' | 'degraded' | 'away' }
  /** How many instances share the limits, as far as it is known. */
  readonly instances: number
}

/** What is counted as more than the bound. */
export const OTHER = '__other__'

/** The part of a sample that the owner of a token may see. */
export function visible(sample: Sample, scopes: Scopes): Sample {
  if (scopes.allows('read', '*')) return sample
  const decisions = sample.decisions.filter(({ namespace }) => scopes.allows('read', namespace))
  return { ...sample, decisions, ...totals(decisions) }
}

/** The sums of rows. */
export function totals(rows: readonly SampleRow[]): Pick<Sample, 'perSecond' | 'refusedShare'> {
  let all = 0
  let refused = 0
  for (const { verdict, perSecond } of rows) {
    if (verdict === 'shadowed') continue
    all += perSecond
    if (verdict !== 'allowed') refused += perSecond
  }
  return { perSecond: all, refusedShare: all === 0 ? 0 : refused / all }
}
