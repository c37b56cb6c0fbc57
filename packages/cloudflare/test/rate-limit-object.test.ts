import { fixedWindow, tokenBucket } from '@sluice/core'
import { waitUntil } from '@sluice/testing/redis'
import type { Workerd } from '@sluice/testing/workerd'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ask, charge, inspect, LIMITS, startLab, take, TEN_UNITS, used } from './lab.ts'

let server: Workerd
beforeAll(async () => {
  server = await startLab()
})
afterAll(() => server.stop())

test('trap: state outlives the process: a restart of the runtime forgets nothing', async () => {
  const lab = await startLab()
  try {
    const before = await take(lab, charge('kept', TEN_UNITS, 7))
    await take(
      lab,
      LIMITS.map((limit) => charge('all', limit)),
    )
    await lab.restart({ keepData: true })
    expect(await Promise.all(LIMITS.map((limit) => used(lab, 'all', limit)))).toEqual([1, 1, 1, 1, 1, 1])
    const [refused] = await take(lab, charge('kept', TEN_UNITS, 4))
    expect(refused).toMatchObject({ allowed: false, remaining: 3 })
    // And a receipt from before is good.
    await take(lab, { ...charge('kept', TEN_UNITS, -5), receipt: before[0]?.receipt })
    expect(await used(lab, 'kept')).toBe(2)
  } finally {
    await lab.stop()
  }
})

test('trap: the alarm deletes expired states, and is not set again when the table is empty', async () => {
  const [store, rest] = ['alarm', 'rest'].map((name) => ({ name, objects: 1, binding: 'SHORT' }) as const)
  const objectState = (): ReturnType<typeof inspect> => inspect(server, 'alarm.1/0', 'SHORT')
  const short = fixedWindow({ name: 'short', limit: 5, window: '50ms', anchor: 'first' }).limit
  const bucket = tokenBucket({ name: 'fast', limit: 1_000, window: '1s' }).limit
  // More than one alarm sweeps, in one decision, so that no later write sets the alarm; and one that stays.
  const many = Array.from({ length: 6_000 }, (_, i) => charge(`s${i}`, i % 2 === 0 ? short : bucket))
  await take(server, [charge('stays'), ...many], store)
  await waitUntil('the alarm', async () => (await objectState()).rows.length === 1)
  expect((await objectState()).rows[0]?.key).toContain('"stays"')
  await waitUntil('the next alarm to be set', async () => (await objectState()).alarm !== null)
  await take(server, charge('last', short), rest)
  await waitUntil('the alarm to be cleared', async () => {
    const { rows, alarm } = await inspect(server, 'rest.1/0', 'SHORT')
    return rows.length === 0 && alarm === null
  })
})

test('the alarm runs ten minutes after the first expiry, whatever is charged until then', async () => {
  const store = { name: 'late', objects: 1 }
  const before = Date.now()
  await take(server, charge('a'), store)
  const { alarm } = await inspect(server, 'late.1/0')
  expect(alarm).toBeGreaterThanOrEqual(before + 660_000)
  expect(alarm).toBeLessThanOrEqual(Date.now() + 660_000)
  // Sooner by less than that is not worth another row.
  await take(server, charge('a', fixedWindow({ name: 'short', limit: 5, window: '50ms', anchor: 'first' }).limit), store)
  expect((await inspect(server, 'late.1/0')).alarm).toBe(alarm)
  const long = { name: 'longer', objects: 1 }
  await take(server, charge('a', fixedWindow({ name: 'long', limit: 5, window: '30d', anchor: 'first' }).limit), long)
  expect((await inspect(server, 'longer.1/0')).alarm).toBeGreaterThan(Date.now() + 2_000_000_000)
  await take(server, charge('a'), long)
  expect((await inspect(server, 'longer.1/0')).alarm).toBeLessThanOrEqual(Date.now() + 660_000)
})

test('a refusal and a peek write nothing', async () => {
  const store = { name: 'quiet', objects: 1 }
  await take(server, charge('a', TEN_UNITS, 10), store)
  const before = await inspect(server, 'quiet.1/0')
  await take(server, [charge('b'), charge('a')], store)
  await ask(server, [{ do: 'consume', charges: [charge('c')], options: { how: 'peek' } }], store)
  expect((await inspect(server, 'quiet.1/0')).rows).toEqual(before.rows)
})
