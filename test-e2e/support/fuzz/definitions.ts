// Random options of limits, limiters and stores.
import { concurrency, createLimiter, fixedWindow, header, ip, leakyBucket, slidingLog, slidingWindow, tokenBucket } from '@sluice/core'
import { createPipeline } from '@sluice/core/adapter-kit'
import { type Limit, type LimitRule, memoryStore, type Outcome, setEnabled } from '@sluice/core'
import type { HttpOutcome } from '@sluice/core/adapter-kit'
import { redisStore } from '@sluice/redis'
import fc from 'fast-check'
import { describe, test } from 'vitest'
import { address, answers, duration, garbage, limitDefinitions, name, optionsOf, text } from './inputs.ts'
import { fuzz, refusable, refusableLater } from './runner.ts'
import { checkAnswer, checkOutcome, type Facts, HOST } from './targets.ts'

const FACTORIES = { concurrency, fixedWindow, leakyBucket, slidingLog, slidingWindow, tokenBucket } as const
const rule = (factory: Limit['algorithm'], options: unknown): LimitRule =>
  (FACTORIES[factory] as unknown as (options: unknown) => LimitRule)(options)

export function definitions(): void {
  describe('definitions', () => {
    test('the factories of limits', { timeout: 120_000 }, () =>
      fuzz('limits', 18_000, limitDefinitions, ([factory, options]) =>
        refusable(() => {
          const { limit } = rule(factory, options)
          // An accepted limit can decide.
          const limiter = createLimiter({ limits: [{ limit }] })
          checkOutcome(limit, limiter.consume('a') as unknown as { outcomes: readonly Outcome[] })
        }),
      ),
    )

    test('rateLimit and createLimiter', { timeout: 120_000 }, () => {
      const limits = fc.array(limitDefinitions, { maxLength: 3 }).map((list) =>
        list.flatMap(([factory, options]) => {
          try {
            return [rule(factory, options)]
          } catch {
            return []
          }
        }),
      )
      const lists = fc.oneof({ weight: 4, arbitrary: limits }, garbage)
      const functions = fc.oneof(answers, garbage)
      const options = optionsOf({
        name,
        limit: fc.oneof(fc.integer({ min: -1, max: 1_000 }), answers),
        window: fc.oneof(duration, answers),
        limits: lists,
        tiers: fc.oneof(fc.dictionary(text, lists, { maxKeys: 3 }), garbage),
        mode: fc.constantFrom('enforce', 'shadow', 'off'),
        failMode: fc.constantFrom('local', 'open', 'closed'),
        on: fc.oneof(optionsOf({ decision: functions, warning: functions }), garbage),
        ...Object.fromEntries(['tier', 'cost', 'skip', 'refundWhen', 'settle', 'handler'].map((option) => [option, functions])),
        key: fc.oneof(functions, fc.constant(ip()), fc.array(fc.oneof(fc.constant(header('x-api-key')), garbage), { maxLength: 3 })),
        standard: fc.constantFrom('draft-11', 'draft-7', 'draft-6', true, false, 'draft-5'),
        legacy: fc.constantFrom('epoch', 'delta', false),
        exposeHeaders: fc.boolean(),
        trustProxy: fc.oneof(
          fc.integer({ min: -1, max: 40 }),
          fc.array(fc.oneof(address, fc.constantFrom('loopback', 'private')), { maxLength: 3 }),
        ),
        ipv6Prefix: fc.integer({ min: 30, max: 66 }),
        missing: fc.constantFrom('address', 'reject', 'skip'),
        statusCode: fc.integer({ min: 399, max: 600 }),
        partitionKey: fc.oneof(fc.record({ secret: text }), garbage),
        strict: fc.boolean(),
      })
      // Keeps only a few options of each, since most limiters are refused for their second option.
      const few = fc.tuple(
        options,
        fc.subarray(['limit', 'window', 'name', 'mode', 'key', 'standard', 'legacy', 'missing', 'ipv6Prefix', 'tier', 'cost'], {
          minLength: 0,
          maxLength: 4,
        }),
      )
      return fuzz('options', 10_000, few, async ([all, keep]) => {
        const some = keep.length === 0 ? all : Object.fromEntries(Object.entries(all).filter(([option]) => keep.includes(option)))
        const frozen = Object.freeze(some)
        const one = refusable(() => createLimiter(frozen as never))
        const other = await refusableLater(async () => {
          const pipeline = createPipeline(HOST, { on: { warning: () => undefined }, ...frozen })
          const outcome = await (pipeline as unknown as (request: Facts) => unknown)({ headers: { 'x-api-key': 'k' } })
          checkAnswer(outcome as HttpOutcome)
        })
        return one === 'worked' || other === 'worked' ? 'worked' : 'refused'
      })
    })

    test('stores', { timeout: 120_000 }, () => {
      const options = optionsOf({
        prefix: fc.oneof(fc.constantFrom('sluice', 'a:b'), text),
        partitions: fc.constantFrom(1, 2, 16, 1024, 3, 2048, 0.5),
        migrate: fc.boolean(),
        scripting: fc.boolean(),
        clock: fc.oneof(fc.constant({ now: () => 0 }), garbage),
        maxSubjects: fc.integer({ min: -1, max: 2 ** 25 }),
        overflow: fc.constantFrom('shared', 'deny', 'allow'),
      })
      const sources = fc.oneof(
        garbage,
        fc.record({ url: garbage }),
        fc.record({ sentinels: garbage, name: garbage }),
        fc.record({ cluster: garbage }),
        fc.record({ cluster: fc.array(garbage, { maxLength: 0 }) }),
      )
      // A client of the expected shape that does nothing, since a store connects as soon as it is created.
      const nothing = () => Promise.reject(new Error('not connected'))
      const client = { ...Object.fromEntries(['callBuffer', 'get', 'set', 'quit'].map((name) => [name, nothing])), ...SILENT }
      const clients = fc.oneof({ weight: 3, arbitrary: fc.constant(client) }, { weight: 1, arbitrary: sources.filter(isUnconnectable) })
      return fuzz('stores', 6_000, fc.tuple(clients, fc.oneof({ weight: 9, arbitrary: options }, garbage)), ([source, given]) => {
        const redis = refusable(() => void redisStore(source as never, given as never).close?.())
        const { maxSubjects, ...rest } = (given ?? {}) as { maxSubjects?: number }
        // Any valid maxSubjects may be tried, since the store grows with its subjects.
        const memory = refusable(() => memoryStore({ ...rest, ...(maxSubjects === undefined ? {} : { maxSubjects }) }))
        return redis === 'worked' || memory === 'worked' ? 'worked' : 'refused'
      })
    })
    test('setEnabled accepts nothing but a boolean', () =>
      fuzz(
        'setEnabled',
        500,
        garbage.filter((value) => typeof value !== 'boolean'),
        (value) => refusable(() => setEnabled(value as never)),
      ))
  })
}

/** False for a source that a store would connect to: these random names could be real hosts. */
function isUnconnectable(source: unknown): boolean {
  const { url, sentinels, cluster } = (source ?? {}) as Record<string, unknown>
  const isText = typeof url === 'string' && url !== ''
  const isList = (value: unknown) => Array.isArray(value) && value.length > 0
  return !isText && !isList(sentinels) && !isList(cluster)
}

const SILENT = { status: 'end', options: {}, on: () => undefined, once: () => undefined, off: () => undefined, disconnect: () => undefined }
