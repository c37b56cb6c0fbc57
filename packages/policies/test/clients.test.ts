import { fakeClock } from '@sluice/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import { type ClientDirectory, clientDirectory, type ClientDirectoryOptions, type ClientRow } from '../src/index.ts'
import { DrivenTable, turn } from './driven-table.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

let clock: ReturnType<typeof fakeClock>
let table: DrivenTable
let warnings: string[]
beforeEach(() => {
  clock = fakeClock()
  table = new DrivenTable({ acme: { tier: 'pro' }, beta: { tier: 'free' } })
  warnings = []
})

function directory(options: Partial<ClientDirectoryOptions> = {}): ClientDirectory {
  return clientDirectory({ table, clock, on: { warning: ({ code, message }) => warnings.push(`${code}: ${message}`) }, ...options })
}

/** A directory that has read the row of `acme`. */
async function filled(options: Partial<ClientDirectoryOptions> = {}): Promise<ClientDirectory> {
  const clients = directory(options)
  await clients.rowOf('acme')
  return clients
}

const tierOf = async (row: ClientRow | undefined | Promise<ClientRow | undefined>): Promise<unknown> => (await row)?.tier

describe('a client in memory', () => {
  test('is answered at once, by the same row, without a query', async () => {
    const clients = await filled()
    const row = clients.rowOf('acme')
    expect(row).toEqual({ client_id: 'acme', tier: 'pro' })
    expect(clients.rowOf('acme')).toBe(row)
    expect(table.asked).toEqual([['acme']])
    expect(clients.health()).toMatchObject({ hits: 2, misses: 1, stale: 0, late: 0, lookups: 1, errors: 0, clients: 1 })
  })

  test('is fresh for 4.5 minutes at least, and 5.5 at most, not all for the same time', async () => {
    const ids = Array.from({ length: 200 }, (_, i) => `client-${i}`)
    for (const id of ids) table.put(id, { tier: 'pro' })
    const clients = directory()
    await Promise.all(ids.map((id) => clients.rowOf(id)))
    const staleAt = (): number => {
      const before = clients.health().stale
      for (const id of ids) void clients.rowOf(id)
      return clients.health().stale - before
    }
    clock.advance(4.5 * MINUTE - 1)
    expect(staleAt()).toBe(0)
    clock.advance(MINUTE / 2 + 1)
    const some = staleAt()
    expect(some).toBeGreaterThan(50)
    expect(some).toBeLessThan(150)
    clock.advance(MINUTE / 2)
    expect(staleAt()).toBe(200)
  })

  test('past its ttl, is answered at once with the old row, and read again by one query', async () => {
    const clients = await filled()
    table.put('acme', { tier: 'enterprise' })
    clock.advance(6 * MINUTE)
    table.isAutomatic = false
    expect(clients.rowOf('acme')).toMatchObject({ tier: 'pro' })
    expect(clients.rowOf('acme')).toMatchObject({ tier: 'pro' })
    await turn()
    expect(clients.rowOf('acme')).toMatchObject({ tier: 'pro' })
    expect(table.asked).toEqual([['acme'], ['acme']])
    await table.queries[1]?.answer()
    expect(clients.rowOf('acme')).toMatchObject({ tier: 'enterprise' })
    expect(clients.health()).toMatchObject({ stale: 3, hits: 1, late: 0 })
  })

  test('that was deleted from the table is unknown after its ttl', async () => {
    const clients = await filled()
    table.rows.delete('acme')
    clock.advance(6 * MINUTE)
    void clients.rowOf('acme')
    await turn()
    expect(clients.rowOf('acme')).toBeUndefined()
    expect(clients.health().hits).toBe(1)
  })

  test('that is forgotten is read again', async () => {
    const clients = await filled()
    table.put('acme', { tier: 'enterprise' })
    clients.forget('acme')
    expect(await tierOf(clients.rowOf('acme'))).toBe('enterprise')
    clients.forget()
    expect(clients.health().clients).toBe(0)
  })

  test('that is forgotten while it is read: the old answer is not kept', async () => {
    table.isAutomatic = false
    const clients = directory()
    const old = clients.rowOf('acme')
    await turn()
    clients.forget('acme')
    table.put('acme', { tier: 'enterprise' })
    const now = clients.rowOf('acme')
    await turn()
    for (const query of table.queries) await query.answer()
    expect(await tierOf(now)).toBe('enterprise')
    await old
    expect(clients.rowOf('acme')).toMatchObject({ tier: 'enterprise' })
  })
})

