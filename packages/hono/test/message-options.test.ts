import { expect, test } from 'vitest'
import { messageLimit } from '../src/index.ts'
import { thrownBy } from './thrown-error.ts'

test.each([
  [{ closeAfter: 0 }, 'ERR_OPTION_INVALID', 'closeAfter: expected a whole number, at least 1, got 0'],
  [{ standard: false }, 'ERR_OPTION_UNKNOWN', '"standard" is not an option'],
  [{ statusCode: 429 }, 'ERR_OPTION_UNKNOWN', '"statusCode" is not an option'],
  [{ refundWhen: true }, 'ERR_OPTION_INVALID', 'refundWhen: expected a function'],
  [{ windowMs: 1 }, 'ERR_OPTION_UNKNOWN', 'use window'],
  [{ limit: -1 }, 'ERR_OPTION_INVALID', 'got -1'],
  [null, 'ERR_OPTION_INVALID', 'null'],
])('a wrong option is refused when the limit is created: %o', (options, code, text) => {
  const [got, message] = thrownBy(() => messageLimit(options as never))
  expect(got).toBe(code)
  expect(message).toContain(text)
})
