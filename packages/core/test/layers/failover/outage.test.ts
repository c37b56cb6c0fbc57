// D04: why the store does not decide is reported once for each outage and cause, and so is its end.
import type { StoreEvent } from '@sluice/core'
import { createLimiter, slidingWindow } from '@sluice/core'
import { expect, test, vi } from 'vitest'
import { charge, consumeOne, flushPromises, healAndWait, openBreaker, passTime, setUp, storeError } from './lab.ts'

const warnings = (events: readonly StoreEvent[]): readonly string[] =>
  events.flatMap((event) => (event.type === 'warning' && event.code.startsWith('WARN_STORE') ? [`${event.code} ${event.message}`] : []))
const away = (cause: string): string =>
  `WARN_STORE_AWAY redis does not decide: ${cause}; until it does, this process decides as failMode says`

test('D04: one warning for each outage and cause, one at its end, and the cause in health() and on events', async () => {
  const at = setUp()
  await openBreaker(at)
  at.inner.fail(Object.assign(storeError({}), { reason: 'connect ECONNREFUSED 10.0.0.1:6379' }))
  await passTime(at.clock, 3_000)
  expect(at.store.health?.()).toMatchObject({ tier: 'local', cause: 'connect ECONNREFUSED 10.0.0.1:6379' })
  expect(at.events.filter(({ type }) => type === 'breaker').every((event) => 'cause' in event)).toBe(true)
  await healAndWait(at)
  expect(at.store.health?.()).toEqual({ tier: 'redis', breaker: 'closed', instances: 2, cause: undefined })
  const [first, second, back, ...more] = warnings(at.events)
  expect([first, second, more]).toEqual([away('away'), away('connect ECONNREFUSED 10.0.0.1:6379'), []])
  expect(back).toMatch(/^WARN_STORE_BACK redis decides again, after \d+\.\d s$/)
})

test('D04: an outage by lateness says so', async () => {
  const at = setUp()
  at.inner.holdCalls()
  for (let i = 0; i < 3; i++) {
    const answer = consumeOne(at.store, charge('a'))
    at.clock.advance(60)
    await answer
  }
  expect(warnings(at.events)).toEqual([away('no answer within the deadline of 50 ms')])
  at.inner.deliver()
  await at.store.close?.()
})

test('D04: a store that comes and goes fills no log, and an outage that lasts is reported', async () => {
  const at = setUp()
  for (let i = 0; i < 3; i++) {
    await openBreaker(at)
    at.inner.heal()
    await passTime(at.clock, 1_000)
  }
  expect(warnings(at.events)).toHaveLength(2)
  await openBreaker(at)
  await passTime(at.clock, 3_000)
  expect(warnings(at.events)).toHaveLength(3)
})

test('D04: a mistake in the set-up is reported at the start, before any request', async () => {
  let error: unknown = Object.assign(storeError({}), { reason: 'WRONGPASS' })
  const at = setUp({}, { reach: () => (error === undefined ? Promise.resolve() : Promise.reject(error)) })
  await flushPromises()
  expect(warnings(at.events)).toEqual([away('WRONGPASS')])
  expect(at.store.health?.()).toMatchObject({ cause: 'WRONGPASS' })
  await passTime(at.clock, 2_000)
  error = undefined
  await passTime(at.clock, 1_000)
  expect(warnings(at.events)).toHaveLength(2)
  expect(at.store.health?.().cause).toBeUndefined()
  await at.store.close?.()
  expect(at.clock.pending).toBe(0)
})

test('D04: the limiters of a store print one line between them, also one that is made during the outage', async () => {
  const lines: string[] = []
  const print = vi.spyOn(console, 'warn').mockImplementation((line: string) => void lines.push(line))
  try {
    const at = setUp()
    const limits = [slidingWindow({ name: 'a', limit: 1, window: '1m' })]
    for (const name of ['one', 'two']) createLimiter({ name, limits, store: at.store })
    await openBreaker(at)
    createLimiter({ name: 'three', limits, store: at.store })
    expect(lines.filter((line) => line.includes('WARN_STORE_AWAY'))).toHaveLength(1)
    await healAndWait(at)
    expect(lines.filter((line) => line.includes('WARN_STORE_BACK'))).toHaveLength(1)
  } finally {
    print.mockRestore()
  }
})
