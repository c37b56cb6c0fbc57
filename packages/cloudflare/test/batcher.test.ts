import { durableObjectStore, type ObjectNamespace } from '@sluice/cloudflare'
import type { Workerd } from '@sluice/testing/workerd'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ask, charge, inspect, LIMITS, startLab, take, TEN_UNITS, used } from './lab.ts'
import type { Call, Reply } from './lab.worker.ts'

let server: Workerd
beforeAll(async () => {
  server = await startLab()
})
afterAll(() => server.stop())

const consume = (...charges: ReturnType<typeof charge>[]): Call => ({ do: 'consume', charges })
const isAdmitted = (reply: Reply | undefined): boolean =>
  reply !== undefined && 'outcomes' in reply && reply.outcomes.every((one) => one?.allowed === true)

test('a turn sends one request per object; another object and a later turn have requests of their own', async () => {
  const sent: { object: string; decisions: number; hint: unknown }[] = []
  const recording: ObjectNamespace = {
    idFromName: (name) => name,
    get: (id, options) => ({
      fetch: (_url, { body }) => {
        const { decisions } = JSON.parse(body) as { decisions: unknown[] }
        sent.push({ object: String(id), decisions: decisions.length, hint: options?.locationHint })
        return Promise.resolve(new Response(JSON.stringify(decisions.map(() => ({ outcomes: [] })))))
      },
    }),
  }
  const store = durableObjectStore(recording, { objects: (subject) => subject, locationHint: 'weur' })
  await Promise.all([store.consume([charge('a')]), store.consume([charge('b')]), store.consume([charge('a')]), store.reset([charge('a')])])
  await store.consume([charge('a')])
  expect(sent).toEqual([
    { object: 'sluice/a', decisions: 3, hint: 'weur' },
    { object: 'sluice/b', decisions: 1, hint: 'weur' },
    { object: 'sluice/a', decisions: 1, hint: 'weur' },
  ])
})

test('trap: one subject many times in a batch is admitted no more than its limit', async () => {
  for (const limit of LIMITS) {
    const five = { ...limit, limit: 5, ...(limit.burst === undefined ? {} : { burst: 5 }) }
    const replies = await ask(
      server,
      Array.from({ length: 64 }, () => consume(charge('batch', five))),
    )
    expect([limit.name, replies.map(isAdmitted).lastIndexOf(true), replies.filter(isAdmitted).length]).toEqual([limit.name, 4, 5])
  }
})

test('more decisions than one batch holds are answered in order', async () => {
  const replies = await ask(
    server,
    Array.from({ length: 1_500 }, () => consume(charge('many'))),
  )
  expect([replies.filter(isAdmitted).length, replies.map(isAdmitted).lastIndexOf(true)]).toEqual([10, 9])
})

test('trap: an invalid decision does not fail the others of its batch', async () => {
  const bucket = (await take(server, charge('x', LIMITS[3])))[0]
  const replies = await ask(server, [
    consume(charge('a')),
    consume({ ...charge('a', LIMITS[2], -1), receipt: bucket?.receipt }),
    consume({ ...charge('a', TEN_UNITS, 1.5) }),
    consume(charge('a', { ...TEN_UNITS, window: 'day', timeZone: 'Nowhere/Atlantis' } as never)),
    consume(charge('a', { ...TEN_UNITS, algorithm: 'none' } as never)),
    consume(charge('a')),
  ])
  expect(replies.map((one) => ('error' in one ? one.error.code : isAdmitted(one)))).toEqual([
    true,
    'ERR_RECEIPT_INVALID',
    'ERR_COST_INVALID',
    undefined,
    undefined,
    true,
  ])
  expect(await used(server, 'a')).toBe(2)
})

test('trap: a decision that fails in the middle of a batch charges nothing, and the others are charged', async () => {
  const store = { name: 'broken', objects: 1 }
  await take(server, charge('broken'), store)
  await fetch(`${server.url}/spoil?object=broken.1/0`)
  const replies = await ask(server, [consume(charge('a')), consume(charge('a'), charge('broken')), consume(charge('a'))], store)
  expect(replies.map(isAdmitted)).toEqual([true, false, true])
  expect(replies[1]).toMatchObject({ error: { code: 'ERR_STORE_UNAVAILABLE', unknown: false } })
  expect(await used(server, 'a', TEN_UNITS, store)).toBe(2)
})

test('force, peek and reset run in order with the charges around them', async () => {
  const one = charge('order', { ...TEN_UNITS, limit: 1 })
  const replies = await ask(server, [
    consume(one),
    consume(one),
    { do: 'reset', targets: [one] },
    consume(one),
    { do: 'consume', charges: [one], options: { how: 'force' } },
    { do: 'consume', charges: [one], options: { how: 'peek' } },
  ])
  expect(replies.map(isAdmitted)).toEqual([true, false, true, true, true, false])
})

test('a reset of more subjects than one batch holds', async () => {
  const charges = Array.from({ length: 1_200 }, (_, i) => charge(`r${i}`))
  await take(server, charges, { name: 'reset', objects: 1 })
  expect((await inspect(server, 'reset.1/0')).rows).toHaveLength(1_200)
  await ask(server, [{ do: 'reset', targets: charges }], { name: 'reset', objects: 1 })
  expect((await inspect(server, 'reset.1/0')).rows).toEqual([])
})
