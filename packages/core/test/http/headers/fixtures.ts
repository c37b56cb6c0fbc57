import { type Decision, isStricter } from '../../../src/decision.ts'
import { checkDialect, type DialectOptions, type HeaderEntry, type HeaderLine, renderHeaders } from '../../../src/http/headers/headers.ts'
import type { Limit } from '../../../src/limit.ts'
import { concurrency, fixedWindow, slidingWindow, tokenBucket } from '../../../src/limits.ts'
import type { Outcome } from '../../../src/store.ts'

/** The moment of everything here. Rounded up to a second, it is 17 s before the reset in http.md. */
export const NOW = 1_795_301_568_400

export const minute = slidingWindow({ name: 'minute', limit: 100, window: '1m' }).limit
export const day = fixedWindow({ name: 'day', limit: 5_000, window: 'day' }).limit
export const slots = concurrency({ name: 'slots', limit: 4, ttl: '30s' }).limit
export const bucket = tokenBucket({ name: 'bucket', limit: 10, window: '1s', burst: 25 }).limit
export const plain = slidingWindow({ name: 'default', limit: 10, window: '10s' }).limit

/** An outcome that admits, with all there is left, but for what is given. */
function outcome(given: Partial<Outcome>): Outcome {
  const admitted = given.allowed ?? true
  return {
    allowed: admitted,
    remaining: 50,
    used: 50,
    retryAfter: 0,
    nextAfter: 600,
    resetAfter: 60_000,
    delay: 0,
    source: 'memory',
    at: NOW * 1000,
    receipt: undefined,
    leaseFor: 0,
    granted: admitted ? 1 : 0,
    ...given,
  }
}

/** A decision over limits and their outcomes, folded as core folds it. */
export function decision(parts: readonly (readonly [Limit, Partial<Outcome> | undefined])[], given: Partial<Decision> = {}): Decision {
  const outcomes = parts.map(([, part]) => (part === undefined ? undefined : outcome(part)))
  let bound: number | undefined
  for (const [i, each] of outcomes.entries()) {
    const best = bound === undefined ? undefined : outcomes[bound]
    if (each !== undefined && (best === undefined || isStricter(each, best))) bound = i
  }
  const binding = bound === undefined ? undefined : outcomes[bound]
  const refusing = outcomes.filter((each) => each?.allowed === false)
  const verdict = refusing.length === 0 ? 'allowed' : refusing.every((each) => each?.source === 'closed') ? 'unavailable' : 'refused'
  return {
    allowed: verdict === 'allowed',
    verdict,
    binding: bound === undefined ? undefined : parts[bound]?.[0],
    granted: verdict === 'allowed' ? 1 : 0,
    remaining: binding?.remaining ?? Infinity,
    retryAfter: binding?.retryAfter ?? 0,
    resetAfter: binding?.resetAfter ?? 0,
    resetAt: binding === undefined ? 0 : Math.ceil(binding.at / 1000) + binding.resetAfter,
    delay: 0,
    policy: 'default',
    tier: undefined,
    mode: 'enforce',
    source: binding?.source ?? 'memory',
    charges: parts.map(([limit]) => ({ limit, scope: `default+${limit.name}.${limit.algorithm}`, subject: 'user:1', cost: 1 })),
    outcomes,
    ...given,
  }
}

export function entry(given: Decision, shorthand = false): HeaderEntry {
  return { decision: given, shorthand }
}

export function render(given: readonly (Decision | HeaderEntry)[], options: DialectOptions = {}, now: number = NOW): readonly HeaderLine[] {
  return renderHeaders(
    given.map((each) => ('decision' in each ? each : entry(each))),
    checkDialect(options),
    now,
  )
}

/** As it goes over the wire. */
export function lines(...args: Parameters<typeof render>): readonly string[] {
  return render(...args).map(([name, value]) => `${name}: ${value}`)
}
