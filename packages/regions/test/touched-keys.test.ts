// What a process remembers of its decisions between two exchanges.
import { fixedWindow } from '@sluice/core'
import { expect, test } from 'vitest'
import { collectKeyOf, TouchedKeys } from '../src/touched-keys.ts'

const NOW = Date.parse('2026-03-04T12:15:00Z')
const limitOf = (name: string, window: number) => fixedWindow({ name, limit: 10, window }).limit
const [minute, hour] = [limitOf('a', 60_000), limitOf('a', 3_600_000)] as const
const target = (limit: typeof minute, subject = 'user:1', policy = 'api') => ({
  scope: `${policy}+${limit.name}.fixedWindow`,
  limit,
  subject,
})
const textsOf = (keys: TouchedKeys) =>
  keys.take().map((key) => [key.policy, key.subject, collectKeyOf(key, NOW).shapes.map(({ text }) => text)])

test('each policy and subject has its limits, each state once, also two windows of one limit', () => {
  const keys = new TouchedKeys(() => undefined)
  const other = limitOf('b', 60_000)
  for (const limit of [minute, other, minute, hour, hour, limitOf('a', 60_000)]) keys.add(target(limit), 1)
  keys.add(target(minute, 'user:2'), 1)
  keys.add(target(minute, 'user:1', 'login'), 1)
  expect(textsOf(keys)).toEqual([
    ['api', 'user:1', ['a.fixedWindow.60000', 'b.fixedWindow.60000', 'a.fixedWindow.3600000']],
    ['api', 'user:2', ['a.fixedWindow.60000']],
    ['login', 'user:1', ['a.fixedWindow.60000']],
  ])
  expect(keys.take()).toEqual([])
})

test('subjects with the same limit do not share what is added to one of them', () => {
  const keys = new TouchedKeys(() => undefined)
  keys.add(target(minute, 'user:1'), 1)
  keys.add(target(minute, 'user:2'), 1)
  keys.add(target(limitOf('b', 60_000), 'user:1'), 1)
  expect(textsOf(keys)).toEqual([
    ['api', 'user:1', ['a.fixedWindow.60000', 'b.fixedWindow.60000']],
    ['api', 'user:2', ['a.fixedWindow.60000']],
  ])
})

test('any number of limits of a subject is kept in few entries, and none of them is lost', () => {
  const keys = new TouchedKeys(() => undefined)
  for (let i = 0; i < 1_000; i++) keys.add(target(limitOf('a', 60_000 * (1 + (i % 3)))), 1)
  const [touched] = keys.take()
  expect(touched?.limits.length).toBeLessThanOrEqual(33)
  expect(collectKeyOf(touched as NonNullable<typeof touched>, NOW).shapes).toHaveLength(3)
})

test('a limit of this process is preferred to the shape of a record, since it says where the window starts', () => {
  const keys = new TouchedKeys(() => undefined)
  const entry = { text: 'a.fixedWindow.60000', reset: 0, start: 0, units: 1, before: 0, N: 10, P: 60_000, burst: 0 }
  keys.touchRecord({ kind: 'count', policy: 'api', subject: 'user:1', version: 1, entries: [entry] })
  keys.add(target(minute), 1)
  const [touched] = keys.take()
  expect(collectKeyOf(touched as NonNullable<typeof touched>, NOW).shapes).toEqual([expect.objectContaining({ start: NOW })])
  keys.putBack(touched as NonNullable<typeof touched>, true)
  keys.add(target(hour), 5)
  keys.add(target(hour), -2)
  expect(keys.units).toBe(7)
  expect(keys.take()).toEqual([expect.objectContaining({ isForced: true })])
  expect(keys.units).toBe(0)
})

test('a limit is known once, and again when it is another one', () => {
  const known: unknown[] = []
  const keys = new TouchedKeys(({ limit }) => known.push(limit))
  const [one, other] = [
    fixedWindow({ name: 'day', limit: 5, window: '1d' }).limit,
    fixedWindow({ name: 'day', limit: 9, window: '1d' }).limit,
  ]
  for (const limit of [one, one, other, other]) {
    for (const subject of ['user:1', 'user:2']) keys.add({ scope: 'api+day.fixedWindow', limit, subject }, 1)
    keys.take()
  }
  expect(known).toEqual([one, other])
})

test('limits of different tiers in one scope take turns, and each is known once', () => {
  const known: unknown[] = []
  const keys = new TouchedKeys(({ limit }) => known.push(limit))
  const [free, pro] = [limitOf('a', 60_000), { ...limitOf('a', 60_000), limit: 100 }]
  const ids = [free, pro, free, pro].map((limit, i) => keys.add({ ...target(limit, `user:${i}`), limit }, 1))
  expect(new Set(ids).size).toBe(2)
  expect(known).toEqual([free, pro])
  expect(keys.take().map(({ subject, limits }) => [subject, limits.length])).toEqual([
    ['user:0', 1],
    ['user:2', 1],
    ['user:1', 1],
    ['user:3', 1],
  ])
})

test('a subject is noted at each decision, in bounded memory', () => {
  const keys = new TouchedKeys(() => undefined)
  const noted = () => (keys as unknown as { noted: { subjects: string[] }[] }).noted.map(({ subjects }) => subjects.length)
  let most = 0
  for (let i = 0; i < 300_000; i++) {
    keys.add(target(minute, `user:${i % 10}`), 1)
    most = Math.max(most, ...noted())
  }
  expect(most).toBeLessThanOrEqual(32_768)
  expect(keys.take()).toHaveLength(10)
  for (let i = 0; i < 300_000; i++) keys.add(target(minute, `user:${i % 50_000}`), 1)
  expect(noted()[0]).toBeLessThan(200_000)
  expect(keys.take().map(({ subject }) => subject)).toEqual(Array.from({ length: 50_000 }, (_, i) => `user:${i}`))
})
