// D06: a decision takes about the same time with ten holders or log entries as with ten thousand, and its outcome is that of a plain list.
import { concurrency, type Limit, memoryStore, type Outcome, slidingLog } from '@sluice/core'
import { findHolder, type Holder, holdersOf, listHolders, liveHolders, withHolder, withoutHolder } from '../../src/algorithms/holders.ts'
import { entriesAfter, entryAtUnits, findEntry, listEntries, type LogEntry, logOf, newestEntry } from '../../src/algorithms/log-entries.ts'
import { withEntry, withoutUnits } from '../../src/algorithms/log-entries.ts'
import { expect, test } from 'vitest'

/** Numbers from 0 to before `bound`, the same in each run. */
function randomly(seed: number): (bound: number) => number {
  let state = seed
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
}

const byId = (a: Holder, b: Holder): number => (a.id < b.id ? -1 : 1)

test('D06: holders in buckets are those of a plain list', () => {
  const random = randomly(1)
  let holders = holdersOf([])
  let plain: Holder[] = []
  for (let i = 0; i < 6_000; i++) {
    const isGrowing = i < 3_000 || (i > 4_000 && i < 4_500)
    const some = plain[random(plain.length)]
    const found = some && findHolder(holders, some.id)
    expect(found).toEqual(some)
    if (found === undefined || random(10) < (isGrowing ? 9 : 3)) {
      const holder = { id: `p.${i}`, expires: 1_000 + random(1_000_000) }
      holders = withHolder(holders, holder)
      plain.push(holder)
    } else {
      holders = withoutHolder(holders, found)
      plain = plain.filter((holder) => holder !== some)
    }
    if (i % 500 === 499) {
      const now = random(20_000)
      holders = liveHolders(holders, now)
      plain = plain.filter(({ expires }) => expires > now)
    }
    const ends = plain.map(({ expires }) => expires)
    expect([holders.count, holders.earliest, holders.latest]).toEqual([
      plain.length,
      Math.min(Number.MAX_SAFE_INTEGER, ...ends),
      Math.max(0, ...ends),
    ])
  }
  expect(listHolders(holders).toSorted(byId)).toEqual(plain.toSorted(byId))
  expect(findHolder(holders, 'nobody')).toBeUndefined()
})

test('D06: holders that are not listed count', () => {
  const listed = [1, 2, 3].map((n) => ({ id: `${n}`, expires: 100 * n }))
  let holders = liveHolders(holdersOf(listed, 7), 100)
  expect([holders.count, holders.earliest, holders.latest]).toEqual([9, 200, 300])
  holders = withoutHolder(withHolder(holders, { id: '4', expires: 400 }), listed[1] as Holder)
  expect([holders.count, holders.earliest, holders.latest]).toEqual([9, 300, 400])
})

test('D06: a log in chunks is that of a plain list', () => {
  const random = randomly(2)
  let log = logOf([], 0)
  let plain: LogEntry[] = []
  for (let i = 0; i < 4_000; i++) {
    const some = plain[random(plain.length)]
    if (some === undefined || random(10) < 7) {
      const time = (plain.at(-1)?.time ?? 0) + random(3)
      plain.push({ time, units: 1 + random(5), id: log.next })
      log = withEntry(log, time, plain.at(-1)?.units ?? 0)
    } else {
      const back = 1 + random(some.units)
      log = withoutUnits(log, findEntry(log, some.time, some.id) as LogEntry, back)
      plain = plain.flatMap((entry) => (entry !== some ? [entry] : back < some.units ? [{ ...entry, units: some.units - back }] : []))
    }
    const units = plain.reduce((sum, entry) => sum + entry.units, 0)
    expect([log.units, newestEntry(log)]).toEqual([units, plain.at(-1)])
    const least = 1 + random(units + 2)
    let sum = 0
    expect(entryAtUnits(log, least)).toEqual(plain.find((entry) => (sum += entry.units) >= least))
    if (i % 100 !== 99) continue
    const time = plain[random(Math.ceil(plain.length / 4))]?.time ?? 0
    log = entriesAfter(log, time)
    plain = plain.filter((entry) => entry.time > time)
    expect(listEntries(log)).toEqual(plain)
  }
  for (const [time, id] of [
    [-1, 0],
    [Number.NaN, 1],
    [10 ** 15, 1],
  ] as const)
    expect(findEntry(log, time, id)).toBeUndefined()
})

test('D06: states are JSON, in which some stores keep them', () => {
  const list = Array.from({ length: 100 }, (_, i) => ({ id: `p.${i}`, expires: 1_000 + i }))
  for (const holders of [holdersOf([]), holdersOf(list.slice(0, 3), 2), holdersOf(list)])
    expect(JSON.parse(JSON.stringify(holders))).toEqual(holders)
  const log = logOf(
    list.map((_, i) => ({ time: i, units: 1, id: i })),
    100,
  )
  expect(JSON.parse(JSON.stringify(log))).toEqual(log)
})

/** The least ns of a decision, over some rounds. */
function leastOf(decide: () => unknown): number {
  let least = Infinity
  for (let round = 0; round < 200; round++) {
    const before = process.hrtime.bigint()
    for (let i = 0; i < 10; i++) decide()
    least = Math.min(least, Number(process.hrtime.bigint() - before))
  }
  return least / 10
}

test.each<[string, (size: number) => Limit]>([
  ['holders', (size) => concurrency({ name: 'many', limit: size + 1, ttl: '10m' }).limit],
  // A limit of this size is refused where it is defined.
  ['log entries', (size) => ({ ...slidingLog({ name: 'many', limit: 1, window: '10m' }).limit, limit: size + 1 })],
])('D06: a decision of the memory store is not a hundred times slower with 10,000 %s than with 10', (_, limitOf) => {
  const cost = (size: number): number => {
    const store = memoryStore()
    const limit = limitOf(size)
    const target = { limit, scope: `p+${limit.name}.${limit.algorithm}`, subject: 'a' }
    const consume = (units: number, receipt?: Outcome['receipt']): Outcome =>
      (store.consume([{ ...target, cost: units, receipt }]) as Outcome[])[0] as Outcome
    for (let i = 0; i < size; i++) consume(1)
    return leastOf(() => consume(-1, consume(1).receipt))
  }
  // To warm up.
  cost(100)
  expect(cost(10_000)).toBeLessThan(100 * cost(10))
})
