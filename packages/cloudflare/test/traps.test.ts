// Faults that a limiter on Durable Objects could have, one by one, in a real workerd.
import { fixedWindow, tokenBucket } from '@sluice/core'
import { waitUntil } from '@sluice/testing/redis'
import type { Workerd } from '@sluice/testing/workerd'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask, charge, look, SIX, startLab, take, TEN, used } from './lab.ts'
import type { Call, Told } from './lab.worker.ts'

let server: Workerd
beforeAll(async () => {
  server = await startLab()
})
afterAll(() => server.stop())

const consume = (...charges: ReturnType<typeof charge>[]): Call => ({ do: 'consume', charges })
const admitted = (told: Told | undefined): boolean =>
  told !== undefined && 'outcomes' in told && told.outcomes.every((one) => one?.allowed === true)

describe('batches', () => {
  test('trap: a batch that reads all keys and then writes all: one subject repeated in it is admitted without end', async () => {
    for (const limit of SIX) {
      const five = { ...limit, limit: 5, ...(limit.burst === undefined ? {} : { burst: 5 }) }
      const told = await ask(
        server,
        Array.from({ length: 64 }, () => consume(charge('batch', five))),
      )
      expect([limit.name, told.map(admitted).lastIndexOf(true), told.filter(admitted).length]).toEqual([limit.name, 4, 5])
    }
  })

  test('more than one batch carries: the order stays', async () => {
    const told = await ask(
      server,
      Array.from({ length: 1_500 }, () => consume(charge('many'))),
    )
    expect([told.filter(admitted).length, told.map(admitted).lastIndexOf(true)]).toEqual([10, 9])
  })

  test('trap: a bad decision does not spoil its neighbours', async () => {
    const bucket = (await take(server, charge('x', SIX[3])))[0]
    const told = await ask(server, [
      consume(charge('a')),
      consume({ ...charge('a', SIX[2], -1), receipt: bucket?.receipt }),
      consume({ ...charge('a', TEN, 1.5) }),
      consume(charge('a', { ...TEN, window: 'day', timeZone: 'Nowhere/Atlantis' } as never)),
      consume(charge('a', { ...TEN, algorithm: 'none' } as never)),
      consume(charge('a')),
    ])
    expect(told.map((one) => ('error' in one ? one.error.code : admitted(one)))).toEqual([
      true,
      'ERR_RECEIPT_INVALID',
      'ERR_COST_INVALID',
      undefined,
      undefined,
      true,
    ])
    expect(await used(server, 'a')).toBe(2)
  })

  test('trap: an error in the middle of a batch leaves half of it charged', async () => {
    const store = { name: 'broken', objects: 1 }
    await take(server, charge('broken'), store)
    await fetch(`${server.url}/spoil?object=broken.1/0`)
    const told = await ask(server, [consume(charge('a')), consume(charge('a'), charge('broken')), consume(charge('a'))], store)
    expect(told.map(admitted)).toEqual([true, false, true])
    expect(told[1]).toMatchObject({ error: { code: 'ERR_STORE_UNAVAILABLE', unknown: false } })
    expect(await used(server, 'a', TEN, store)).toBe(2)
  })

  test('force, peek and reset keep their place among the rest', async () => {
    const one = charge('order', { ...TEN, limit: 1 })
    const told = await ask(server, [
      consume(one),
      consume(one),
      { do: 'reset', targets: [one] },
      consume(one),
      { do: 'consume', charges: [one], options: { how: 'force' } },
      { do: 'consume', charges: [one], options: { how: 'peek' } },
    ])
    expect(told.map(admitted)).toEqual([true, false, true, true, true, false])
  })

  test('a reset of more subjects than a batch carries', async () => {
    const charges = Array.from({ length: 1_200 }, (_, i) => charge(`r${i}`))
    await take(server, charges, { name: 'reset', objects: 1 })
    expect((await look(server, 'reset.1/0')).rows).toHaveLength(1_200)
    await ask(server, [{ do: 'reset', targets: charges }], { name: 'reset', objects: 1 })
    expect((await look(server, 'reset.1/0')).rows).toEqual([])
  })
})

