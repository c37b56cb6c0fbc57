// Options that are refused, each with its code.
import { expect, test } from 'vitest'
import { setUp } from './lab.ts'

test.each([
  [{ deadline: 0 }, 'ERR_OPTION_INVALID'],
  [{ deadline: Number.NaN }, 'ERR_OPTION_INVALID'],
  [{ share: 0 }, 'ERR_OPTION_INVALID'],
  [{ share: 1.5 }, 'ERR_OPTION_INVALID'],
  [{ share: 'half' }, 'ERR_OPTION_INVALID'],
  [{ instances: 0 }, 'ERR_OPTION_INVALID'],
  [{ instances: 1.5 }, 'ERR_OPTION_INVALID'],
  [{ reconcile: true }, 'ERR_OPTION_INVALID'],
  [{ maxSubjects: 0 }, 'ERR_OPTION_INVALID'],
  [{ timeout: 5 }, 'ERR_OPTION_UNKNOWN'],
  [true, 'ERR_OPTION_INVALID'],
])('%j', (options, code) => {
  expect(() => setUp(options as never)).toThrow(expect.objectContaining({ code }))
})
