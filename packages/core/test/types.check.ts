// Compiled by `tsc -b`, never run: each expected error is a promise of the types.
import {
  concurrency,
  createLimiter,
  type Decision,
  type Duration,
  fixedWindow,
  header,
  ip,
  type Limiter,
  type LimitRule,
  slidingWindow,
  type Store,
  tokenBucket,
} from '@sluice/core'
import { type Algorithm, algorithmOf } from '@sluice/core/algorithms'

const limiter = createLimiter({
  name: 'api',
  limits: [slidingWindow({ name: 'requests', limit: 100, window: '1m' })],
  tiers: {
    free: [tokenBucket({ name: 'tokens', limit: 1_000, window: '1h', burst: 50 })],
    premium: [
      fixedWindow({ name: 'day', limit: 10, window: 'day', timeZone: 'Europe/Berlin' }),
      concurrency({ name: 'slots', limit: 3, ttl: '30s' }),
    ],
  },
})
const typed: Limiter<'requests' | 'tokens' | 'day' | 'slots', 'free' | 'premium'> = limiter

void typed.consume('u', { cost: { requests: 1, tokens: 1_200 }, tier: 'premium' })
void limiter.consume({ requests: 'a', tokens: 'b' })
void limiter.consume('u', { cost: 50, atLeast: 1 })
void limiter.peek('u', { cost: 50, atLeast: 1 })
// @ts-expect-error: what is taken by force is taken whole
void limiter.penalize('u', { cost: 50, atLeast: 1 })
// @ts-expect-error: a misspelt limit in a cost
void limiter.consume('u', { cost: { request: 1 } })
// @ts-expect-error: a misspelt limit in a subject
void limiter.consume({ requets: 'a' })
// @ts-expect-error: a misspelt tier
void limiter.consume('u', { tier: 'gold' })
// @ts-expect-error: a cost is a number, not text
void limiter.consume('u', { cost: '1' })
// @ts-expect-error: a subject is text
void limiter.consume(42)

export async function decided(): Promise<'requests' | 'tokens' | 'day' | 'slots' | undefined> {
  const decision = await limiter.consume('u')
  // @ts-expect-error: a misspelt limit in a settlement
  await limiter.settle(decision, { request: 1 })
  // @ts-expect-error: a decision is read only
  decision.allowed = true
  return decision.binding?.name
}

const durations: readonly Duration[] = [250, '250ms', '10s', '1m', '1h', '1d', '1.5h']
// @ts-expect-error: no such unit
const weeks: Duration = '1w'
// @ts-expect-error: calendar windows are for fixed windows
void slidingWindow({ name: 'a', limit: 1, window: 'day' })
// @ts-expect-error: a window is needed
void slidingWindow({ name: 'a', limit: 1 })
// @ts-expect-error: a token bucket has no anchor
void tokenBucket({ name: 'a', limit: 1, window: '1s', anchor: 'first' })
// @ts-expect-error: an option of a peer
void createLimiter({ limits: [], keyPrefix: 'x' })

// newcomer 12: an observer gets the events of its name.
void createLimiter({
  limits: [slidingWindow({ name: 'a', limit: 1, window: '1s' })],
  on: {
    warning: ({ code, message }) => void `${code} ${message}`,
    anomaly: ({ code }) => void code,
    tier: ({ from, to, cause }) => void `${from} ${to} ${cause}`,
    // @ts-expect-error: a breaker has no code
    breaker: ({ code }) => void code,
  },
})

// What authors of stores and algorithms need is there.
const store: Store = { name: 'mine', consume: () => [], reset: () => undefined }
const rule: LimitRule<'a', Request> = slidingWindow({ name: 'a', limit: 1, window: '1s', key: header('x-api-key') })
const algorithm: Algorithm = algorithmOf(rule.limit)
// @ts-expect-error: plain, frozen data
rule.limit.limit = 2
export const used: readonly unknown[] = [durations, weeks, store, algorithm, undefined as Decision | undefined]

// newcomer 10: a script shares the limits of an application, and knows their names. It needs no request.
const shared = {
  name: 'api',
  limits: [
    slidingWindow({ name: 'minute', limit: 100, window: '1m', key: ip() }),
    slidingWindow({ name: 'hour', limit: ({ vip }: { readonly vip: boolean }) => (vip ? 9 : 1), window: '1h', key: ip() }),
  ],
}
const script = createLimiter({ ...shared, key: ip() })
void script.peek({ minute: '192.0.2.1' }, { numbers: { hour: { limit: 9 } } })
// @ts-expect-error no limit has this name
void script.reset({ minuet: '192.0.2.1' })
