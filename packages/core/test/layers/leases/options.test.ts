// Options that are refused.
import { leases } from '@sluice/core'
import { expect, test } from 'vitest'
import { lab } from './lab.ts'

test('options out of range are refused', () => {
  const code = (options: object) => {
    try {
      leases(lab.memory, options)
      return undefined
    } catch (error) {
      return (error as { code?: string }).code
    }
  }
  for (const bad of [
    { ttl: 49 },
    { ttl: 5_001 },
    { ttl: 100.5 },
    { ttl: '250' },
    { maxPart: 0 },
    { maxPart: 1.1 },
    { maxPart: Number.NaN },
  ])
    expect(code(bad)).toBe('ERR_OPTION_INVALID')
  for (const bad of [{ hot: 9 }, { hot: 60_001 }, { maxSubjects: 0 }, { maxSubjects: 100_001 }, { clock: null }, { clock: {} }])
    expect(code(bad)).toBe('ERR_OPTION_INVALID')
  expect(code({ ceiling: 10 })).toBe('ERR_OPTION_UNKNOWN')
  expect(code({ ttl: 100, maxPart: 1, hot: 10, maxSubjects: 1 })).toBeUndefined()
})
