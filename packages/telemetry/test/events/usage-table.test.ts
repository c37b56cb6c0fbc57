import { OTHER } from '@sluice/core/store-kit'
import { fakeClock } from '@sluice/testing'
import { describe, expect, test } from 'vitest'
import type { CountedRow } from '../../src/events/usage-place.ts'
import { UsageTable } from '../../src/events/usage-table.ts'
import { decisionBy } from './support.ts'

const START = 1_800_000_000_000
let boots = 0
const newTable = (): UsageTable =>
  new UsageTable(
    () => `boot ${(boots += 1)}`,
    () => 0,
  )
const allowed = decisionBy({ api: 'allowed' })
const whole = (rows: readonly CountedRow[]): readonly CountedRow[] => rows.filter(({ policy }) => policy === '')
const sumOf = (rows: readonly CountedRow[]): number => rows.reduce((sum, { requests }) => sum + requests, 0)

describe('a minute', () => {
  test('ends with the clock', () => {
    const table = newTable()
    for (const ms of [0, 59_999, 60_000]) table.count(START + ms, allowed, '', '')
    expect(whole(table.unacknowledged()).map(({ minute, requests }) => [minute.start - START, requests])).toEqual([
      [0, 2],
      [60_000, 1],
    ])
  })

  test('is never opened again: a clock that steps back goes on with the minute that it left', () => {
    const table = newTable()
    for (const ms of [0, 60_000, 59_999, -200_000]) table.count(START + ms, allowed, '', '')
    const rows = whole(table.unacknowledged())
    expect(rows.map(({ minute, requests }) => [minute.start - START, requests])).toEqual([
      [0, 1],
      [60_000, 3],
    ])
    expect(new Set(rows.map(({ minute }) => minute.boot)).size).toBe(1)
  })

  test('of a clock that was hours ahead begins under another boot id', () => {
    const table = newTable()
    for (const hours of [0, 5, 0]) table.count(START + hours * 3_600_000, allowed, '', '')
    const rows = whole(table.unacknowledged())
    expect(rows.map(({ minute }) => (minute.start - START) / 3_600_000)).toEqual([0, 5, 0])
    expect(new Set(rows.map(({ minute: { start, boot } }) => `${start} ${boot}`)).size).toBe(3)
  })
})

describe('rows', () => {
  test('a request under three policies is counted once with the policy ""', () => {
    const table = newTable()
    table.count(START, decisionBy({ api: 'allowed', login: 'refused', uploads: 'allowed' }, { units: 2 }), 'acme', '/login')
    expect(table.unacknowledged().map(({ policy, verdict, requests, units }) => [policy, verdict, requests, units])).toEqual([
      ['', 'refused', 1, 2],
      ['api', 'allowed', 1, 2],
      ['login', 'refused', 1, 2],
      ['uploads', 'allowed', 1, 2],
    ])
  })

  test('are kept apart by each field of their key', () => {
    const table = newTable()
    table.count(START, allowed, 'a', '/x')
    table.count(START, allowed, 'b', '/x')
    table.count(START, allowed, 'a', '/y')
    table.count(START, decisionBy({ api: 'allowed' }, { tier: 'free' }), 'a', '/x')
    table.count(START, decisionBy({ api: 'allowed' }, { mode: 'shadow', namespace: 'jobs' }), 'a', '/x')
    table.count(START, decisionBy({ api: 'refused' }), 'a', '/x')
    table.count(START, allowed, 'a', '/x')
    expect(
      table.unacknowledged().map(({ place, policy, mode, verdict, requests }) => ({
        tenant: place.tenant,
        endpoint: place.endpoint,
        tier: place.tier,
        namespace: place.namespace,
        policy,
        mode,
        verdict,
        requests,
      })),
    ).toMatchObject([
      { tenant: 'a', endpoint: '/x', policy: '', requests: 2 },
      { tenant: 'a', endpoint: '/x', policy: 'api', requests: 2 },
      { tenant: 'b', endpoint: '/x', policy: '', requests: 1 },
      { tenant: 'b', endpoint: '/x', policy: 'api', requests: 1 },
      { tenant: 'a', endpoint: '/y', policy: '', requests: 1 },
      { tenant: 'a', endpoint: '/y', policy: 'api', requests: 1 },
      { tier: 'free', policy: '', requests: 1 },
      { tier: 'free', policy: 'api', requests: 1 },
      // A policy in shadow decides apart from the request.
      { namespace: 'jobs', mode: 'shadow', policy: 'api', requests: 1 },
      { verdict: 'refused', policy: '', requests: 1 },
      { verdict: 'refused', policy: 'api', requests: 1 },
    ])
  })

  test('of a closed minute are kept until the sink has their last values, or for as long as it is asked to', () => {
    const clock = fakeClock()
    const table = new UsageTable(
      () => 'boot',
      () => clock.monotonic(),
    )
    table.count(START, allowed, '', '')
    clock.advance(60_000)
    table.count(START + 60_000, allowed, '', '')
    expect(table.forget(clock.monotonic())).toBe(0)
    expect(table.unacknowledged()).toHaveLength(4)
    for (const row of table.unacknowledged()) if (row.policy === '') row.acknowledged = row.requests
    table.forget(clock.monotonic())
    expect(table.unacknowledged().map(({ policy }) => policy)).toEqual(['api', 'api'])
    // That of the open minute stays.
    expect(table.forget(clock.monotonic() + 1)).toBe(1)
    expect(table.unacknowledged()).toHaveLength(1)
  })
})

