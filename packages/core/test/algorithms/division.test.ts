import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ceilDiv, floorDiv } from '../../src/algorithms/division.ts'

const MOST = Number.MAX_SAFE_INTEGER
const big = fc.oneof(
  fc.maxSafeNat(),
  fc.nat(1_000),
  fc.nat(1_000).map((n) => MOST - n),
)
const exact = (a: number, b: number) => Number(BigInt(a) / BigInt(b))

describe('division of safe integers', () => {
  it('is that of big integers, for any two safe integers', () => {
    fc.assert(
      fc.property(big, big, (a, b) => {
        const divisor = Math.max(1, b)
        expect(floorDiv(a, divisor)).toBe(exact(a, divisor))
        expect(ceilDiv(a, divisor)).toBe(exact(a, divisor) + (a % divisor > 0 ? 1 : 0))
      }),
      { numRuns: 20_000 },
    )
  })

  it('is exact around multiples of the divisor, where a quotient could round up', () => {
    fc.assert(
      fc.property(big, fc.oneof(big, fc.integer({ min: 1, max: 2 ** 31 })), (a, b) => {
        const divisor = Math.max(1, b)
        const multiple = exact(a, divisor) * divisor
        for (const near of [multiple - 1, multiple, multiple + 1].filter((each) => each >= 0 && each <= MOST)) {
          expect(floorDiv(near, divisor)).toBe(exact(near, divisor))
          expect(ceilDiv(near, divisor)).toBe(exact(near, divisor) + (near % divisor > 0 ? 1 : 0))
        }
      }),
      { numRuns: 50_000 },
    )
  })
})
