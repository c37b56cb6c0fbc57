// When nobody is struck or blocked, and what a list says of it.
import { setImmediate } from 'node:timers/promises'
import { blockList, type BlockStorage, memoryBlockStorage } from '@sluice/blocklist'
import type { Decision } from '@sluice/core'
import { fakeClock } from '@sluice/testing'
import { describe, expect, onTestFinished, test } from 'vitest'
import { attack, fromBot, lab, type Lab } from './lab.ts'

const BOT = '203.0.113.7'
const strikesOf = ({ lists }: Lab): number => lists.reduce((sum, list) => sum + list.health().strikes, 0)

/** A lab whose decisions are changed before the list hears of them. */
function changed(change: (decision: Decision) => Partial<Decision>, options: Parameters<typeof lab>[0] = {}): Lab {
  const one = lab(options)
  for (const list of one.lists) {
    const decided = list.decided.bind(list)
    list.decided = (decision, facts) => decided({ ...decision, ...change(decision) }, facts)
  }
  return one
}

describe('no strikes', () => {
  test.each(['local', 'open', 'closed'] as const)('of answers by the fallback: %s', async (source) => {
    const one = changed(() => ({ source }))
    expect(await attack(one, { address: BOT }, { seconds: 30 })).toBeUndefined()
    expect(strikesOf(one)).toBe(0)
  })

  test.each([
    ['of a limiter in shadow', { mode: 'shadow' }],
    ['while the store is unavailable', { verdict: 'unavailable', source: 'closed' }],
    ['of limiter.block()', { verdict: 'blocked' }],
    ['of refusals without an end, which tell no time', { retryAfter: Infinity }],
    ['while another decision holds the units', { outcomes: [{ held: true } as never] }],
  ] as const)('%s', async (_, change) => {
    const one = changed(() => change)
    expect(await attack(one, { address: BOT }, { seconds: 30 })).toBeUndefined()
    expect(strikesOf(one)).toBe(0)
  })

  test('within 10 minutes of a new revision of the policy, in any process', async () => {
    let revision = 7
    const one = changed(() => ({ revision }), { processes: 2 })
    expect(await attack(one, { address: BOT })).toBeLessThan(20)
    await one.wait(60_000)
    revision = 8
    const before = strikesOf(one)
    await attack(one, { address: '203.0.113.8' }, { seconds: 590 })
    expect(strikesOf(one)).toBe(before)
    // A process that hears of the revision only now.
    await attack(one, { address: '203.0.113.9', process: 1 }, { seconds: 9 })
    expect(strikesOf(one)).toBe(before)
    expect(await attack(one, { address: '203.0.113.9', process: 1 }, { seconds: 40 })).toBeDefined()
    expect(await attack(one, { address: '203.0.113.8' }, { seconds: 40 })).toBeDefined()
  })

  test('with the rule off', async () => {
    for (const rule of [false, { mode: 'off' }] as const) {
      const one = lab({ rule })
      expect(await attack(one, { address: BOT }, { seconds: 30 })).toBeUndefined()
      expect(one.lists[0]!.health()).toMatchObject({ strikes: 0, suspects: { now: 0 } })
      await one.lists[0]!.block(BOT, '1h')
      expect(one.send({ address: BOT }).status).toBe(403)
    }
  })
})

