import type { Decision } from '@sluice/core'
import { detach, eachUsage, OTHER } from '@sluice/core/store-kit'
import { type AnalyticsKeys, hourOf, minuteOf, usageField, type UsagePart } from './keys.ts'
import { boundedText, chunksOf, COUNT_USAGE_SCRIPT, type CountMessage } from './message.ts'

/**
 * Rows of a process and a minute. What is above is counted with the tenant, the endpoint and the tier `__other__`, in as many rows again:
 * limiters that are made without end must not take memory without end.
 */
const MAX_ROWS = 2_000
/** Rows of a minute, and of an hour, of a namespace in Redis. */
const MAX_STORED = 2_000
/** Minutes that wait while Redis is away. */
const MAX_MINUTES = 15
/** ms that a minute lives in Redis. Its hour lives as long as the boards. */
export const MINUTES_LIVE: number = 3 * 3_600_000

interface Row {
  readonly parts: Readonly<Record<UsagePart, string>>
  requests: number
  units: number
}

/** What clients, or the data of an application, may choose without end. */
type Place = Record<'tenant' | 'endpoint' | 'tier', string>

const FOLDED: Readonly<Place> = { tenant: OTHER, endpoint: OTHER, tier: OTHER }

/** A level of rows that differ in one part, of which the first is the namespace. Nested, since joining the parts into one text would take longer than all else. */
type Level = Map<string, Level | Row>

interface Minute {
  readonly rows: Level
  count: number
}

/** Counts what this process decides, by minute, with the keys of the rollups of events. */
export class UsageCounts {
  private readonly region: string
  private readonly minutes = new Map<number, Minute>()
  private now = 0
  private missed = 0
  private folded = 0
  // What `count` reads of the decision: a function made for each would be garbage.
  private decision: Decision | undefined
  private readonly place: Place = { tenant: '', endpoint: '', tier: '' }
  private readonly count = (policy: string, verdict: string, units: number): void => this.addRow(policy, verdict, units)

  constructor(region: string) {
    this.region = region
  }

  /** @param now ms since the epoch */
  add(decision: Decision, tenant: string, endpoint: string, now: number): void {
    this.now = now
    this.decision = decision
    this.place.tenant = tenant
    this.place.endpoint = endpoint
    this.place.tier = decision.tier ?? ''
    eachUsage(decision, this.count)
  }

  /** How many requests were not counted since the last call: Redis was away too long, or there were too many rows. */
  takeMissed(): number {
    const { missed } = this
    this.missed = 0
    return missed
  }

  /** How many requests were counted with the tenant, the endpoint and the tier `__other__` in all. */
  get foldedRequests(): number {
    return this.folded
  }

  /** What was counted since the last call, in messages. @param keep ms that an hour lives */
  take(keys: AnalyticsKeys, keep: number): readonly CountMessage[] {
    const messages = [...this.minutes].flatMap(([minute, { rows }]) => messagesOf(rows, minute, keys, keep))
    this.minutes.clear()
    return messages
  }

  private addRow(policy: string, verdict: string, units: number): void {
    const decision = this.decision as Decision
    const start = minuteOf(this.now)
    const minute = this.minutes.get(start) ?? this.begin(start)
    const row = rowIn(minute.rows, decision, policy, verdict, this.place) ?? this.newRow(minute, decision, policy, verdict)
    if (row === undefined) {
      if (policy === '') this.missed += 1
      return
    }
    row.requests += 1
    row.units += units
  }

  private newRow(minute: Minute, decision: Decision, policy: string, verdict: string): Row | undefined {
    const isFull = minute.count >= MAX_ROWS
    if (isFull) {
      const known = rowIn(minute.rows, decision, policy, verdict, FOLDED)
      if (known === undefined && minute.count >= 2 * MAX_ROWS) return undefined
      if (policy === '') this.folded += 1
      if (known !== undefined) return known
    }
    minute.count += 1
    const { tenant, endpoint, tier } = isFull ? FOLDED : detached(this.place)
    const { policy: namespace, mode } = decision
    const parts = {
      tenant: boundedText(tenant),
      policy,
      endpoint: boundedText(endpoint),
      region: this.region,
      tier: boundedText(tier),
      mode,
      verdict,
    }
    const row = { parts, requests: 0, units: 0 }
    let level = minute.rows
    for (const part of [namespace, policy, verdict, mode, tier, endpoint]) {
      const next = (level.get(part) as Level | undefined) ?? new Map<string, Level | Row>()
      level.set(part, next)
      level = next
    }
    level.set(tenant, row)
    return row
  }

  private begin(start: number): Minute {
    const minute = { rows: new Map<string, Level | Row>(), count: 0 }
    this.minutes.set(start, minute)
    if (this.minutes.size > MAX_MINUTES) {
      const oldest = Math.min(...this.minutes.keys())
      for (const { parts, requests } of rowsOf(this.minutes.get(oldest)?.rows ?? new Map()))
        if (parts.policy === '') this.missed += requests
      this.minutes.delete(oldest)
    }
    return minute
  }
}

/** A part of a header would keep the whole header. */
function detached({ tenant, endpoint, tier }: Place): Place {
  return { tenant: detach(tenant), endpoint: detach(endpoint), tier: detach(tier) }
}

/** The order of the parts is that of `newRow`. */
function rowIn(rows: Level, decision: Decision, policy: string, verdict: string, place: Readonly<Place>): Row | undefined {
  const byPolicy = rows.get(decision.policy) as Level | undefined
  const byVerdict = byPolicy?.get(policy) as Level | undefined
  const byMode = byVerdict?.get(verdict) as Level | undefined
  const byTier = byMode?.get(decision.mode) as Level | undefined
  const byEndpoint = byTier?.get(place.tier) as Level | undefined
  const byTenant = byEndpoint?.get(place.endpoint) as Level | undefined
  return byTenant?.get(place.tenant) as Row | undefined
}

function rowsOf(level: Level | Row): readonly Row[] {
  if (!(level instanceof Map)) return [level]
  return Array.from(level.values(), rowsOf).flat()
}

function messagesOf(rows: Level, minute: number, keys: AnalyticsKeys, keep: number): readonly CountMessage[] {
  return [...rows].flatMap(([namespace, level]) =>
    chunksOf(rowsOf(level)).map((chunk) => ({
      namespace,
      script: COUNT_USAGE_SCRIPT,
      keys: [keys.minute(namespace, minute), keys.hour(namespace, hourOf(minute))],
      args: () => [
        String(MINUTES_LIVE),
        String(keep),
        String(MAX_STORED),
        ...chunk.flatMap(({ parts, requests, units }) => [
          usageField(parts),
          usageField({ ...parts, ...FOLDED }),
          String(requests),
          String(units),
        ]),
      ],
      counts: chunk.reduce((sum, { parts, requests }) => sum + (parts.policy === '' ? requests : 0), 0),
    })),
  )
}
