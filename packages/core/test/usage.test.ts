import { createLimiter, type Decision, fixedWindow, memoryStore, slidingWindow } from '@sluice/core'
import { eachUsage } from '@sluice/core/store-kit'
import { fakeClock } from '@sluice/testing'
import { expect, test } from 'vitest'

type Row = readonly [policy: string, verdict: string, units: number]

function usageOf(decision: Decision): readonly Row[] {
  const rows: Row[] = []
  eachUsage(decision, (policy, verdict, units) => rows.push([policy, verdict, units]))
  return rows
}

test('a limiter is one policy, with the gravest verdict of its limits', async () => {
  const limits = [fixedWindow({ name: 'minute', limit: 3, window: '1m' }), slidingWindow({ name: 'hour', limit: 9, window: '1h' })]
  const limiter = createLimiter({ name: 'api', limits, store: memoryStore({ clock: fakeClock(0) }) })
  expect(usageOf(await limiter.consume('u', { cost: 2 }))).toEqual([
    ['', 'allowed', 2],
    ['api', 'allowed', 2],
  ])
  expect(usageOf(await limiter.consume('u', { cost: { minute: 2, hour: 4 } }))).toEqual([
    ['', 'refused', 4],
    ['api', 'refused', 4],
  ])
  await limiter.block('u', '1m')
  expect(usageOf(await limiter.consume('u'))).toEqual([
    ['', 'blocked', 1],
    ['api', 'blocked', 1],
  ])
})

test('a limiter in shadow is counted as a request, by what it said', async () => {
  const limits = [fixedWindow({ name: 'minute', limit: 1, window: '1m' })]
  const limiter = createLimiter({ name: 'new', mode: 'shadow', limits, store: memoryStore({ clock: fakeClock(0) }) })
  await limiter.consume('u')
  expect(usageOf(await limiter.consume('u'))).toEqual([
    ['', 'refused', 1],
    ['new', 'refused', 1],
  ])
})

test('without a limit there is only the request', async () => {
  const limits = [fixedWindow({ name: 'minute', limit: 1, window: '1m' })]
  const limiter = createLimiter({ tiers: { free: limits, none: [] }, store: memoryStore() })
  expect(usageOf(await limiter.consume('u', { tier: 'none' }))).toEqual([['', 'allowed', 1]])
})

test('a block counts the request, and one in shadow nothing: the limiter decides the request too', async () => {
  const limits = [fixedWindow({ name: 'minute', limit: 1, window: '1m' })]
  const decision = await createLimiter({ tiers: { none: [], free: limits }, store: memoryStore() }).consume('u', { tier: 'none' })
  const blocked: Decision = { ...decision, verdict: 'blocked', source: 'block', granted: 0, rule: 'flood' }
  expect(usageOf(blocked)).toEqual([['', 'blocked', 0]])
  expect(usageOf({ ...blocked, mode: 'shadow' })).toEqual([])
})
