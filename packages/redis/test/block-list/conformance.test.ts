// The contract of a storage of a block list, and random histories against the storage in memory.
import { memoryBlockStorage } from '@sluice/blocklist'
import type { BlockStorage, EscalationRule, StrikeReport } from '@sluice/core/store-kit'
import { redisBlockStorage } from '@sluice/redis'
import { bitmap, blockRule, blockStorageConformance, fakeClock, strikeReport } from '@sluice/testing'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'

let server: RedisServer
let opened = 0
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

blockStorageConformance('Redis', async (clock) => {
  const key = `blocks-${(opened += 1)}`
  const client = server.client()
  const open = (): BlockStorage => redisBlockStorage(client, { key, clock })
  onTestFinished(() => client.disconnect())
  return { storage: open(), again: open }
})

const NAMES = ['a', 'b', 'c', 'd']
const report = fc.record({
  name: fc.constantFrom(...NAMES),
  strikes: fc.nat(8),
  more: fc.nat(4),
  admitted: fc.nat(12),
  bits: fc.array(fc.nat(255), { maxLength: 3 }),
  limits: fc.subarray(['api/minute', 'api/day', 'x']),
})
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('report' as const),
      reports: fc.uniqueArray(report, { minLength: 1, maxLength: 4, selector: ({ name }) => name }),
      shadow: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(1, 999, 20_000, 60_000, 61_000, 3_600_000, 86_400_000, 200_000_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('put' as const),
      name: fc.constantFrom(...NAMES),
      effect: fc.constantFrom('refuse' as const, 'drop', 'shadow', 'allow'),
      duration: fc.constantFrom(1, 5_000, 100_000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('remove' as const),
      name: fc.constantFrom(...NAMES),
      kind: fc.constantFrom('block' as const, 'allow'),
    }),
  },
)

const reportOf = ({ name, strikes, more, admitted, bits, limits }: typeof report extends fc.Arbitrary<infer T> ? T : never): StrikeReport =>
  strikeReport(name, { strikes, refused: strikes + more, requests: strikes + more + admitted, endpoints: bitmap(...bits), limits })

test('random histories: Redis decides as the storage in memory does', async () => {
  const client = server.client()
  onTestFinished(() => client.disconnect())
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const clock = fakeClock()
      const key = `history-${(opened += 1)}`
      const both = [memoryBlockStorage({ clock }), redisBlockStorage(client, { key, clock })] as const
      const ask = async <T>(run: (storage: BlockStorage) => Promise<T>): Promise<void> => {
        const [memory, redis] = await Promise.all([run(both[0]), run(both[1])])
        expect(redis).toEqual(memory)
      }
      const rule = blockRule({ maxPerMinute: 2, maxEntries: 3 })
      for (const each of steps) {
        if (each.do === 'wait') clock.advance(each.ms)
        else if (each.do === 'report') {
          const changed: EscalationRule = each.shadow ? { ...rule, effect: 'shadow' } : rule
          await ask((storage) => storage.report(each.reports.map(reportOf), changed))
        } else if (each.do === 'put') {
          const duration = each.effect === 'allow' && each.duration === 1 ? Infinity : each.duration
          await ask((storage) =>
            storage.put({ kind: 'subject', name: each.name, effect: each.effect, reason: '', duration, maxEntries: 3 }),
          )
        } else await ask((storage) => storage.remove({ kind: 'subject', name: each.name }, each.kind))
        await ask(async (storage) => (await storage.load()).records.toSorted((a, b) => (a.name < b.name ? -1 : 1)))
        for (const name of NAMES) {
          await ask(async (storage) => {
            const { record, evidence } = await storage.history({ kind: 'subject', name })
            // Redis forgets counts whose window has ended.
            return { record, evidence: evidence === undefined || clock.now() - evidence.since > 60_000 ? undefined : evidence }
          })
        }
      }
    }),
    { numRuns: 60 },
  )
})
