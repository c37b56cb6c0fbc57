import { createLimiter, type Decision, fixedWindow, type Limiter, type Mode } from '@sluice/core'
import type { DecisionEvent, EventBatch, EventSink, UsageRow } from '@sluice/telemetry'

export const SECRET = 'a secret of this test'

let limiters = 0

/** A limiter that nothing else knows. */
export function limiterOf(
  limit: number,
  { name = `events-${(limiters += 1)}`, mode = 'enforce' }: { name?: string; mode?: Mode } = {},
): Limiter {
  return createLimiter({ name, mode, limits: [fixedWindow({ name: 'hour', limit, window: '1h' })] }) as Limiter
}

/** A decision as a limiter makes it, with one limit for each policy of a document. */
export function decisionBy(
  policies: Readonly<Record<string, Decision['verdict']>>,
  { namespace = 'shop', tier, mode = 'enforce', units = 1 }: { namespace?: string; tier?: string; mode?: Mode; units?: number } = {},
): Decision {
  const said = Object.entries(policies)
  const worst = (['blocked', 'unavailable', 'refused'] as const).find((verdict) => said.some(([, each]) => each === verdict)) ?? 'allowed'
  const limits = said.map(([name]) => fixedWindow({ name: `${name}.hour`, limit: 100, window: '1h' }).limit)
  const allowed = worst === 'allowed' || mode !== 'enforce'
  return {
    allowed,
    verdict: worst,
    binding:
      limits[
        Math.max(
          0,
          said.findIndex(([, verdict]) => verdict === worst),
        )
      ],
    granted: allowed ? units : 0,
    remaining: 3,
    retryAfter: worst === 'allowed' ? 0 : 500,
    resetAfter: 1_000,
    resetAt: 0,
    delay: 0,
    policy: namespace,
    tier,
    mode,
    source: 'memory',
    charges: limits.map((limit) => ({ limit, scope: `${namespace}+${limit.name}.fixedWindow`, subject: 'alice', cost: units })),
    outcomes: said.map(([, verdict]) => ({
      allowed: verdict === 'allowed',
      blocked: verdict === 'blocked',
      source: verdict === 'unavailable' ? 'closed' : 'memory',
      granted: worst === 'allowed' ? units : 0,
      remaining: 3,
      used: 1,
      retryAfter: 0,
      nextAfter: 0,
      resetAfter: 0,
      delay: 0,
      at: 0,
      receipt: undefined,
      leaseFor: 0,
    })),
    revision: 1,
    policies: said.map(([name]) => `${name}.all`),
  }
}

/** What a sink does with the next batch. `lost`: it has the batch, and the answer is lost. */
export type Answer = 'taken' | 'failed' | 'lost'

/** A sink that a test commands. */
export class TestSink implements EventSink {
  readonly name = 'of the test'
  answer: Answer = 'taken'
  readonly batches: EventBatch[] = []
  isClosed = false

  async send(batch: EventBatch): Promise<void> {
    await Promise.resolve()
    // As a sink that writes does it: what the batch has now counts.
    if (this.answer !== 'failed') this.batches.push(JSON.parse(JSON.stringify(batch)) as EventBatch)
    if (this.answer !== 'taken') throw new Error(`the answer is ${this.answer}`)
  }

  close(): void {
    this.isClosed = true
  }

  get rows(): readonly UsageRow[] {
    return this.batches.flatMap((batch) => (batch.topic === 'sluice.usage.v1' ? batch.events : []))
  }

  get events(): readonly DecisionEvent[] {
    return this.batches.flatMap((batch) => (batch.topic === 'sluice.decisions.v1' ? batch.events : []))
  }
}

/** What the view over the rows says, as in deploy/clickhouse/schema.sql: the largest value of each key, minute and process, summed. */
export function viewOf(
  rows: readonly UsageRow[],
  keyOf: (row: UsageRow) => string,
): ReadonlyMap<string, { requests: number; units: number }> {
  const largest = new Map<string, UsageRow>()
  for (const row of rows) {
    const { requests, units, ...key } = row
    const id = JSON.stringify(key, Object.keys(key).toSorted())
    const known = largest.get(id)
    largest.set(id, { ...row, requests: Math.max(requests, known?.requests ?? 0), units: Math.max(units, known?.units ?? 0) })
  }
  const sums = new Map<string, { requests: number; units: number }>()
  for (const row of largest.values()) {
    const sum = sums.get(keyOf(row)) ?? { requests: 0, units: 0 }
    sums.set(keyOf(row), { requests: sum.requests + row.requests, units: sum.units + row.units })
  }
  return sums
}
