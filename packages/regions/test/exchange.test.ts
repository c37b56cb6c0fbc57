import { fixedWindow } from '@sluice/core'
import { Exchange, regions, type RegionStorage } from '@sluice/regions/store-kit'
import { fakeClock } from '@sluice/testing'
import { expect, test } from 'vitest'

const { limit } = fixedWindow({ name: 'hour', limit: 10, window: '1h' })
const target = { scope: 'api+hour.fixedWindow', limit, subject: 'user:1' }

const record = { kind: 'count', policy: 'api', subject: 'user:1', version: 1, entries: [] } as const

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

test('the way to a broker does not make the interval longer', async () => {
  const clock = fakeClock()
  let collects = 0
  const storage: RegionStorage = {
    partitionOf: () => 0,
    collect: (keys) => {
      collects += 1
      return keys.map(() => ({ result: 'record' as const, record }))
    },
    apply: () => [],
  }
  const transport = { publish: () => new Promise<void>(() => undefined), subscribe: () => Promise.resolve(() => Promise.resolve()) }
  const exchange = new Exchange({ regions: regions({ self: 'eu', all: ['eu', 'us'], transport }), storage, clock, random: () => 0.5 })
  await exchange.start()
  for (let i = 1; i <= 3; i++) {
    exchange.touched(target, 0)
    clock.advance(1_000)
    await new Promise((resolve) => setImmediate(resolve))
    expect(collects).toBe(i)
  }
  await exchange.close()
})

test('an urgent decision makes no timer later', async () => {
  const clock = fakeClock()
  const { storage, ends } = slowStorage()
  const transport = { publish: () => Promise.resolve(), subscribe: () => Promise.resolve(() => Promise.resolve()) }
  const exchange = new Exchange({ regions: regions({ self: 'eu', all: ['eu', 'us'], transport }), storage, clock, random: () => 0.5 })
  await exchange.start()
  clock.advance(970)
  exchange.touched(target, 5)
  clock.advance(30)
  expect(ends).toHaveLength(1)
  await exchange.close()
})

test('what the transport did not take is published again', async () => {
  const clock = fakeClock()
  const forced: boolean[] = []
  const storage: RegionStorage = {
    partitionOf: () => 0,
    collect: (keys) => {
      forced.push(...keys.map(({ isForced }) => isForced))
      return keys.map(() => ({ result: 'record' as const, record }))
    },
    apply: () => [],
  }
  const failures: unknown[] = []
  const transport = {
    publish: () => (forced.length === 1 ? Promise.reject(new Error('no broker')) : Promise.resolve()),
    subscribe: () => Promise.resolve(() => Promise.resolve()),
  }
  const parts = { regions: regions({ self: 'eu', all: ['eu', 'us'], transport }), storage, clock }
  const exchange = new Exchange({ ...parts, failed: (error) => failures.push(error) })
  exchange.touched(target, 5)
  await exchange.collect()
  await exchange.collect()
  await exchange.collect()
  expect(forced).toEqual([false, true])
  expect(failures).toHaveLength(1)
  expect(exchange.report().sent).toBe(1)
  await exchange.close()
})

test.each([
  ['that never began', (): void => undefined],
  ['that began meanwhile', (exchange: Exchange): void => void exchange.start()],
  ['that has begun', (exchange: Exchange): Promise<void> => exchange.start()],
] as const)('the close of an exchange %s ends its transport, and nothing begins after it', async (_, begin) => {
  const clock = fakeClock()
  let [subscribed, subscriptions] = [0, 0]
  const subscribe = async (): Promise<() => Promise<void>> => {
    subscribed += 1
    subscriptions += 1
    return async () => void (subscriptions -= 1)
  }
  const transport = { publish: () => Promise.resolve(), subscribe }
  const exchange = new Exchange({ regions: regions({ self: 'eu', all: ['eu', 'us'], transport }), storage: slowStorage().storage, clock })
  await begin(exchange)
  await exchange.close()
  expect(subscribed).toBe(1)
  expect(subscriptions).toBe(0)
  await exchange.start()
  expect(subscribed).toBe(1)
  expect(clock.pending).toBe(0)
})

test('a close ends also if its transport takes no subscription', async () => {
  const transport = { publish: () => Promise.resolve(), subscribe: () => Promise.reject(new Error('away')) }
  const exchange = new Exchange({
    regions: regions({ self: 'eu', all: ['eu', 'us'], transport }),
    storage: slowStorage().storage,
    clock: fakeClock(),
  })
  await expect(exchange.start()).rejects.toThrow('away')
  await exchange.close()
})
