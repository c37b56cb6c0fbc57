// Any history of strikes and pauses: the blocks of a subject keep to their levels, and all blocks to the budget.
import { memoryBlockStorage } from '@sluice/blocklist'
import { blockRule, fakeClock, strikeReport } from '@sluice/testing'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const MINUTE = 60_000
const DAY = 86_400_000

test('a block is twice as long as the last, half for each quiet day, and never while one holds', async () => {
  const pause = fc.oneof(fc.nat(200_000), fc.nat(3 * DAY), fc.constantFrom(MINUTE, DAY - 1, DAY, DAY + 1))
  await fc.assert(
    fc.asyncProperty(fc.array(pause, { minLength: 1, maxLength: 40 }), async (pauses) => {
      const clock = fakeClock()
      const storage = memoryBlockStorage({ clock })
      let level = 0
      let end = 0
      for (const ms of pauses) {
        clock.advance(ms)
        const { blocked } = await storage.report([strikeReport('a')], blockRule())
        const isFree = clock.now() >= end
        if (isFree) {
          // One at a time, as an operator would count.
          for (let day = end + DAY; day <= clock.now() && level > 0; day += DAY) level -= 1
          level = Math.min(level + 1, 12)
          end = clock.now() + Math.min(MINUTE * 2 ** (level - 1), DAY)
        }
        expect(blocked).toMatchObject(isFree ? [{ level, since: clock.now(), until: end }] : [])
        expect(blocked).toHaveLength(isFree ? 1 : 0)
      }
    }),
    { numRuns: 300 },
  )
})

test('in each minute there are at most as many new blocks as the budget has, whichever process reports', async () => {
  const step = fc.record({ ms: fc.nat(20_000), first: fc.nat(500), count: fc.integer({ min: 1, max: 12 }), active: fc.nat(3_000) })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 20 }), async (steps, maxPerMinute) => {
      const clock = fakeClock()
      const storage = memoryBlockStorage({ clock })
      const perMinute = new Map<number, number>()
      let most = 0
      for (const { ms, first, count, active } of steps) {
        clock.advance(ms)
        most = Math.max(most, active)
        const reports = Array.from({ length: count }, (_, i) => strikeReport(`a${first + i}`))
        const { blocked, overBudget, full } = await storage.report(reports, blockRule({ maxPerMinute, maxShare: 0.01, active }))
        expect(blocked.length + overBudget + full).toBeLessThanOrEqual(count)
        const minute = Math.floor(clock.now() / MINUTE)
        perMinute.set(minute, (perMinute.get(minute) ?? 0) + blocked.length)
      }
      for (const blocks of perMinute.values()) expect(blocks).toBeLessThanOrEqual(Math.min(maxPerMinute, Math.max(1, most * 0.01)))
    }),
    { numRuns: 200 },
  )
})
