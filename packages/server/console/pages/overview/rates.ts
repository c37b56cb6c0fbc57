import type { Rate, Sample, Verdict } from '../../lib/types.ts'

export const VERDICTS: readonly Verdict[] = ['allowed', 'refused', 'blocked', 'unavailable']

/** What one policy decides now, and how it went. */
export interface PolicyRates {
  readonly id: string
  readonly namespace: string
  readonly policy: string
  readonly limit: string
  /** `shadowed` is no decision of its own: the request was also allowed. */
  readonly now: Readonly<Record<Rate['verdict'], number>>
  readonly total: number
  readonly refusedShare: number
  /** Decisions per second, the last minute. */
  readonly recent: readonly number[]
}

/** Decisions per second by verdict, for each sample. */
export function byVerdict(samples: readonly Sample[]): Readonly<Record<Verdict, readonly number[]>> {
  const sums = Object.fromEntries(VERDICTS.map((verdict) => [verdict, samples.map(() => 0)])) as Record<Verdict, number[]>
  for (const [i, { decisions }] of samples.entries())
    for (const { verdict, perSecond } of decisions) if (verdict !== 'shadowed') sums[verdict][i]! += perSecond
  return sums
}

/** Samples that one row sums up: a single second says little of a policy with few requests. */
const NOW = 5
const RECENT = 60

/** A row for each policy and limit that decided in the last minute, the busiest first. */
export function byPolicy(samples: readonly Sample[]): readonly PolicyRates[] {
  const recent = samples.slice(-RECENT)
  const firstNow = recent.length - Math.min(NOW, recent.length)
  const rows = new Map<string, { first: Sample['decisions'][number]; now: Record<Rate['verdict'], number>; recent: number[] }>()
  for (const [i, { decisions }] of recent.entries())
    for (const rate of decisions) {
      const id = `${rate.namespace}/${rate.policy}.${rate.limit}`
      let row = rows.get(id)
      if (row === undefined) {
        row = { first: rate, now: { allowed: 0, refused: 0, blocked: 0, unavailable: 0, shadowed: 0 }, recent: recent.map(() => 0) }
        rows.set(id, row)
      }
      if (rate.verdict !== 'shadowed') row.recent[i]! += rate.perSecond
      if (i >= firstNow) row.now[rate.verdict] += rate.perSecond / (recent.length - firstNow)
    }
  return Array.from(rows, ([id, { first, now, recent }]) => {
    const total = VERDICTS.reduce((sum, verdict) => sum + now[verdict], 0)
    const { namespace, policy, limit } = first
    return { id, namespace, policy, limit, now, total, recent, refusedShare: total === 0 ? 0 : (now.refused + now.blocked) / total }
  }).toSorted((a, b) => b.total - a.total || (a.id < b.id ? -1 : 1))
}
