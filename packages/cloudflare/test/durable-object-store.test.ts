import { durableObjectStore } from '@sluice/cloudflare'
import type { Workerd } from '@sluice/testing/workerd'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { answering, throwing } from './fake-namespace.ts'
import { ask, charge, inspect, startLab, take, TEN_UNITS, used } from './lab.ts'
import type { Call, Reply } from './lab.worker.ts'

let server: Workerd
beforeAll(async () => {
  server = await startLab()
})
afterAll(() => server.stop())

const consume = (...charges: ReturnType<typeof charge>[]): Call => ({ do: 'consume', charges })
const isAdmitted = (reply: Reply | undefined): boolean =>
  reply !== undefined && 'outcomes' in reply && reply.outcomes.every((one) => one?.allowed === true)

describe('a store over several objects', () => {
  const store = { name: 'own', objects: 'own' as const }

  test('`objects` as a function names the object of a subject', async () => {
    await take(server, charge('alice'), store)
    expect((await inspect(server, 'own/alice')).rows).toHaveLength(1)
  })

  test('a decision over two objects charges both or neither', async () => {
    await take(server, charge('full', TEN_UNITS, 10), store)
    for (const charges of [
      [charge('free'), charge('full')],
      [charge('full'), charge('free')],
    ]) {
      const outcomes = await take(server, charges, store)
      expect(outcomes.map((outcome, i) => [charges[i]?.subject, outcome.allowed, outcome.granted])).toEqual(
        charges.map(({ subject }) => [subject, subject === 'free', 0]),
      )
    }
    expect(await used(server, 'free', TEN_UNITS, store)).toBe(0)
    // Outcomes are in the order of the charges, not of the objects.
    const outcomes = await take(server, [charge('one', TEN_UNITS, 1), charge('two', TEN_UNITS, 2), charge('one', TEN_UNITS, 3)], store)
    expect(outcomes.map(({ remaining }) => remaining)).toEqual([9, 8, 6])
  })

  test('many concurrent decisions over two objects never admit more than the limit', async () => {
    const replies = await Promise.all(Array.from({ length: 40 }, () => ask(server, [consume(charge('left'), charge('right'))], store)))
    const count = replies.filter(([one]) => isAdmitted(one)).length
    expect([await used(server, 'left', TEN_UNITS, store), await used(server, 'right', TEN_UNITS, store)]).toEqual([count, count])
    expect(count).toBeGreaterThan(0)
    expect(count).toBeLessThanOrEqual(10)
  })

  test('another number of objects starts with no state, and shares none', async () => {
    await take(server, charge('moved', TEN_UNITS, 10), { name: 'sized', objects: 2 })
    expect(await used(server, 'moved', TEN_UNITS, { name: 'sized', objects: 4 })).toBe(0)
    expect(await used(server, 'moved', TEN_UNITS, { name: 'sized', objects: 2 })).toBe(10)
  })
})

describe.each(['shared', 'layered'])('a limiter that serves several requests: %s', (limiter) => {
  test('trap: a limiter that is kept over requests: no request waits for I/O of another', async () => {
    const responses = await Promise.all(
      Array.from({ length: 20 }, async () => (await fetch(`${server.url}/${limiter}`)).json() as Promise<readonly boolean[]>),
    )
    expect(responses.flat().filter(Boolean)).toHaveLength(10)
  })

  test('a client that leaves does not fail the requests of others', async () => {
    const gone = Array.from({ length: 10 }, async () => {
      const leave = new AbortController()
      const response = fetch(`${server.url}/${limiter}`, { signal: leave.signal }).catch(() => undefined)
      leave.abort()
      await response
    })
    const stay = Array.from({ length: 10 }, async () => (await fetch(`${server.url}/${limiter}`)).status)
    await Promise.all(gone)
    expect(await Promise.all(stay)).toEqual(Array.from({ length: 10 }, () => 200))
  })
})

describe('D11: failMode over objects that cannot decide', () => {
  const decide = async (objects: string) => {
    const response = await fetch(`${server.url}/guarded?objects=${objects}`)
    const text = await response.text()
    if (response.status !== 200) throw new Error(`${text}\n${server.logs()}`)
    return JSON.parse(text) as readonly [source: string, allowed: boolean]
  }
  const all = (objects: string) => Promise.all(Array.from({ length: 8 }, async () => decide(objects)))
  const eight = (source: string) => Array.from({ length: 8 }, () => [source, true])

  test('decides while they fail, or are slower than a deadline of the application, and never longer', async () => {
    expect(await decide('decide')).toEqual(['durable-object', true])
    for (const fault of ['fail', 'hang']) {
      expect(await decide(fault)).toEqual(['open', true])
      expect(await all(fault)).toEqual(eight('open'))
      expect(await decide('decide')).toEqual(['durable-object', true])
      expect(await all('decide')).toEqual(eight('durable-object'))
    }
  })

  test('without waitUntil the failover layer is refused: its timers would end with the request that set them', async () => {
    expect(await (await fetch(`${server.url}/layer`)).json()).toBe('ERR_OPTION_CONFLICT')
  })
})

test('after close() every call rejects, and no request is sent', async () => {
  const store = durableObjectStore(throwing('a request was sent'))
  void store.close?.()
  await expect(store.consume([charge('a')])).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE', unknown: false })
  await expect(store.reset([charge('a')])).rejects.toThrow('the store is closed')
})

test('shardOf() returns the name of the object, always the same for a subject', () => {
  const store = durableObjectStore(answering(200, '[]'))
  const objects = new Set(Array.from({ length: 2_000 }, (_, i) => store.shardOf?.(charge(`user:${i}`))))
  expect(objects.size).toBe(64)
  expect(store.shardOf?.(charge('user:1'))).toBe(store.shardOf?.(charge('user:1')))
})
