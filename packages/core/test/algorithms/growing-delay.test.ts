import { createLimiter, fixedWindow, slidingWindow } from '@sluice/core'
import { algorithmOf } from '@sluice/core/algorithms'
import { expect, it } from 'vitest'

it('M3: a process that decides a share of the requests alone delays as the store would', () => {
  const { limit } = slidingWindow({ name: 'minute', limit: 100, window: '1m', delay: { after: 9, step: '500ms', max: '10s' } })
  expect(algorithmOf(limit).scale(limit, 1 / 3)).toMatchObject({ limit: 33, delay: { after: 3, step: 1_500, max: 10_000 } })
  expect(algorithmOf(limit).scale(limit, 1 / 100)).toMatchObject({ limit: 1, delay: { after: 0, step: 10_000, max: 10_000 } })
})

it('M3: a limit that only slows down refuses nothing, and delays at most max', async () => {
  const limiter = createLimiter({
    limits: [fixedWindow({ name: 'slow', limit: Number.MAX_SAFE_INTEGER, window: '15m', delay: { after: 5, step: '500ms' } })],
  })
  const delays = []
  for (let i = 0; i < 50; i++) delays.push((await limiter.consume('u')).delay)
  expect(delays.slice(0, 8)).toEqual([0, 0, 0, 0, 0, 500, 1_000, 1_500])
  expect(Math.max(...delays)).toBe(20_000)
  expect(await limiter.consume('u', { cost: 2 ** 50 })).toMatchObject({ allowed: true, delay: 20_000 })
})

it('M3: the longest delay of a decision holds', async () => {
  const limiter = createLimiter({
    limits: [
      slidingWindow({ name: 'short', limit: 10, window: '1s', delay: { after: 0, step: 3 } }),
      slidingWindow({ name: 'long', limit: 10, window: '1m', delay: { after: 1, step: 100 } }),
    ],
  })
  expect((await limiter.consume('u')).delay).toBe(3)
  expect((await limiter.consume('u')).delay).toBe(100)
})
