// Which limits regions exchange.
import { fixedWindow, leakyBucket, type Limit, slidingLog, slidingWindow, tokenBucket } from '@sluice/core'
import { regions } from '@sluice/regions'
import { expect, test } from 'vitest'

const transport = { publish: async () => undefined, subscribe: async () => async () => undefined }
const described = regions({ self: 'eu', all: ['eu', 'us'], transport, policies: { billing: 'strict', login: 'local' } })
const of = (limit: Limit, policy = 'api') => described.exchangeOf({ scope: `${policy}+${limit.name}.${limit.algorithm}`, limit })

test.each([
  [fixedWindow({ name: 'a', limit: 5, window: '5s' }).limit, 'exchanged'],
  [fixedWindow({ name: 'b', limit: 5, window: 4_999 }).limit, 'short'],
  [slidingWindow({ name: 'c', limit: 5, window: '5s' }).limit, 'exchanged'],
  [slidingWindow({ name: 'd', limit: 5, window: 4_999 }).limit, 'short'],
  [fixedWindow({ name: 'e', limit: 5, window: 'month' }).limit, 'exchanged'],
  // A bucket that fills within an interval still has a rate.
  [tokenBucket({ name: 'f', limit: 5, window: '1s' }).limit, 'exchanged'],
  [leakyBucket({ name: 'g', limit: 5, window: '1s' }).limit, 'exchanged'],
  [leakyBucket({ name: 'h', limit: 5, window: '1s', queue: true }).limit, 'unsupported'],
  [slidingLog({ name: 'i', limit: 5, window: '1m' }).limit, 'unsupported'],
])('limit %#', (limit, exchange) => {
  expect(of(limit)).toBe(exchange)
  for (const policy of ['billing', 'login']) expect(of(limit, policy)).toBe('own')
})

test('the mode of a limiter is that of its shadow, its generations, and what is set apart', () => {
  const { limit } = fixedWindow({ name: 'a', limit: 5, window: '1m' })
  for (const policy of ['~login', 'login!abc', 'login@admin', '~login!abc@admin']) expect(of(limit, policy)).toBe('own')
  expect(of(limit, '~api!abc')).toBe('exchanged')
})

test('a scope whose limit changes has the answer for the limit at hand', () => {
  const long = fixedWindow({ name: 'a', limit: 5, window: '1m' }).limit
  const short = fixedWindow({ name: 'a', limit: 5, window: '1s' }).limit
  expect([long, short, long].map((limit) => of(limit))).toEqual(['exchanged', 'short', 'exchanged'])
})