describe('the bound', () => {
  test('the 2,001st key of a minute and those after it are counted as __other__, and no request is lost', () => {
    const table = newTable()
    const refused = decisionBy({ api: 'refused' })
    // Two keys each: one for the request, one for its policy.
    for (let i = 0; i < 3_000; i++) table.count(START, i % 3 === 0 ? refused : allowed, `tenant ${i % 1_500}`, '/x')
    const rows = table.unacknowledged()
    expect(sumOf(whole(rows))).toBe(3_000)
    expect(sumOf(whole(rows).filter(({ verdict }) => verdict === 'refused'))).toBe(1_000)
    expect(sumOf(rows.filter(({ policy }) => policy !== ''))).toBe(3_000)
    const others = rows.filter(({ place }) => place.tenant === OTHER)
    expect(rows.length - others.length).toBe(2_000)
    expect(others.map(({ place, policy, verdict, requests }) => [place.namespace, place.endpoint, policy, verdict, requests])).toEqual([
      ['shop', OTHER, '', 'allowed', 668],
      ['shop', OTHER, OTHER, 'allowed', 668],
      ['shop', OTHER, '', 'refused', 332],
      ['shop', OTHER, OTHER, 'refused', 332],
    ])
    expect(table.folded).toBe(sumOf(whole(others)))
    table.count(START + 60_000, allowed, 'a tenant of the next minute', '/x')
    expect(table.unacknowledged().at(-1)?.place.tenant).toBe('a tenant of the next minute')
  })

  test('10,000 namespaces and 1,000 policies of a decision stay within it', () => {
    const table = newTable()
    const many = decisionBy(Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`p${i}`, 'allowed' as const])))
    for (let i = 0; i < 3; i++) table.count(START, many, `tenant ${i}`, '')
    for (let i = 0; i < 10_000; i++) table.count(START, { ...allowed, policy: `limiter ${i}` }, '', '')
    const rows = table.unacknowledged()
    expect(rows.length).toBeLessThanOrEqual(2_000 + 65 * 2)
    expect(sumOf(whole(rows))).toBe(10_003)
    expect(sumOf(rows)).toBe(20_003 + 3_000)
  })

  test('a value of more than 256 UTF-16 units, which a client may have chosen, is not kept', () => {
    const table = newTable()
    table.count(START, allowed, 'x'.repeat(257), '')
    table.count(START, allowed, 'x'.repeat(256), '')
    expect(whole(table.unacknowledged()).map(({ place }) => place.tenant.length)).toEqual([OTHER.length, 256])
    expect(table.folded).toBe(1)
  })
})
