import type { BlockEvent, BlockRecord, BlockStorage, EscalationRule, StrikeReport } from '@sluice/core/store-kit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type FakeClock, fakeClock, START } from '../fake-clock.ts'
import { waitUntil } from '../processes/wait-until.ts'

/** Opens a storage that is empty, for one test. Called again with the same clock, it opens another one of the same entries. */
export type OpenBlockStorage = (clock: FakeClock) => Promise<{ readonly storage: BlockStorage; again(): BlockStorage }>

const DAY = 86_400_000

/** A rule with small numbers: 10 strikes on 2 endpoints, half of the requests refused. */
export const blockRule = (changes: Partial<EscalationRule> = {}): EscalationRule => ({
  name: 'strikes',
  effect: 'refuse',
  window: 60_000,
  strikes: 10,
  endpoints: 2,
  refusedShare: 0.5,
  first: 60_000,
  longest: DAY,
  quiet: DAY,
  maxPerMinute: 1_000,
  maxShare: 1,
  active: 10_000,
  maxEntries: 1_000,
  ...changes,
})

/** Enough to be blocked, unless changed. */
export const strikeReport = (name: string, changes: Partial<StrikeReport> = {}): StrikeReport => ({
  kind: 'subject',
  name,
  strikes: 10,
  refused: 10,
  requests: 10,
  limits: ['api/minute'],
  endpoints: bitmap(1, 200),
  ...changes,
})

/** A set of endpoints, by the numbers of their bits. */
export function bitmap(...bits: readonly number[]): string {
  const words = new Uint32Array(8)
  for (const bit of bits) words[bit >>> 5]! |= 1 << (bit & 31)
  return Array.from(words, (word) => word.toString(16).padStart(8, '0')).join('')
}

const byHand = { kind: 'subject', effect: 'refuse', reason: '', maxEntries: 1_000 } as const