describe('the budget of new blocks', () => {
  const bots = (count: number): readonly string[] => Array.from({ length: count }, (_, i) => `198.51.100.${i}`)

  test('beyond it, an anomaly once a minute, and blocks when there is a budget again', async () => {
    const anomalies: string[] = []
    const one = lab({
      limit: 5,
      rule: { mode: 'enforce', maxPerMinute: 3, maxShare: 1 },
      on: { anomaly: ({ code, message }) => anomalies.push(`${code} ${message}`) },
    })
    for (let second = 0; second < 40; second++) await one.second(bots(10).flatMap((address) => fromBot({ address }, 10)))
    expect(await one.lists[0]!.list()).toHaveLength(3)
    expect(anomalies).toHaveLength(1)
    expect(anomalies[0]).toMatch(/^ANOMALY_BLOCKS_OVER_BUDGET \d subjects break the rule .*check whether a limit is wrong/)
    expect(one.lists[0]!.health().changes).toContainEqual(expect.objectContaining({ rule: 'strikes', action: 'block', count: 3 }))
    expect(one.lists[0]!.health().changes.find(({ action }) => action === 'over-budget')?.count).toBeGreaterThan(5)
    for (let second = 0; second < 50; second++) await one.second(bots(10).flatMap((address) => fromBot({ address }, 10)))
    expect(one.lists[0]!.health().changes).toContainEqual(expect.objectContaining({ rule: 'strikes', action: 'block', count: 6 }))
  })

  test('is 1 % of the active subjects, and at least one', async () => {
    const one = lab({ limit: 5 })
    for (let second = 0; second < 50; second++) await one.second(bots(10).flatMap((address) => fromBot({ address }, 10)))
    expect(await one.lists[0]!.list()).toHaveLength(1)
    const other = lab({ limit: 5 })
    for (let i = 0; i < 520; i++) other.send({ address: `10.0.${i >> 8}.${i & 255}` })
    for (let second = 0; second < 50; second++) await other.second(bots(10).flatMap((address) => fromBot({ address }, 10)))
    expect(await other.lists[0]!.list()).toHaveLength(5)
  })

  test('a list that is full says so', async () => {
    const anomalies: string[] = []
    const one = lab({ limit: 5, maxEntries: 1, on: { anomaly: ({ code }) => anomalies.push(code) } })
    await one.lists[0]!.block('192.0.2.1', '1h')
    expect(await attack(one, { address: BOT }, { seconds: 30 })).toBeUndefined()
    expect(anomalies).toEqual(['ANOMALY_BLOCKS_FULL'])
    await expect(one.lists[0]!.block('192.0.2.2', '1h')).rejects.toThrow('ERR_BLOCKS_FULL')
  })
})

