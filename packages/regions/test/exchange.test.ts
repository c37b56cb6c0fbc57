import { fixedWindow } from '@sluice/core'
import { Exchange, regions, type RegionStorage } from '@sluice/regions/store-kit'
import { fakeClock } from '@sluice/testing'
import { expect, test } from 'vitest'

const { limit } = fixedWindow({ name: 'hour', limit: 10, window: '1h' })
const target = { scope: 'api+hour.fixedWindow', limit, subject: 'user:1' }

/** A storage whose calls end when the test says so, as those of a server do. */
function slowStorage() {
  const ends: (() => void)[] = []
  const storage: RegionStorage = {
    partitionOf: () => 0,
    collect: (keys) => new Promise((resolve) => ends.push(() => resolve(keys.map(() => ({ result: 'nothing' as const }))))),
    apply: () => [],
  }
  return { storage, ends }
}

// Each further timer would have started another one when it had run, without an end.
test('urgent decisions during a call of the storage leave one timer', async () => {
  const clock = fakeClock()
  const { storage, ends } = slowStorage()
  const transport = { publish: () => Promise.resolve(), subscribe: () => Promise.resolve(() => Promise.resolve()) }
  const exchange = new Exchange({ regions: regions({ self: 'eu', all: ['eu', 'us'], transport }), storage, clock })
  await exchange.start()
  for (let i = 0; i < 5; i++) {
    exchange.touched(target, 5)
    clock.advance(50)
    expect(ends).toHaveLength(1)
    exchange.touched(target, 5)
    ends.pop()?.()
    await new Promise((resolve) => setImmediate(resolve))
    expect(clock.pending).toBe(1)
  }
  await exchange.close()
  expect(clock.pending).toBe(0)
})