describe('a client that the table does not have', () => {
  test('is unknown for 30 seconds, then it is looked up in the background', async () => {
    const clients = directory()
    expect(await clients.rowOf('new')).toBeUndefined()
    table.put('new', { tier: 'pro' })
    clock.advance(29_999)
    expect(clients.rowOf('new')).toBeUndefined()
    await turn()
    expect(table.asked).toHaveLength(1)
    clock.advance(1)
    expect(clients.rowOf('new')).toBeUndefined()
    await turn()
    expect(clients.rowOf('new')).toMatchObject({ tier: 'pro' })
  })

  test.each([
    ['', 'empty'],
    ['a\0b', 'NUL'],
    ['a\nb', 'a new line'],
    ['\uD800', 'half a character'],
    ['x'.repeat(257), 'too long'],
  ])('%j is never asked for: %s', async (id) => {
    const clients = directory()
    expect(clients.rowOf(id)).toBeUndefined()
    await turn()
    expect(table.asked).toEqual([])
    expect(clients.health()).toMatchObject({ clients: 0, misses: 1, late: 0 })
  })

  test('a row with another id than the one asked for is not its row', async () => {
    // Some collations of SQL ignore case.
    table.rows.set('ACME', { client_id: 'acme', tier: 'pro' })
    const clients = directory()
    expect(await clients.rowOf('ACME')).toBeUndefined()
  })

  test('a number as id is the text of it', async () => {
    table.rows.set('17', { client_id: 17n, tier: 'pro' })
    const clients = directory()
    expect(await tierOf(clients.rowOf('17'))).toBe('pro')
  })
})

describe('queries', () => {
  test('all clients of one turn are one query, and each client is in it once', async () => {
    const clients = directory()
    const rows = ['acme', 'beta', 'acme', 'none'].map((id) => clients.rowOf(id))
    expect((await Promise.all(rows)).map((row) => row?.tier)).toEqual(['pro', 'free', 'pro', undefined])
    expect(table.asked).toEqual([['acme', 'beta', 'none']])
    expect(clients.health()).toMatchObject({ misses: 4, late: 0, lookups: 1 })
  })

  test('a client that is being read is not asked for again', async () => {
    table.isAutomatic = false
    const clients = directory()
    const first = clients.rowOf('acme')
    await turn()
    const second = clients.rowOf('acme')
    await turn()
    expect(table.asked).toEqual([['acme']])
    await table.queries[0]?.answer()
    expect([await tierOf(first), await tierOf(second)]).toEqual(['pro', 'pro'])
  })

  test('at most 4 are under way; what comes meanwhile is one query after them', async () => {
    table.isAutomatic = false
    const clients = directory()
    for (let i = 0; i < 10; i++) {
      void clients.rowOf(`client-${i}`)
      await turn()
    }
    expect(table.asked).toHaveLength(4)
    await table.queries[0]?.answer()
    expect(table.asked[4]).toEqual(['client-4', 'client-5', 'client-6', 'client-7', 'client-8', 'client-9'])
  })

  test('one that does not end is aborted after 5 seconds, and fails', async () => {
    table.isAutomatic = false
    const clients = directory()
    void clients.rowOf('acme')
    await turn()
    clock.advance(4_999)
    expect(table.queries[0]?.signal.aborted).toBe(false)
    clock.advance(1)
    await turn()
    expect(table.queries[0]?.signal.aborted).toBe(true)
    expect(clients.health()).toMatchObject({ errors: 1, late: 1 })
    expect(clients.health().problem).toContain('no answer within 5000 ms')
  })

  test('close aborts those under way, and nothing is asked afterwards', async () => {
    const clients = await filled()
    table.isAutomatic = false
    const waiting = clients.rowOf('beta')
    await turn()
    await clients.close()
    expect(await waiting).toBeUndefined()
    expect(table.queries[1]?.signal.aborted).toBe(true)
    expect(clients.rowOf('acme')).toMatchObject({ tier: 'pro' })
    expect(clients.rowOf('gamma')).toBeUndefined()
    await turn()
    expect(table.asked).toHaveLength(2)
    expect(warnings).toEqual([])
    expect(clock.pending).toBe(0)
  })

  test('close closes the table', async () => {
    let closed = 0
    const close = (): void => void (closed += 1)
    await directory({ table: { name: 'own', load: () => Promise.resolve([]), close } }).close()
    expect(closed).toBe(1)
  })
})

