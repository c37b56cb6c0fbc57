import { concurrency, fixedWindow, type Outcome, type Store } from '@sluice/core'
import { isPromise } from '@sluice/core/store-kit'
import type { Fixture, Mount } from '../adapter.ts'
import { allowedLines, bodyLines, type HttpCase, OK_BODY, problemBody, refusedLines, remainingOf, retryAfterLines } from '../case.ts'
import { START } from '../fixture.ts'

const minute = (limit: number) => fixedWindow({ name: 'minute', limit, window: '1m' })
const throwing = () => {
  throw new Error('store unreachable')
}
const rejecting = () => Promise.reject(new Error('store unreachable'))

function storeOf(consume: Store['consume']): Store {
  return { name: 'custom', consume, reset: () => undefined }
}

/** A store whose fallback gives every charge this outcome. */
function answering(given: Partial<Outcome>, isAsync: boolean): Store {
  const consume: Store['consume'] = (charges) => {
    const outcomes = charges.map(({ limit }) => ({
      allowed: true,
      remaining: limit.limit,
      used: 0,
      retryAfter: 0,
      nextAfter: 0,
      resetAfter: 0,
      delay: 0,
      source: 'open',
      at: START * 1000,
      receipt: undefined,
      leaseFor: 0,
      granted: 0,
      ...given,
    }))
    return isAsync ? Promise.resolve(outcomes) : outcomes
  }
  return storeOf(consume)
}

/** The request cannot be decided, so the framework's error handling answers. */
function failing(name: string, options: (fixture: Fixture) => Mount, message = 'store unreachable'): HttpCase {
  return {
    name,
    app: (fixture) => ({ use: [fixture.limits({ limits: [minute(1)], ...options(fixture) })] }),
    async run(t) {
      for (const _ of [1, 2]) t.is((await t.get()).status, 500)
      t.errors(message, message)
    },
  }
}

/** An option function that fails: the request ends in the framework's error handling. */
const OPTIONS = ['skip', 'tier', 'key', 'cost', 'limit', 'window'] as const
const optionFails = (name: (typeof OPTIONS)[number], fail: () => never | Promise<never>): Mount => {
  if (name === 'tier') return { tiers: { free: [minute(1)] }, limits: undefined, tier: fail }
  if (name === 'limit' || name === 'window') return { limits: undefined, [name]: fail }
  return { [name]: fail }
}

/** A store that fails after the response: the response stays, and there is a warning. */
function lateFailure(name: string, fail: () => never | Promise<never>): HttpCase {
  return {
    name,
    app: (fixture) => ({
      use: [
        fixture.limits({
          limits: [minute(5), concurrency({ name: 'slots', limit: 5, ttl: '1m' })],
          store: storeOf((charges, options) => (charges.some(({ cost }) => cost < 0) ? fail() : fixture.store.consume(charges, options))),
          refundWhen: () => true,
        }),
      ],
    }),
    async run(t) {
      t.is((await t.get()).status, 200)
      await t.until(async () => (await t.log()).warnings.length > 0)
      t.is(remainingOf(await t.get()), 3)
      t.warnings('WARN_SETTLE_FAILED')
    },
  }
}

/** A store without failover that fails: the limiter applies `failMode`. */
function failModes(how: string, fail: Store['consume']): readonly HttpCase[] {
  const limited = (failMode: Mount['failMode']) => (fixture: Fixture) => ({
    use: [fixture.limits({ limits: [minute(1)], store: storeOf(fail), failMode })],
  })
  return [
    {
      name: `P5: failMode open over a store that ${how}: passes, with the policy header alone`,
      app: limited('open'),
      async run(t) {
        for (const _ of [1, 2]) t.answers(await t.get(), 200, ['ratelimit-policy: "minute";q=1;w=60'], OK_BODY)
        t.warnings('WARN_STORE_AWAY')
      },
    },
    {
      name: `P5: failMode closed over a store that ${how}: 503`,
      app: limited('closed'),
      async run(t) {
        const lines = ['ratelimit-policy: "minute";q=1;w=60', ...retryAfterLines(5), ...bodyLines()]
        for (const _ of [1, 2]) t.answers(await t.get(), 503, lines)
        t.warnings('WARN_STORE_AWAY')
      },
    },
    {
      name: `P5: failMode local over a store that ${how}: this process admits the limit`,
      app: limited('local'),
      async run(t) {
        t.is([(await t.get()).status, (await t.get()).status], [200, 429])
        t.warnings('WARN_STORE_AWAY')
      },
    },
  ]
}

