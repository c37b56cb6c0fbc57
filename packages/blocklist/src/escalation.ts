// When strikes become a block: the twin of lua/blockReport.lua, for the storage in memory.
import { type BlockRecord, endpointsIn, type EscalationRule, highestLevel, type StrikeReport } from '@sluice/core/store-kit'

/** Names of limits that an entry keeps. */
const MAX_LIMITS = 8

/** What all processes counted of one subject in the present window. */
export interface Counting {
  readonly since: number
  readonly strikes: number
  readonly refused: number
  readonly requests: number
  /** 64 hexadecimal digits. */
  readonly endpoints: string
  readonly limits: readonly string[]
}

/** The last block of a subject by a rule. */
export interface LastBlock {
  readonly level: number
  readonly until: number
}

/** The counts with those of a report. A window that has ended begins anew. */
export function counted(before: Counting | undefined, report: StrikeReport, window: number, now: number): Counting {
  const { strikes, refused, requests, endpoints, limits } = report
  // A clock that was set back must not keep the window for ever.
  const isCurrent = before !== undefined && now - before.since <= window && now >= before.since
  if (!isCurrent) return { since: now, strikes, refused, requests, endpoints, limits: limits.slice(0, MAX_LIMITS) }
  return {
    since: before.since,
    strikes: before.strikes + strikes,
    refused: before.refused + refused,
    requests: before.requests + requests,
    endpoints: union(before.endpoints, endpoints),
    limits: [...new Set([...before.limits, ...limits])].slice(0, MAX_LIMITS),
  }
}

/** Whether the counts break the rule. */
export function breaks(counting: Counting, rule: EscalationRule): boolean {
  const { strikes, refused, requests, endpoints } = counting
  return strikes >= rule.strikes && endpointsIn(endpoints) >= rule.endpoints && refused >= rule.refusedShare * requests
}

/** The level of the next block: one above the last, which falls by one with each quiet time since it ended. */
export function nextLevel(last: LastBlock | undefined, rule: EscalationRule, now: number): number {
  return Math.min(highestLevel(rule), levelNow(last, rule.quiet, now) + 1)
}

/** What is left of the level of the last block. */
function levelNow(last: LastBlock | undefined, quiet: number, now: number): number {
  return last === undefined ? 0 : Math.max(0, last.level - Math.max(0, Math.floor((now - last.until) / quiet)))
}

function lengthOf(level: number, { first, longest }: EscalationRule): number {
  return Math.min(first * 2 ** (level - 1), longest)
}

/** How many blocks all processes may add in one minute. One is always possible, or a bot of a small site would never be blocked. */
export function budgetOf({ maxPerMinute, maxShare }: EscalationRule, active: number): number {
  return Math.min(maxPerMinute, Math.max(1, Math.floor(maxShare * active)))
}

export function recordOf(report: StrikeReport, counting: Counting, rule: EscalationRule, level: number, now: number): BlockRecord {
  const { since, strikes, refused, requests, endpoints, limits } = counting
  return {
    kind: report.kind,
    name: report.name,
    effect: rule.effect,
    rule: rule.name,
    since: now,
    until: now + lengthOf(level, rule),
    level,
    evidence: { since, strikes, refused, requests, endpoints: endpointsIn(endpoints), limits },
    reason: '',
  }
}

function union(a: string, b: string): string {
  let text = ''
  for (let i = 0; i < 64; i++) text += (Number.parseInt(a[i] ?? '0', 16) | Number.parseInt(b[i] ?? '0', 16)).toString(16)
  return text
}
