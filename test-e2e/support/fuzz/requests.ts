// Random requests through the pipeline that every adapter uses.
import * as core from '@sluice/core'
import { joinSubject } from '@sluice/core'
import { createPipeline } from '@sluice/core/adapter-kit'
import fc from 'fast-check'
import { describe, test } from 'vitest'
import { address, answers, forwarded, garbage, optionsOf, text } from './inputs.ts'
import { checkRefusal, fuzz, type Verdict } from './runner.ts'
import { checkAnswer, type Facts, HOST } from './targets.ts'

export function requests(): void {
  describe('requests', () => {
    const headers = fc.record(
      {
        'x-forwarded-for': forwarded,
        forwarded,
        'x-api-key': text,
        authorization: text,
        cookie: fc.oneof(
          text,
          fc
            .array(fc.tuple(fc.constantFrom('session', 'a', '__proto__', ''), text), { maxLength: 4 })
            .map((all) => all.map((one) => one.join('=')).join('; ')),
        ),
        'access-control-request-method': text,
      },
      { requiredKeys: [] },
    )
    const body = fc.oneof(
      fc.record({ email: fc.oneof(text, garbage), user: fc.oneof(fc.record({ id: garbage }), garbage) }),
      fc.constantFrom(
        JSON.parse('{"__proto__":{"polluted":true},"email":{"__proto__":{"polluted":1}}}') as unknown,
        JSON.parse('{"constructor":{"prototype":{"polluted":1}}}'),
      ),
      garbage,
    )
    const facts: fc.Arbitrary<Facts> = fc.record(
      { method: fc.oneof(fc.constantFrom('GET', 'OPTIONS', 'HEAD'), text), route: text, address, headers, body },
      { requiredKeys: [] },
    )
    const limits = (key: core.KeyOf<Facts>) => [
      core.slidingWindow({ name: 'a', limit: 2, window: '1m', key }),
      core.tokenBucket({ name: 'b', limit: 3, window: '1m' }),
    ]
    const quiet = { on: { warning: () => undefined } } as const
    const pipelines = [
      createPipeline(HOST, { ...quiet }),
      createPipeline(HOST, { ...quiet, trustProxy: 1, key: core.header('x-api-key'), standard: 'draft-7' }),
      createPipeline(HOST, { ...quiet, trustProxy: 2, forwardedHeader: 'forwarded' }),
      createPipeline(HOST, {
        ...quiet,
        trustProxy: ['loopback', '192.0.2.0/24', '10.0.0.0/8'],
        limits: limits([core.ip(), core.cookie('session')]),
        exposeHeaders: true,
      }),
      createPipeline(HOST, {
        ...quiet,
        limits: limits([core.body('email'), core.body('user.id'), core.route()]),
        missing: 'reject',
        legacy: 'delta',
      }),
      createPipeline(HOST, {
        ...quiet,
        limits: limits(core.ip((request: Facts) => request.headers?.['x-api-key'])),
        missing: 'skip',
        standard: 'draft-6',
      }),
      createPipeline(HOST, {
        ...quiet,
        limit: 1,
        key: [core.user((request: Facts) => request.headers?.['authorization']), core.header('x-api-key')],
        missing: 'reject',
      }),
      createPipeline(HOST, { ...quiet, limit: 2, key: core.body('constructor.name'), partitionKey: { secret: 'sixteen characters' } }),
      createPipeline(HOST, {
        ...quiet,
        limits: [core.concurrency({ name: 'slots', limit: 1, ttl: '1m', key: core.header('x-api-key') })],
        refundWhen: (_, { status }) => status > 400,
      }),
    ]

    test('facts of a request through the pipeline', { timeout: 120_000 }, () =>
      fuzz(
        'requests',
        20_000,
        fc.tuple(fc.constantFrom(...pipelines), facts, fc.oneof(fc.integer({ min: 100, max: 599 }), garbage)),
        async ([pipeline, request, status]) => {
          let verdict: 'worked' | 'refused' = 'refused'
          try {
            const outcome = await pipeline(request)
            checkAnswer(outcome)
            if (outcome.pass) {
              verdict = 'worked'
              await outcome.done?.(status as number, {})
            } else if (outcome.status >= 500) throw new Error(`status ${outcome.status}`)
          } catch (error) {
            checkRefusal(error)
            // A client can cause no other error, since its address is the connection's and all that it sends is text.
            if (!core.isSluiceError(error) || error.code !== 'ERR_ADDRESS_UNKNOWN') throw error
          }
          return verdict
        },
      ),
    )

    test('anything that option functions return', { timeout: 120_000 }, () =>
      fuzz(
        'functions',
        10_000,
        optionsOf({ limit: answers, window: answers, cost: answers, skip: answers, settle: answers, refundWhen: answers }),
        async (functions): Promise<Verdict> => {
          const options = Object.fromEntries(
            Object.entries(functions).filter(([field, value]) => KNOWN.has(field) && typeof value === 'function'),
          )
          const outcome = await createPipeline(HOST, { ...quiet, ...options })({})
          checkAnswer(outcome)
          if (outcome.pass) await outcome.done?.(200, {})
          return 'worked'
        },
      ),
    )

    test('two lists of values never make one subject', { timeout: 60_000 }, () =>
      fuzz(
        'joined',
        10_000,
        fc.tuple(fc.array(text, { minLength: 2, maxLength: 3 }), fc.array(text, { minLength: 2, maxLength: 3 })),
        ([one, other]) => {
          const same = one.length === other.length && one.every((value, i) => value === other[i])
          if (one.length === other.length && (joinSubject(one) === joinSubject(other)) !== same) throw new Error('two lists, one subject')
          return 'worked'
        },
      ),
    )
  })
}
const KNOWN = new Set(['limit', 'window', 'cost', 'skip', 'settle', 'refundWhen'])
