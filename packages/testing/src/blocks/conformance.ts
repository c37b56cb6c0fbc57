import { describe, expect, test } from 'vitest'
import { START } from '../fake-clock.ts'
import { blockEntryConformance } from './entry-conformance.ts'
import { bitmap, blockRule, byHand, DAY, openedStorage, type OpenBlockStorage, strikeReport } from './storage-kit.ts'

/** What every storage of a block list keeps. Times are on a manual clock. */
export function blockStorageConformance(name: string, open: OpenBlockStorage): void {
  const opened = () => openedStorage(open)

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
  blockEntryConformance(name, open)
}
