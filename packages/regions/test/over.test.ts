import { fixedWindow, type Limit, tokenBucket } from '@sluice/core'
import { apply, type CountRecord, NO_LEDGER, shapeOf, type SubjectData } from '@sluice/regions/store-kit'
import { expect, test } from 'vitest'

const NOW = Date.parse('2026-01-01T00:10:00Z')
const TERMS = { interval: 1_000, urgent: 0.01, minimum: 0, keep: 60_000, regions: 3 }

/** Units above the limit that each of these sums of another region brings. */
function overOf(limit: Limit, scope: string, start: number, sums: readonly number[]): readonly number[] {
  const { text, N, P, burst } = shapeOf({ scope, limit }, NOW)
  let data: SubjectData = { states: new Map(), ledger: NO_LEDGER }
  return sums.map((units, i) => {
    const record: CountRecord = {
      kind: 'count',
      policy: 'api',
      subject: 'user:1',
      version: 1 + i,
      entries: [{ text, reset: 0, start, units, before: units, N, P, burst }],
    }
    const { over, changes } = apply(record, { region: 1, at: NOW }, data, TERMS, NOW * 1_000)
    if (changes !== undefined) data = { states: changes.states as SubjectData['states'], ledger: changes.ledger }
    return over
  })
}

// Each message would count the whole excess again, so that many small messages look like a large error.
test('units above a limit are counted once, however many messages tell of them', () => {
  const { limit } = fixedWindow({ name: 'hour', limit: 100, window: '1h' })
  expect(overOf(limit, 'api+hour.fixedWindow', Date.parse('2026-01-01T00:00:00Z'), [90, 120, 130, 130, 125, 131])).toEqual([
    0, 20, 10, 0, 0, 6,
  ])
})

test('units that a bucket lacks beyond its size are counted once', () => {
  const { limit } = tokenBucket({ name: 'calls', limit: 100, window: '1h', burst: 10 })
  expect(overOf(limit, 'api+calls.tokenBucket', NOW * 1_000, [8, 13, 15, 15])).toEqual([0, 3, 2, 0])
})
