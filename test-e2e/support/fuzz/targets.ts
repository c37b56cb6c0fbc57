// What the fuzzed inputs are sent to: limits of every algorithm, a host without a framework, and checks of all results.
import * as core from '@sluice/core'
import type { Limit, Outcome } from '@sluice/core'
import type { Host, HttpOutcome } from '@sluice/core/adapter-kit'
import { checkHeaders } from './runner.ts'

/** Valid limits of every algorithm, with small numbers, so that inputs reach a limit. */
export const accepted: readonly Limit[] = [
  core.fixedWindow({ name: 'fixed', limit: 3, window: '1m' }),
  core.fixedWindow({ name: 'first', limit: 3, window: '1m', anchor: 'first' }),
  core.fixedWindow({ name: 'day', limit: 3, window: 'day', timeZone: 'Asia/Kathmandu' }),
  core.slidingWindow({ name: 'sliding', limit: 3, window: '1m' }),
  core.slidingLog({ name: 'log', limit: 3, window: '1m' }),
  core.tokenBucket({ name: 'token', limit: 7, window: '1m', burst: 3 }),
  core.leakyBucket({ name: 'leaky', limit: 7, window: '1m', burst: 3 }),
  core.leakyBucket({ name: 'queue', limit: 7, window: '1m', queue: true, maxDelay: '10s' }),
  core.concurrency({ name: 'slots', limit: 3, ttl: '1m' }),
].map(({ limit }) => limit)

/** A request without a framework. */
export interface Facts {
  readonly method?: string
  readonly address?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly route?: string
  readonly body?: unknown
}
export const HOST: Host<Facts> = {
  id: (facts) => facts,
  method: (facts) => facts.method ?? 'GET',
  address: (facts) => facts.address ?? '192.0.2.1',
  header: (facts, field) => (facts.headers !== undefined && Object.hasOwn(facts.headers, field) ? facts.headers[field] : undefined),
  route: (facts) => facts.route,
  body: (facts) => facts.body,
}

export function checkAnswer(outcome: HttpOutcome): void {
  checkHeaders(outcome.headers)
  if (outcome.pass) return
  if (!(outcome.status >= 400 && outcome.status <= 599)) throw new Error(`status ${outcome.status}`)
  if (outcome.headers.some(([field, value]) => field === 'Content-Type' && value === 'application/problem+json')) JSON.parse(outcome.body)
}

/** Asserts that every number of an outcome is valid in a header and for a timer. */
export function checkOutcome(limit: Limit, { outcomes }: { readonly outcomes: readonly (Outcome | undefined)[] }): void {
  for (const outcome of outcomes) {
    if (outcome === undefined) continue
    const { remaining, retryAfter, nextAfter, resetAfter, delay, granted, at, leaseFor } = outcome
    for (const [field, value] of Object.entries({ remaining, nextAfter, resetAfter, delay, at, leaseFor })) {
      if (!(Number.isFinite(value) && value >= 0)) throw new Error(`${limit.algorithm}: ${field} is ${value}`)
    }
    if (Number.isNaN(retryAfter) || retryAfter < 0 || !Number.isSafeInteger(granted))
      throw new Error(`${limit.algorithm}: ${retryAfter}, ${granted}`)
  }
}