describe('state', () => {
  test('outlives the process: a restart of the runtime gives nothing back', async () => {
    const lab = await startLab()
    try {
      const before = await take(lab, charge('kept', TEN, 7))
      await take(
        lab,
        SIX.map((limit) => charge('all', limit)),
      )
      await lab.restart({ keepData: true })
      expect(await Promise.all(SIX.map((limit) => used(lab, 'all', limit)))).toEqual([1, 1, 1, 1, 1, 1])
      const [refused] = await take(lab, charge('kept', TEN, 4))
      expect(refused).toMatchObject({ allowed: false, remaining: 3 })
      // And a receipt from before is good.
      await take(lab, { ...charge('kept', TEN, -5), receipt: before[0]?.receipt })
      expect(await used(lab, 'kept')).toBe(2)
    } finally {
      await lab.stop()
    }
  })

  test('trap: state that is never cleared: the alarm deletes what has expired, and rests when nothing is left', async () => {
    const [store, rest] = ['alarm', 'rest'].map((name) => ({ name, objects: 1, binding: 'SHORT' }) as const)
    const held = (): ReturnType<typeof look> => look(server, 'alarm.1/0', 'SHORT')
    const short = fixedWindow({ name: 'short', limit: 5, window: '50ms', anchor: 'first' }).limit
    const bucket = tokenBucket({ name: 'fast', limit: 1_000, window: '1s' }).limit
    // More than one alarm sweeps, in one decision, so that no later write sets the alarm; and one that stays.
    const many = Array.from({ length: 6_000 }, (_, i) => charge(`s${i}`, i % 2 === 0 ? short : bucket))
    await take(server, [charge('stays'), ...many], store)
    await waitUntil('the alarm', async () => (await held()).rows.length === 1)
    expect((await held()).rows[0]?.key).toContain('"stays"')
    await waitUntil('the next alarm to be set', async () => (await held()).alarm !== null)
    await take(server, charge('last', short), rest)
    await waitUntil('the alarm to rest', async () => {
      const { rows, alarm } = await look(server, 'rest.1/0', 'SHORT')
      return rows.length === 0 && alarm === null
    })
  })

  test('the alarm waits for ten minutes, whatever comes meanwhile', async () => {
    const store = { name: 'late', objects: 1 }
    const before = Date.now()
    await take(server, charge('a'), store)
    const { alarm } = await look(server, 'late.1/0')
    expect(alarm).toBeGreaterThanOrEqual(before + 660_000)
    expect(alarm).toBeLessThanOrEqual(Date.now() + 660_000)
    // Sooner by less than that is not worth another row.
    await take(server, charge('a', fixedWindow({ name: 'short', limit: 5, window: '50ms', anchor: 'first' }).limit), store)
    expect((await look(server, 'late.1/0')).alarm).toBe(alarm)
    const long = { name: 'longer', objects: 1 }
    await take(server, charge('a', fixedWindow({ name: 'long', limit: 5, window: '30d', anchor: 'first' }).limit), long)
    expect((await look(server, 'longer.1/0')).alarm).toBeGreaterThan(Date.now() + 2_000_000_000)
    await take(server, charge('a'), long)
    expect((await look(server, 'longer.1/0')).alarm).toBeLessThanOrEqual(Date.now() + 660_000)
  })

  test('a refusal and a peek write nothing', async () => {
    const store = { name: 'quiet', objects: 1 }
    await take(server, charge('a', TEN, 10), store)
    const before = await look(server, 'quiet.1/0')
    await take(server, [charge('b'), charge('a')], store)
    await ask(server, [{ do: 'consume', charges: [charge('c')], options: { how: 'peek' } }], store)
    expect((await look(server, 'quiet.1/0')).rows).toEqual(before.rows)
  })

  test('trap: any subject is data', async () => {
    const plain = ['*', 'a*', '%', '_', "'", '"', '\\', '["a"]', ':', 'a:b', '\n', '\0', 'a\0b', 'a', '', ' ', '__proto__', 'constructor']
    const odd = ['\uD800', '\uDC00', '\uFFFD', 'a\uD800', 'ü', 'u\u0308', '\\ud800']
    const long = ['x'.repeat(128), 'x'.repeat(129), `${'x'.repeat(10_239)}y`, `${'x'.repeat(10_239)}\uD800`, `${'x'.repeat(10_239)}\uDC00`]
    const subjects = [...plain, ...odd, ...long]
    for (const objects of [1, 64]) {
      const store = { name: 'hostile', objects }
      await take(
        server,
        subjects.map((subject) => charge(subject, TEN, 3)),
        store,
      )
      expect(await Promise.all(subjects.map((subject) => used(server, subject, TEN, store)))).toEqual(subjects.map(() => 3))
      await ask(server, [{ do: 'reset', targets: [charge('a*'), charge(long[2] as string)] }], store)
      const left = await Promise.all(subjects.map((subject) => used(server, subject, TEN, store)))
      expect(subjects.filter((_, i) => left[i] !== 3)).toEqual(['a*', long[2]])
    }
    for (const { key } of (await look(server, 'hostile.1/0')).rows) expect(key.length).toBeLessThan(400)
  })
})