describe('the deadline', () => {
  test('ends the wait of all requests of the client, and they are counted', async () => {
    table.isAutomatic = false
    const clients = directory()
    const first = clients.rowOf('acme')
    clock.advance(30)
    const second = clients.rowOf('acme')
    await turn()
    clock.advance(20)
    expect([await first, await second]).toEqual([undefined, undefined])
    expect(clients.health()).toMatchObject({ misses: 2, late: 2, errors: 0 })
  })

  test('a client that is late already holds no other request up, and is in memory once its row comes', async () => {
    table.isAutomatic = false
    const clients = directory()
    void clients.rowOf('acme')
    await turn()
    clock.advance(50)
    expect(clients.rowOf('acme')).toBeUndefined()
    await table.queries[0]?.answer()
    expect(clients.rowOf('acme')).toMatchObject({ tier: 'pro' })
    expect(clients.health()).toMatchObject({ misses: 2, late: 2, hits: 1 })
  })

  test('of 0: no request waits, and the row is there for the next one', async () => {
    const clients = directory({ deadline: 0 })
    expect(clients.rowOf('acme')).toBeUndefined()
    await turn()
    expect(clients.rowOf('acme')).toMatchObject({ tier: 'pro' })
  })

  test('leaves no timer when all are answered', async () => {
    const clients = directory()
    await Promise.all([clients.rowOf('acme'), clients.rowOf('beta')])
    expect(clock.pending).toBe(0)
  })
})

