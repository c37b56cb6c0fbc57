import { describe, expect, it } from 'vitest'
import type { Item } from '../../../src/http/headers/items.ts'
import { limitLine, NumberLines } from '../../../src/http/headers/lines.ts'

const item = (name: string, window: number | undefined): Item => ({
  name,
  visible: true,
  opening: `"${name}";r=`,
  quota: 1_000,
  window,
  resetsAtOnce: false,
  policy: '',
})

describe('NumberLines', () => {
  it.each([0, 256, 0, 1, 257, 1, 999_999_999_999_999, 2 ** 31, 1_795_301_586])('writes %d, whatever number had its place', (value) => {
    expect(lines.of(value)).toEqual(['X-RateLimit-Remaining', String(value)])
    expect(lines.of(value)).toBe(lines.of(value))
  })
  const lines = new NumberLines('X-RateLimit-Remaining')
})

describe('limitLine', () => {
  const minute = item('minute', 60)
  it.each([
    [minute, 5, 3, '"minute";r=5;t=3'],
    [minute, 5, 4, '"minute";r=5;t=4'],
    [minute, 261, 4, '"minute";r=261;t=4'],
    [item('day', 86_400), 261, 4, '"day";r=261;t=4'],
    [item('slots', undefined), 261, 4, '"slots";r=261'],
    [minute, 5, 3, '"minute";r=5;t=3'],
  ])('writes its limit, units and seconds, whatever line had its place', (limit, left, reset, text) => {
    expect(limitLine(limit, left, reset)).toEqual(['RateLimit', text])
    expect(limitLine(limit, left, reset)).toBe(limitLine(limit, left, reset))
  })
})