describe('objects', () => {
  const store = { name: 'own', objects: 'own' as const }

  test('a function names the object of a subject', async () => {
    await take(server, charge('alice'), store)
    expect((await look(server, 'own/alice')).rows).toHaveLength(1)
  })

  test('a decision over two objects: both or neither', async () => {
    await take(server, charge('full', TEN, 10), store)
    for (const charges of [
      [charge('free'), charge('full')],
      [charge('full'), charge('free')],
    ]) {
      const outcomes = await take(server, charges, store)
      expect(outcomes.map((outcome, i) => [charges[i]?.subject, outcome.allowed, outcome.granted])).toEqual(
        charges.map(({ subject }) => [subject, subject === 'free', 0]),
      )
    }
    expect(await used(server, 'free', TEN, store)).toBe(0)
    // In the order of the charges, whatever the objects are.
    const outcomes = await take(server, [charge('one', TEN, 1), charge('two', TEN, 2), charge('one', TEN, 3)], store)
    expect(outcomes.map(({ remaining }) => remaining)).toEqual([9, 8, 6])
  })

  test('many decisions at once over the same two: never more than the limit', async () => {
    const told = await Promise.all(Array.from({ length: 40 }, () => ask(server, [consume(charge('left'), charge('right'))], store)))
    const count = told.filter(([one]) => admitted(one)).length
    expect([await used(server, 'left', TEN, store), await used(server, 'right', TEN, store)]).toEqual([count, count])
    expect(count).toBeGreaterThan(0)
    expect(count).toBeLessThanOrEqual(10)
  })

  test('another number of objects begins anew, and mixes nothing', async () => {
    await take(server, charge('moved', TEN, 10), { name: 'sized', objects: 2 })
    expect(await used(server, 'moved', TEN, { name: 'sized', objects: 4 })).toBe(0)
    expect(await used(server, 'moved', TEN, { name: 'sized', objects: 2 })).toBe(10)
  })
})

describe('requests', () => {
  test('trap: one request waits for what another began: a limiter that outlives its request', async () => {
    const responses = await Promise.all(
      Array.from({ length: 20 }, async () => (await fetch(`${server.url}/shared`)).json() as Promise<readonly boolean[]>),
    )
    expect(responses.flat().filter(Boolean)).toHaveLength(10)
  })

  test('a client that leaves does not spoil the requests of others', async () => {
    const gone = Array.from({ length: 10 }, async () => {
      const leave = new AbortController()
      const response = fetch(`${server.url}/shared`, { signal: leave.signal }).catch(() => undefined)
      leave.abort()
      await response
    })
    const stay = Array.from({ length: 10 }, async () => (await fetch(`${server.url}/shared`)).status)
    await Promise.all(gone)
    expect(await Promise.all(stay)).toEqual(Array.from({ length: 10 }, () => 200))
  })
})