describe('a table that is away', () => {
  test('rows stay for 1 hour past their ttl; then the client has the default tier', async () => {
    const clients = await filled()
    table.isDown = true
    for (let minute = 5; minute <= 63; minute++) {
      clock.advance(MINUTE + (minute === 5 ? 4 * MINUTE : 0))
      expect(clients.rowOf('acme')).toMatchObject({ tier: 'pro' })
      await turn()
    }
    clock.advance(3 * MINUTE)
    expect(await clients.rowOf('acme')).toBeUndefined()
    expect(clients.health()).toMatchObject({ late: 1, misses: 2 })
  })

  test('is asked again after a random time of up to 30 seconds, by one query, and nobody waits meanwhile', async () => {
    const clients = await filled()
    table.isDown = true
    expect(await clients.rowOf('beta')).toBeUndefined()
    expect(table.asked).toHaveLength(3)
    // Between the probes, nothing is asked.
    let probes = 0
    for (let second = 0; second < 600; second++) {
      const before = table.asked.length
      for (const id of ['beta', 'gamma', 'delta']) void clients.rowOf(id)
      await turn()
      if (table.asked.length > before) probes += 1
      clock.advance(1_000)
    }
    expect(probes).toBeGreaterThan(20)
    expect(probes).toBeLessThan(200)
    expect(clients.health().clients).toBe(1)
    table.isDown = false
    clock.advance(30_000)
    expect(await tierOf(clients.rowOf('beta'))).toBe('free')
    expect(clients.health().problem).toBeUndefined()
  })

  test('comes back between a query and the one that checks it: the client has its row', async () => {
    const clients = await filled()
    table.isDown = true
    await clients.rowOf('beta')
    clock.advance(30_000)
    table.isAutomatic = false
    const row = clients.rowOf('beta')
    await turn()
    await table.queries.at(-1)?.fail('it is starting')
    table.isDown = false
    table.isAutomatic = true
    await table.queries.at(-1)?.answer()
    expect(await tierOf(row)).toBe('free')
    expect(warnings).toHaveLength(1)
  })

  test('is warned of once for each outage', async () => {
    const clients = await filled()
    for (let outage = 0; outage < 2; outage++) {
      table.isDown = true
      for (let i = 0; i < 5; i++) {
        await clients.rowOf('beta')
        clock.advance(31_000)
      }
      table.isDown = false
      await clients.rowOf(`client-${outage}`)
    }
    expect(warnings).toHaveLength(2)
    expect(warnings[0]).toMatch(/^WARN_CLIENT_TABLE: driven could not be read, .*: it is down \(WARN_CLIENT_TABLE, see /)
  })

  test('from the start: every client has the default tier', async () => {
    table.isDown = true
    const clients = directory()
    expect(await clients.rowOf('acme')).toBeUndefined()
    expect(clients.rowOf('acme')).toBeUndefined()
    expect(clients.health()).toMatchObject({ late: 2, errors: 1, clients: 0 })
  })
})

describe('an id with which every query fails', () => {
  test('takes its row from nobody else', async () => {
    const clients = await filled()
    const ids = Array.from({ length: 30 }, (_, i) => `client-${i}`)
    for (const id of ids) table.put(id, { tier: 'pro' })
    table.poison = ['client-3', 'client-4', 'client-20']
    const rows = await Promise.all(ids.map((id) => clients.rowOf(id)))
    expect(rows.filter((row) => row === undefined)).toHaveLength(3)
    expect(clients.health()).toMatchObject({ late: 3, problem: undefined })
  })

  test('is not asked for again within 30 seconds, and is warned of once', async () => {
    const clients = await filled()
    table.poison = ['bad', 'worse']
    await clients.rowOf('bad')
    const { length } = table.asked
    clock.advance(29_000)
    expect(clients.rowOf('bad')).toBeUndefined()
    await clients.rowOf('worse')
    expect(table.asked.flat().filter((id) => id === 'bad')).toHaveLength(1)
    expect(length).toBe(3)
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toContain('no such id')
  })

  test('many of them cost a bounded number of queries', async () => {
    const clients = await filled()
    table.poison = Array.from({ length: 1_000 }, (_, i) => `bad-${i}`)
    await Promise.all(table.poison.map((id) => clients.rowOf(id)))
    expect(clients.health().lookups).toBeLessThan(80)
  })

  test('keeps the row that it had', async () => {
    const clients = await filled()
    await clients.rowOf('beta')
    table.poison = ['acme']
    clock.advance(6 * MINUTE)
    expect(clients.rowOf('acme')).toMatchObject({ tier: 'pro' })
    await turn()
    expect(clients.rowOf('acme')).toMatchObject({ tier: 'pro' })
    clock.advance(HOUR)
    expect(await clients.rowOf('acme')).toBeUndefined()
  })
})

describe('memory', () => {
  test('is bounded, also while nothing is answered', async () => {
    table.isAutomatic = false
    const clients = directory({ maxClients: 10 })
    const rows = Array.from({ length: 30 }, (_, i) => clients.rowOf(`client-${i}`))
    expect(clients.health()).toMatchObject({ clients: 5, misses: 30, late: 25 })
    expect(rows[29]).toBeUndefined()
  })

  test('ids that are asked for once do not push out clients in use', async () => {
    const clients = directory({ maxClients: 100 })
    const regulars = Array.from({ length: 50 }, (_, i) => `regular-${i}`)
    for (const id of regulars) table.put(id, { tier: 'pro' })
    await Promise.all(regulars.map((id) => clients.rowOf(id)))
    for (let i = 0; i < 2_000; i++) {
      await clients.rowOf(`invented-${i}`)
      const id = regulars[i % 50] ?? ''
      expect(await tierOf(clients.rowOf(id))).toBe('pro')
    }
    expect(clients.health()).toMatchObject({ clients: 100, misses: 2_050, hits: 2_000 })
  })
})

test.each([
  [{ table: undefined }, 'clientDirectory: table: expected a table'],
  [{ maxClients: 0 }, 'clientDirectory: maxClients: expected a whole number, at least 1, got 0'],
  [{ ttl: 0 }, 'clientDirectory: ttl: expected milliseconds, at least 1, got 0'],
  [{ deadline: -1 }, 'clientDirectory: deadline: expected milliseconds, at least 0, got -1'],
  [{ staleFor: '1h' }, 'clientDirectory: staleFor: expected milliseconds, at least 0'],
  [{ maxSize: 5 }, 'clientDirectory: "maxSize" is not an option'],
])('%j is refused', (options, message) => {
  expect(() => directory(options as never)).toThrow(message)
})
