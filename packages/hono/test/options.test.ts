import { expect, test } from 'vitest'
import { type Code, fixedWindow, rateLimit } from '../src/index.ts'
import { refusalOf } from './refusal.ts'

// The rules are core's, and tested with Express; these say that they are asked here too.
test.each<readonly [object | null, Code, string]>([
  [{ limit: 0 }, 'ERR_OPTION_INVALID', 'got 0'],
  [{ window: '1 m' }, 'ERR_OPTION_INVALID', 'got the string "1 m"'],
  [{ windowMs: 1 }, 'ERR_OPTION_UNKNOWN', 'use window'],
  [{ keyGenerator: () => 'a' }, 'ERR_OPTION_UNKNOWN', 'use key'],
  [{ handler: 'no' }, 'ERR_OPTION_INVALID', 'got the string "no"'],
  [{ limiter: rateLimit().limiter, limit: 1 }, 'ERR_OPTION_CONFLICT', 'limit'],
  [{ strict: true, trustProxy: ['0.0.0.0/0'] }, 'WARN_TRUST_PERMISSIVE', '0.0.0.0/0'],
  [null, 'ERR_OPTION_INVALID', 'null'],
])('trap: options that make no sense are refused when the limiter is made: %o', (options, code, text) => {
  const [got, message] = refusalOf(() => rateLimit(options as never))
  expect(got).toBe(code)
  expect(message).toContain(text)
})

test('the options are not changed, and a change of them afterwards changes nothing', async () => {
  const options = { limits: [fixedWindow({ name: 'minute', limit: 2, window: '1m' })], standard: false as const }
  const before = JSON.stringify(options)
  const { limiter } = rateLimit(options)
  expect(JSON.stringify(options)).toBe(before)
  options.limits = []
  expect((await limiter.peek('ann')).remaining).toBe(2)
})
