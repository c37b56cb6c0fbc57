import type { AnalyticsReader, UsageRow, Violator, ViolatorsQuery } from '@sluice/redis'

/** What `sluice top` is asked. */
export interface TopQuery extends Required<Pick<ViolatorsQuery, 'since' | 'mode' | 'limit'>> {
  readonly namespace: string | undefined
  readonly policy: string | undefined
}

/** The counts of a policy, or with the policy '' the requests of a namespace. */
export interface PolicyUsage {
  readonly namespace: string
  readonly policy: string
  readonly requests: number
  readonly refused: number
  readonly blocked: number
  readonly unavailable: number
  /** Of the last whole minute. */
  readonly perSecond: number
}

export interface Top {
  /** The start of the first hour: ms since the epoch. */
  readonly from: number
  /** ms since the epoch. */
  readonly to: number
  readonly usage: readonly PolicyUsage[]
  readonly violators: readonly Violator[]
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const BY = ['namespace', 'policy', 'verdict'] as const

export async function readTop(reader: AnalyticsReader, query: TopQuery, now: number): Promise<Top> {
  const { since, namespace, policy, mode, limit } = query
  const minute = Math.floor(now / MINUTE) * MINUTE
  const from = Math.floor((now - millisOf(since)) / HOUR) * HOUR
  const which = { namespace, policy, mode }
  const [violators, hours, last] = await Promise.all([
    reader.topViolators({ ...which, since, limit }),
    reader.usage({ ...which, from, to: now + 1, step: '1h', by: BY }),
    reader.usage({ ...which, from: minute - MINUTE, to: minute, step: '1m', by: BY }),
  ])
  return { from, to: now, usage: usageOf(hours, last), violators }
}

function usageOf(hours: readonly UsageRow[], last: readonly UsageRow[]): readonly PolicyUsage[] {
  const rows = new Map<string, UsageRow[]>()
  for (const row of hours) rows.set(idOf(row), [...(rows.get(idOf(row)) ?? []), row])
  return Array.from(rows, ([id, own]) => {
    const [{ namespace = '', policy = '' }] = own as [UsageRow]
    const of = (verdict?: string): number => sumOf(own.filter((row) => verdict === undefined || row.verdict === verdict))
    const perSecond = sumOf(last.filter((row) => idOf(row) === id)) / 60
    return {
      namespace,
      policy,
      requests: of(),
      refused: of('refused'),
      blocked: of('blocked'),
      unavailable: of('unavailable'),
      perSecond: Math.round(perSecond * 100) / 100,
    }
  }).toSorted((a, b) => compared(a.namespace, b.namespace) || compared(a.policy, b.policy))
}

function idOf({ namespace = '', policy = '' }: UsageRow): string {
  return `${namespace} ${policy}`
}

function sumOf(rows: readonly UsageRow[]): number {
  return rows.reduce((sum, { requests }) => sum + requests, 0)
}

function compared(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: MINUTE, h: HOUR, d: 24 * HOUR }

/** `since` was checked before. */
function millisOf(since: TopQuery['since']): number {
  const [, count, unit = ''] = /^(\d+)(\w+)$/.exec(String(since)) ?? []
  return Number(count) * (UNITS[unit] ?? 0)
}
