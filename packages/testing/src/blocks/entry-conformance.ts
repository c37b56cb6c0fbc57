import type { BlockEvent, BlockStorage } from '@sluice/core/store-kit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { START } from '../fake-clock.ts'
import { waitUntil } from '../processes/wait-until.ts'
import { blockRule, byHand, openedStorage, type OpenBlockStorage, strikeReport } from './storage-kit.ts'

/** What every storage keeps of entries by hand, of changes and of revisions. Times are on a manual clock. */
export function blockEntryConformance(name: string, open: OpenBlockStorage): void {
  const opened = () => openedStorage(open)

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