describe('a storage that is away', () => {
  function breakable(clock: Parameters<typeof memoryBlockStorage>[0]) {
    const storage = memoryBlockStorage(clock)
    let isAway = false
    let fail: (error: Error) => void = () => undefined
    const asked = <T>(run: () => Promise<T>): Promise<T> => (isAway ? Promise.reject(new Error('ECONNREFUSED')) : run())
    const wrapped: BlockStorage = {
      name: 'breakable',
      load: () => asked(() => storage.load()),
      watch: (cursor, emit, signal) =>
        asked(() => Promise.race([storage.watch(cursor, emit, signal), new Promise<void>((_, reject) => (fail = reject))])),
      report: (reports, rule) => asked(() => storage.report(reports, rule)),
      put: (block) => asked(() => storage.put(block)),
      remove: (target, kind) => asked(() => storage.remove(target, kind)),
      history: (target) => asked(() => storage.history(target)),
      revisionAge: (policy, revision) => asked(() => storage.revisionAge(policy, revision)),
    }
    return {
      wrapped,
      storage,
      away(is: boolean) {
        isAway = is
        if (is) fail(new Error('connection lost'))
      },
    }
  }

  test('the last list stands until its entries end, and one warning says so', async () => {
    const clock = fakeClock()
    const { wrapped, storage, away } = breakable({ clock })
    const warnings: string[] = []
    const changes: string[] = []
    const list = blockList({
      storage: wrapped,
      clock,
      on: { warning: ({ message }) => warnings.push(message), change: ({ change, record }) => changes.push(`${change} ${record.name}`) },
    })
    onTestFinished(() => list.close())
    await storage.put({ kind: 'address', name: `${BOT}/32`, effect: 'refuse', reason: '', duration: 60_000, maxEntries: 10 })
    await list.ready()
    expect(list.health()).toMatchObject({ storage: 'connected' })
    away(true)
    for (let i = 0; i < 10; i++) {
      clock.advance(1_000)
      await setImmediate()
    }
    expect(list.health()).toMatchObject({ storage: 'away' })
    expect(list.check('', BOT)).toBeDefined()
    await expect(list.block('192.0.2.1', '1h')).rejects.toThrow('ECONNREFUSED')
    await expect(list.list()).rejects.toThrow('ECONNREFUSED')
    expect(warnings).toEqual([
      expect.stringMatching(
        /^the block list cannot reach breakable: connection lost; the 1 entries that are known stay until they end \(WARN_BLOCKS_AWAY, /,
      ),
    ])
    clock.advance(50_000)
    expect(list.check('', BOT)).toBeUndefined()
    await storage.put({ kind: 'address', name: '192.0.2.9/32', effect: 'refuse', reason: '', duration: 60_000, maxEntries: 10 })
    away(false)
    for (let i = 0; i < 10; i++) {
      clock.advance(1_000)
      await setImmediate()
    }
    expect(list.check('', '192.0.2.9')).toBeDefined()
    expect(warnings[1]).toMatch(/^the block list follows breakable again \(WARN_BLOCKS_BACK/)
    expect(warnings).toHaveLength(2)
    // Not the one that was there at the start.
    expect(changes).toEqual([`expire ${BOT}/32`, 'block 192.0.2.9/32'])
  })

  test('in the watch only: it is read again after longer and longer pauses, and is reported once', async () => {
    const clock = fakeClock()
    const storage = memoryBlockStorage({ clock })
    let loads = 0
    let isBroken = true
    const wrapped: BlockStorage = {
      ...breakable({ clock }).wrapped,
      load() {
        loads += 1
        return storage.load()
      },
      async watch(cursor, emit, signal) {
        if (!isBroken) return storage.watch(cursor, emit, signal)
        emit({ type: 'progress', cursor })
        throw new Error('NOPERM xread')
      },
    }
    const warnings: string[] = []
    const list = blockList({ storage: wrapped, clock, on: { warning: ({ code }) => warnings.push(code) } })
    onTestFinished(() => list.close())
    await list.ready()
    const wait = async (ms: number): Promise<void> => {
      for (let at = 0; at < ms; at += 50) {
        clock.advance(50)
        await setImmediate()
      }
    }
    await wait(60_000)
    // The pauses are 2.5 s long on average; 0.1 s if each load ended the back-off.
    expect(loads).toBeLessThan(100)
    expect(warnings).toEqual(['WARN_BLOCKS_AWAY'])
    isBroken = false
    await wait(10_000)
    expect(warnings).toEqual(['WARN_BLOCKS_AWAY', 'WARN_BLOCKS_BACK'])
  })

  test('at the start: ready() says why, and nobody is blocked', async () => {
    const clock = fakeClock()
    const { wrapped, away } = breakable({ clock })
    away(true)
    const list = blockList({ storage: wrapped, clock, on: { warning: () => undefined } })
    onTestFinished(() => list.close())
    const ready = list.ready(2_000)
    ready.catch(() => undefined)
    await setImmediate()
    expect(list.check('', BOT)).toBeUndefined()
    clock.advance(2_000)
    await expect(ready).rejects.toThrow('blockList: expected the entries of breakable, got ECONNREFUSED (ERR_STORE_UNAVAILABLE')
  })

  test('strikes meanwhile are lost, and do not come late', async () => {
    const { wrapped, away } = breakable({})
    const one = lab({ storages: () => wrapped })
    await one.second([])
    away(true)
    expect(await attack(one, { address: BOT }, { seconds: 30 })).toBeUndefined()
    away(false)
    await one.wait(70_000)
    expect(one.send({ address: BOT }).status).toBe(200)
    expect(await one.lists[0]!.list()).toEqual([])
  })
})