/** What every storage of a block list keeps. Times are on a manual clock. */
export function blockStorageConformance(name: string, open: OpenBlockStorage): void {
  const opened = async () => {
    const clock = fakeClock()
    const { storage, again } = await open(clock)
    const recordOf = async (target: string): Promise<BlockRecord | undefined> =>
      (await storage.load()).records.find((record) => record.name === target)
    return { clock, storage, again, recordOf }
  }

  describe(`${name}: strikes become a block`, () => {
    test('with the evidence, when the last of all conditions holds', async () => {
      const { storage, clock } = await opened()
      const rule = blockRule()
      const first = strikeReport('a', { strikes: 6, refused: 6, requests: 8, endpoints: bitmap(1), limits: ['api/minute'] })
      expect(await storage.report([first], rule)).toEqual({ blocked: [], overBudget: 0, full: 0 })
      expect((await storage.history(first)).evidence).toMatchObject({ strikes: 6, refused: 6, requests: 8, endpoints: 1 })
      clock.advance(1_000)
      const second = strikeReport('a', {
        strikes: 5,
        refused: 6,
        requests: 9,
        endpoints: bitmap(1, 255),
        limits: ['api/day', 'api/minute'],
      })
      const { blocked } = await storage.report([second], rule)
      const evidence = { since: START, strikes: 11, refused: 12, requests: 17, endpoints: 2, limits: ['api/minute', 'api/day'] }
      const record = {
        kind: 'subject',
        name: 'a',
        effect: 'refuse',
        rule: 'strikes',
        since: START + 1_000,
        until: START + 61_000,
        level: 1,
        evidence,
        reason: '',
      }
      expect(blocked).toEqual([record])
      expect((await storage.load()).records).toEqual([record])
      expect(await storage.history(first)).toEqual({ record, evidence: undefined, level: 1 })
    })

    test.each([
      ['too few strikes', { strikes: 9 }],
      ['too few endpoints', { endpoints: bitmap(7) }],
      ['too small a part refused', { requests: 21 }],
    ])('not with %s', async (_, changes) => {
      const { storage } = await opened()
      expect((await storage.report([strikeReport('a', changes)], blockRule())).blocked).toEqual([])
      expect((await storage.load()).records).toEqual([])
    })

    test('not of strikes that a window apart', async () => {
      const { storage, clock } = await opened()
      await storage.report([strikeReport('a', { strikes: 9, refused: 9 })], blockRule())
      clock.advance(60_001)
      expect((await storage.report([strikeReport('a', { strikes: 9, refused: 9 })], blockRule())).blocked).toEqual([])
      clock.advance(60_000)
      expect((await storage.report([strikeReport('a', { strikes: 1, refused: 1 })], blockRule())).blocked).toHaveLength(1)
    })

    test('once, by two processes that escalate at once', async () => {
      const { storage, again } = await opened()
      const other = again()
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? storage : other).report([strikeReport('a')], blockRule())),
      )
      expect(answers.flatMap(({ blocked }) => blocked)).toHaveLength(1)
      expect((await storage.load()).records).toHaveLength(1)
    })

    test('of strikes of several processes together', async () => {
      const { storage, again } = await opened()
      const part = strikeReport('a', { strikes: 4, refused: 4, requests: 4 })
      await storage.report([part], blockRule())
      const other = again()
      await other.report([part], blockRule())
      expect((await storage.report([part], blockRule())).blocked).toHaveLength(1)
      expect((await other.load()).records).toHaveLength(1)
    })

    test('in shadow apart from those that are enforced', async () => {
      const { storage, clock, recordOf } = await opened()
      const shadow = blockRule({ effect: 'shadow' })
      for (let i = 0; i < 3; i++) {
        await storage.report([strikeReport('a')], shadow)
        clock.advance(DAY / 4)
      }
      expect((await storage.report([strikeReport('a')], shadow)).blocked[0]).toMatchObject({ effect: 'shadow', level: 4 })
      expect((await storage.report([strikeReport('a')], shadow)).blocked).toEqual([])
      expect((await storage.report([strikeReport('a')], blockRule())).blocked[0]).toMatchObject({ effect: 'refuse', level: 1 })
      expect((await storage.report([strikeReport('a')], shadow)).blocked).toEqual([])
      expect(await recordOf('a')).toMatchObject({ effect: 'refuse' })
    })

    test('for names of any text', async () => {
      const { storage } = await opened()
      const names = ['a b', 'a:b', '{a}', '~ip:1', 'ä€\u{1F600}', ' a', '%', 'x'.repeat(256), '\n', '"', ':cursor']
      await storage.report(
        names.map((one) => strikeReport(one)),
        blockRule(),
      )
      const { records } = await storage.load()
      expect(new Set(records.map((record) => record.name))).toEqual(new Set(names))
      for (const one of names) expect(await storage.remove({ kind: 'subject', name: one }, 'block')).toBe(true)
      expect((await storage.load()).records).toEqual([])
    })

    test('an address and a subject of one text are two targets', async () => {
      const { storage } = await opened()
      await storage.report([strikeReport('203.0.113.7/32', { kind: 'address' })], blockRule())
      expect((await storage.history({ kind: 'subject', name: '203.0.113.7/32' })).record).toBeUndefined()
      expect((await storage.history({ kind: 'address', name: '203.0.113.7/32' })).record).toMatchObject({ kind: 'address' })
    })
  })

  describe(`${name}: decay`, () => {
    test('each block lasts twice as long, up to the longest', async () => {
      const { storage, clock } = await opened()
      const lengths: number[] = []
      for (let i = 0; i < 14; i++) {
        const [record] = (await storage.report([strikeReport('a')], blockRule())).blocked
        lengths.push((record?.until ?? 0) - (record?.since ?? 0))
        clock.set(record?.until ?? 0)
      }
      expect(lengths.slice(0, 4)).toEqual([60_000, 120_000, 240_000, 480_000])
      expect(lengths.slice(-4)).toEqual([60_000 * 1024, DAY, DAY, DAY])
    })

    test.each([
      [DAY - 1, 4],
      [DAY, 3],
      [2 * DAY, 2],
      [2 * DAY + 5, 2],
      [3 * DAY, 1],
      [30 * DAY, 1],
    ])('%i ms after the end of a block of level 3, the next one has level %i', async (quiet, level) => {
      const { storage, clock } = await opened()
      let until = 0
      for (let i = 0; i < 3; i++) {
        until = (await storage.report([strikeReport('a')], blockRule())).blocked[0]?.until ?? 0
        clock.set(until)
      }
      clock.set(until + quiet)
      expect((await storage.report([strikeReport('a')], blockRule())).blocked[0]?.level).toBe(level)
    })

    test('a subject is not blocked again while it is, and can be when the block has ended', async () => {
      const { storage, clock } = await opened()
      await storage.report([strikeReport('a')], blockRule())
      clock.advance(59_999)
      expect((await storage.report([strikeReport('a')], blockRule())).blocked).toEqual([])
      clock.advance(1)
      expect((await storage.load()).records).toEqual([])
      expect((await storage.report([strikeReport('a')], blockRule())).blocked[0]?.level).toBe(2)
    })
  })

  describe(`${name}: bounds`, () => {
    test('the budget of a minute, for all processes together', async () => {
      const { storage, again, clock } = await opened()
      const rule = blockRule({ maxPerMinute: 5 })
      const reports = Array.from({ length: 4 }, (_, i) => strikeReport(`a${i}`))
      expect((await storage.report(reports, rule)).blocked).toHaveLength(4)
      const answer = await again().report(
        reports.map((report) => ({ ...report, name: `b${report.name}` })),
        rule,
      )
      expect(answer).toMatchObject({ overBudget: 3, full: 0 })
      expect(answer.blocked).toHaveLength(1)
      clock.advance(60_000)
      expect((await storage.report([strikeReport('c')], rule)).blocked).toHaveLength(1)
    })

    test.each([
      [0, 1],
      [150, 1],
      [200, 2],
      [599, 5],
      [100_000, 6],
    ])('of %i active subjects, 1 %% of them and at most 6: %i', async (active, most) => {
      const { storage } = await opened()
      const rule = blockRule({ maxShare: 0.01, maxPerMinute: 6, active })
      const reports = Array.from({ length: 8 }, (_, i) => strikeReport(`a${i}`))
      expect(await storage.report(reports, rule)).toMatchObject({ blocked: { length: most }, overBudget: 8 - most })
    })

    test('the active subjects are those of the process that has most, in this minute or the one before', async () => {
      const { storage, again, clock } = await opened()
      const rule = blockRule({ maxShare: 0.01, active: 0 })
      const reports = Array.from({ length: 8 }, (_, i) => strikeReport(`a${i}`))
      await again().report([strikeReport('none', { strikes: 1 })], { ...rule, active: 300 })
      clock.advance(60_000)
      expect((await storage.report(reports, rule)).blocked).toHaveLength(3)
      clock.advance(120_000)
      expect(
        (
          await storage.report(
            reports.map((report) => ({ ...report, name: `b${report.name}` })),
            rule,
          )
        ).blocked,
      ).toHaveLength(1)
    })

    test('the entries of a full list stay, and those that have ended make room', async () => {
      const { storage, clock } = await opened()
      const rule = blockRule({ maxEntries: 3 })
      const reports = Array.from({ length: 5 }, (_, i) => strikeReport(`a${i}`))
      expect(await storage.report(reports, rule)).toMatchObject({ blocked: { length: 3 }, full: 2 })
      expect(await storage.put({ ...byHand, name: 'b', duration: 1_000, maxEntries: 3 })).toBe('full')
      expect(await storage.put({ ...byHand, name: 'a0', duration: 1_000, maxEntries: 3 })).toMatchObject({ rule: 'manual' })
      clock.advance(1_000)
      expect(await storage.put({ ...byHand, name: 'b', duration: 1_000, maxEntries: 3 })).toMatchObject({ name: 'b' })
    })
  })

  describe(`${name}: entries by hand`, () => {
    test('a block begins now, and the last call sets its end', async () => {
      const { storage, clock, recordOf } = await opened()
      const block = { ...byHand, name: 'a', reason: 'ticket 4711: a b', duration: 5_000 }
      const record = { kind: 'subject', name: 'a', effect: 'refuse', rule: 'manual', level: 0, evidence: undefined, reason: block.reason }
      expect(await storage.put(block)).toEqual({ ...record, since: START, until: START + 5_000 })
      clock.advance(1_000)
      expect(await storage.put({ ...block, effect: 'drop', duration: 1_000 })).toMatchObject({ until: START + 2_000, effect: 'drop' })
      expect(await recordOf('a')).toMatchObject({ until: START + 2_000, effect: 'drop' })
      clock.advance(1_000)
      expect(await recordOf('a')).toBeUndefined()
    })

    test('an allowed target is neither struck nor blocked, until it is disallowed', async () => {
      const { storage } = await opened()
      await storage.put({ ...byHand, name: 'a', duration: 60_000 })
      expect(await storage.put({ ...byHand, name: 'a', effect: 'allow', duration: Infinity })).toMatchObject({ until: Infinity })
      expect(await storage.put({ ...byHand, name: 'a', duration: 60_000 })).toBe('allowed')
      expect((await storage.report([strikeReport('a')], blockRule())).blocked).toEqual([])
      expect(await storage.remove({ kind: 'subject', name: 'a' }, 'block')).toBe(false)
      expect((await storage.load()).records).toMatchObject([{ name: 'a', effect: 'allow', until: Infinity }])
      expect(await storage.remove({ kind: 'subject', name: 'a' }, 'allow')).toBe(true)
      expect(await storage.remove({ kind: 'subject', name: 'a' }, 'allow')).toBe(false)
      expect(await storage.put({ ...byHand, name: 'a', duration: 60_000 })).toMatchObject({ name: 'a' })
      expect(await storage.remove({ kind: 'subject', name: 'a' }, 'allow')).toBe(false)
    })

    test('an unblocked subject begins anew', async () => {
      const { storage, clock } = await opened()
      const target = { kind: 'subject', name: 'a' } as const
      for (let i = 0; i < 3; i++) {
        await storage.report([strikeReport('a')], blockRule())
        clock.advance(600_000)
      }
      await storage.report([strikeReport('a')], blockRule())
      expect((await storage.history(target)).level).toBe(4)
      expect(await storage.remove(target, 'block')).toBe(true)
      expect(await storage.remove(target, 'block')).toBe(false)
      expect(await storage.history(target)).toEqual({ record: undefined, evidence: undefined, level: 0 })
      expect((await storage.report([strikeReport('a')], blockRule())).blocked[0]?.level).toBe(1)
    })
  })

  describe(`${name}: changes`, () => {
    async function watched(storage: BlockStorage, cursor: string) {
      const events: BlockEvent[] = []
      const end = new AbortController()
      const watching = storage.watch(cursor, (event) => events.push(event), end.signal)
      let isOver = false
      const over = (): void => void (isOver = true)
      watching.then(over, over)
      onTestFinished(async () => {
        end.abort()
        await watching
      })
      const names = (): readonly string[] =>
        events.flatMap((event) => (event.type === 'put' ? [event.record.name] : event.type === 'remove' ? [`-${event.target.name}`] : []))
      return { events, names, end, watching, isOver: () => isOver }
    }

    test('each one arrives, from the cursor of the load on', async () => {
      const { storage, again } = await opened()
      await storage.put({ ...byHand, name: 'before', duration: 60_000 })
      const { cursor } = await storage.load()
      await storage.put({ ...byHand, name: 'between', duration: 60_000 })
      const one = await watched(again(), cursor)
      await waitUntil('the first change', () => one.names().length === 1)
      await storage.report([strikeReport('a'), strikeReport('b')], blockRule())
      await storage.remove({ kind: 'subject', name: 'between' }, 'block')
      await waitUntil('all changes', () => one.names().length === 4)
      expect(one.names()).toEqual(['between', 'a', 'b', '-between'])
      const { records } = await storage.load()
      const put = one.events.flatMap((event) => (event.type === 'put' && event.record.name === 'a' ? [event.record] : []))
      expect(put).toEqual(records.filter((record) => record.name === 'a'))
      const [last] = one.events.filter((event) => event.type !== 'progress').slice(-1)
      const rest = await watched(again(), last?.cursor ?? '')
      await waitUntil('the progress', () => rest.events.length > 0)
      expect(rest.names()).toEqual([])
    })

    test('the watch ends with its signal', async () => {
      const { storage } = await opened()
      const { cursor } = await storage.load()
      const one = await watched(storage, cursor)
      await waitUntil('the progress', () => one.events.length > 0)
      one.end.abort()
      await one.watching
      expect(one.isOver()).toBe(true)
    })

    test('the watch ends, to load again, when changes are missing', async () => {
      const { storage } = await opened()
      await storage.put({ ...byHand, name: 'first', duration: 600_000 })
      const { cursor } = await storage.load()
      for (let i = 0; i < 1_100; i++) await storage.put({ ...byHand, name: 'a', duration: 600_000 })
      const one = await watched(storage, cursor)
      await one.watching
    })
  })

  describe(`${name}: revisions`, () => {
    test('the first is not new, a higher one is, for all processes', async () => {
      const { storage, again, clock } = await opened()
      expect(await storage.revisionAge('shop', 7)).toBe(Infinity)
      clock.advance(1_000)
      expect(await storage.revisionAge('shop', 8)).toBe(0)
      clock.advance(5_000)
      expect(await again().revisionAge('shop', 8)).toBe(5_000)
      expect(await again().revisionAge('shop', 7)).toBe(5_000)
      expect(await storage.revisionAge('other', 1)).toBe(Infinity)
    })
  })
}
