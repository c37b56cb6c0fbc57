import { type Charge, fixedWindow, memoryStore, type Outcome, slidingWindow, type Store } from '@sluice/core'
import { type ChargeGroup, consumeAcross, consumePartitions, groupByPartition } from '@sluice/core/store-kit'
import { describe, expect, it } from 'vitest'

const limit = fixedWindow({ name: 'a', limit: 3, window: '1h', anchor: 'first' }).limit
const charge = (subject: string, cost = 1): Charge => ({ limit, scope: 'p+a.fixedWindow', subject, cost })
const left = (store: Store, subject: string) => (store.consume([charge(subject, 0)], { how: 'peek' }) as Outcome[])[0]?.remaining
const later = (inner: Store): Store => ({
  ...inner,
  name: 'later',
  consume: async (charges, options) => inner.consume(charges, options),
  reset: () => undefined,
})

describe.each([
  ['synchronous', (store: Store) => store],
  ['asynchronous', later],
])('a decision across %s stores', (_, wrap) => {
  const two = () => {
    const stores = [memoryStore(), memoryStore()] as const
    const groups = (costs: readonly [number, number] = [1, 1]): readonly ChargeGroup[] => [
      { store: wrap(stores[0]), charges: [charge('x', costs[0])] },
      { store: wrap(stores[1]), charges: [charge('y', costs[1]), charge('z', costs[1])] },
    ]
    return { stores, groups }
  }

  it('charges all of them, in the order of the groups', async () => {
    const { stores, groups } = two()
    const outcomes = await consumeAcross(groups([1, 2]))
    expect(outcomes).toMatchObject([
      { granted: 1, remaining: 2 },
      { granted: 2, remaining: 1 },
      { granted: 2, remaining: 1 },
    ])
    expect([left(stores[0], 'x'), left(stores[1], 'y'), left(stores[1], 'z')]).toEqual([2, 1, 1])
  })

  it('M2: with atLeast, all groups give the same number, or none', async () => {
    const { stores, groups } = two()
    void stores[1].consume([charge('y', 1)])
    expect(await consumeAcross(groups([9, 9]), { how: 'peek', atLeast: 1 })).toMatchObject([{ granted: 2 }, { granted: 2 }, { granted: 2 }])
    expect((await consumeAcross(groups([9, 9]), { how: 'peek', atLeast: 3 })).map((outcome) => outcome?.granted)).toEqual([0, 0, 0])
    expect(await consumeAcross(groups([9, 9]), { atLeast: 1 })).toMatchObject([{ granted: 2 }, { granted: 2 }, { granted: 2 }])
    expect([left(stores[0], 'x'), left(stores[1], 'y'), left(stores[1], 'z')]).toEqual([1, 0, 1])
  })

  it('charges no group when one refuses', async () => {
    const { stores, groups } = two()
    const outcomes = await consumeAcross(groups([1, 4]))
    expect(outcomes).toMatchObject([
      { allowed: true, granted: 0, receipt: undefined, remaining: 3 },
      { allowed: false, retryAfter: Infinity },
      { allowed: false },
    ])
    expect([left(stores[0], 'x'), left(stores[1], 'y')]).toEqual([3, 3])
  })

  it('gives back when a group refuses after the peek, with a short retryAfter', async () => {
    const { stores } = two()
    const racing: Store = {
      name: 'racing',
      // Somebody else takes what was left between the look and the charge.
      consume(charges, options) {
        if (options?.how !== 'peek') void stores[1].consume([charge('y', 3)], { how: 'force' })
        return stores[1].consume(charges, options)
      },
      reset: () => undefined,
    }
    const outcomes = await consumeAcross([
      { store: wrap(stores[0]), charges: [charge('x', 2)] },
      { store: wrap(racing), charges: [charge('y')] },
    ])
    expect(outcomes).toMatchObject([
      { allowed: true, granted: 0, receipt: undefined, remaining: 3 },
      { allowed: false, held: true, retryAfter: 50 },
    ])
    expect(left(stores[0], 'x')).toBe(3)
  })

  it('gives back when a group fails, and throws its error', async () => {
    const { stores } = two()
    const failing: Store = {
      name: 'failing',
      consume: (charges, options) => (options?.how === 'peek' ? stores[1].consume(charges, options) : Promise.reject(new Error('gone'))),
      reset: () => undefined,
    }
    const run = async () =>
      consumeAcross([
        { store: wrap(stores[0]), charges: [charge('x', 2)] },
        { store: failing, charges: [charge('y')] },
      ])
    await expect(run()).rejects.toThrow('gone')
    expect(left(stores[0], 'x')).toBe(3)
  })

  it('forces and peeks without a peek before', async () => {
    const { stores, groups } = two()
    expect(await consumeAcross(groups([9, 1]), { how: 'force' })).toMatchObject([
      { allowed: true, remaining: 0 },
      { remaining: 2 },
      { remaining: 2 },
    ])
    expect(await consumeAcross(groups(), { how: 'peek' })).toMatchObject([{ allowed: false }, { allowed: true }, { allowed: true }])
    expect([left(stores[0], 'x'), left(stores[1], 'y')]).toEqual([0, 2])
  })
})

it.each(['charge', 'peek', 'force'] as const)('%s: a group that throws leaves no rejection of another behind', async (how) => {
  const consumes: readonly Store['consume'][] = [
    () => Promise.reject(new Error('later')),
    () => {
      throw new Error('at once')
    },
  ]
  const groups = consumes.map((consume): ChargeGroup => ({ store: { consume }, charges: [charge('x')] }))
  await expect(async () => consumeAcross(groups, { how })).rejects.toThrow('at once')
  await new Promise((resolve) => setImmediate(resolve))
})

describe('a single group, or none', () => {
  it('is decided without a peek', () => {
    const seen: unknown[] = []
    const store: Store = { name: 'spy', consume: (...args) => (seen.push(args), []), reset: () => undefined }
    const charges = [{ limit: slidingWindow({ name: 'a', limit: 1, window: '1s' }).limit, scope: 's', subject: 'u', cost: 1 }]
    void consumeAcross([{ store, charges }], { atLeast: 1 })
    expect(seen).toEqual([[charges, { atLeast: 1 }]])
    expect(consumeAcross([])).toEqual([])
  })
})

describe('the partitions of one store', () => {
  const partitionOf = ({ subject }: Charge): string => subject.slice(0, 1)
  const charges = [charge('a1'), charge('b1', 2), charge('a2', 3), charge('b1')]

  it('decide their charges, and the outcomes are in the order of the decision', async () => {
    const groups = groupByPartition(charges, partitionOf)
    expect(groups.map(({ partition, indexes }) => [partition, indexes])).toEqual([
      ['a', [0, 2]],
      ['b', [1, 3]],
    ])
    for (const wrap of [(store: Store) => store, later]) {
      const stores: Readonly<Record<string, Store>> = { a: wrap(memoryStore()), b: wrap(memoryStore()) }
      const outcomes = await consumePartitions(groups, (partition, part, options) => (stores[partition] as Store).consume(part, options))
      expect(outcomes.map((outcome) => outcome?.remaining)).toEqual([2, 1, 0, 0])
    }
  })

  it('decide without a peek when there is only one', () => {
    const asked: unknown[] = []
    const store = memoryStore()
    const outcomes = consumePartitions(
      groupByPartition(charges, () => 'all'),
      (partition, part, options) => {
        asked.push([partition, part.length, options])
        return store.consume(part, options)
      },
      { atLeast: 1 },
    )
    expect([asked, (outcomes as Outcome[]).length]).toEqual([[['all', 4, { atLeast: 1 }]], 4])
  })
})