/** What clients receive when the store fails, is slow, or is unreachable. */
export const storeCases: readonly HttpCase[] = [
  failing("a store that throws: the framework's error handling sends status 500", () => ({ store: storeOf(throwing) })),
  failing("a store that rejects: the framework's error handling sends status 500", () => ({ store: storeOf(rejecting) })),
  ...OPTIONS.flatMap((name) => [
    failing(`${name} that throws: the framework's error handling sends status 500`, () => optionFails(name, throwing)),
    failing(`${name} that rejects: the framework's error handling sends status 500`, () => optionFails(name, rejecting)),
  ]),
  ...failModes('throws', throwing),
  ...failModes('rejects', rejecting),
  lateFailure('a store that throws after the response: one warning', throwing),
  lateFailure('a store that rejects after the response: one warning', rejecting),
  ...[false, true].flatMap((isAsync): readonly HttpCase[] => [
    {
      name: `store unreachable and failMode open${isAsync ? ', asynchronously' : ''}: passes, with the policy header alone`,
      app: (fixture) => ({ use: [fixture.limits({ limits: [minute(1)], store: answering({}, isAsync) })] }),
      async run(t) {
        for (const _ of [1, 2]) t.answers(await t.get(), 200, ['ratelimit-policy: "minute";q=1;w=60'], OK_BODY)
      },
    },
    {
      name: `store unreachable and failMode closed${isAsync ? ', asynchronously' : ''}: 503, whatever statusCode and message are`,
      app: (fixture) => ({
        use: [
          fixture.limits({
            limits: [minute(1)],
            store: answering({ allowed: false, remaining: 0, retryAfter: 2_500, source: 'closed' }, isAsync),
            statusCode: 420,
            message: 'Slow down.',
          }),
        ],
      }),
      async run(t) {
        const body =
          '{"type":"https://iana.org/assignments/http-problem-types#temporary-reduced-capacity","title":"Temporary Reduced Capacity","status":503,"detail":"Requests cannot be counted at the moment. Retry in 3 seconds.","retry_after":3}'
        t.answers(await t.get(), 503, ['ratelimit-policy: "minute";q=1;w=60', ...retryAfterLines(3), ...bodyLines()], body)
      },
    },
  ]),
  {
    name: 'an asynchronous store: the same bytes, and exactly the limit is admitted',
    app: (fixture) => ({
      use: [
        fixture.limits({
          limits: [minute(2)],
          store: storeOf((charges, options) => {
            const outcomes = fixture.store.consume(charges, options)
            return isPromise(outcomes) ? outcomes : Promise.resolve(outcomes)
          }),
        }),
      ],
    }),
    async run(t) {
      const policy = '"minute";q=2;w=60'
      t.answers(await t.get(), 200, allowedLines(policy, '"minute";r=1;t=60', [2, 1, 60]), OK_BODY)
      const all = await Promise.all(Array.from({ length: 8 }, () => t.get()))
      t.is(all.filter(({ status }) => status === 200).length, 1)
      const lines = refusedLines(policy, '"minute";r=0;t=60', [2, 0, 60], 60)
      t.answers(await t.get(), 429, lines, problemBody('minute', '2 units per 60 seconds', 60))
    },
  },
]
