// The files of deploy/clickhouse on the present engine of ClickHouse: the sums of its views are exactly what processes have counted.
import { randomUUID } from 'node:crypto'
import { systemClock } from '@sluice/core'
import { type DecisionEvent, decisionEvents, httpSink } from '@sluice/telemetry'
import { type ClickHouseServer, createTables, startClickHouse, statementsOf } from '@sluice/testing/clickhouse'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { noDrops } from '../../src/events/drops.ts'
import { Outlet } from '../../src/events/outlet.ts'
import { UsageSender } from '../../src/events/usage-sender.ts'
import { UsageTable } from '../../src/events/usage-table.ts'
import { EventWarnings } from '../../src/events/warnings.ts'
import { decisionBy, limiterOf, SECRET, TestSink } from '../events/support.ts'

const HOUR = 3_600_000
/** The start of an hour, in ms. */
const START = 1_800_000_000_000

let server: ClickHouseServer
beforeAll(async () => {
  server = await startClickHouse()
  await createTables(server)
}, 120_000)
afterAll(() => server?.stop())
beforeEach(async () => {
  for (const table of ['decisions', 'usage_1m', 'usage_1h', 'violators_1h']) await server.query(`TRUNCATE TABLE ${table}`)
})

const at = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ')
const numbered = async (statement: string, params?: Readonly<Record<string, string>>): Promise<Readonly<Record<string, number>>> => {
  const [row = {}] = await server.query(statement, params)
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Number(value)]))
}
const refill = async (now: number): Promise<void> => {
  for (const statement of statementsOf('refill.sql')) await server.query(statement, { now: at(now) })
}

/** Numbers from 0 to 1 that are the same in each run (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const shuffled = <T>(items: readonly T[], random: () => number): readonly T[] =>
  items
    .map((item) => ({ item, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item)

type Truth = Map<string, { requests: number; units: number }>

/** Six processes count for a quarter of an hour. They restart in order, their clocks step, and the sink loses answers. */
async function simulate(random: () => number, hasSteps: boolean): Promise<{ readonly truth: Truth; readonly sink: TestSink }> {
  const truth: Truth = new Map()
  const sink = new TestSink()
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T
  for (let process = 0; process < 6; process++) {
    let now = START + random() * 10_000
    let [skew, nextFlush] = [0, 0]
    const clock = { ...systemClock, now: () => now + skew, monotonic: () => 0, after: () => () => undefined }
    const started = (): { readonly table: UsageTable; readonly sender: UsageSender } => {
      const table = new UsageTable(randomUUID, () => 0)
      const outlet = new Outlet(
        sink,
        1_000,
        systemClock,
        new EventWarnings(
          'of the test',
          () => 0,
          () => undefined,
        ),
      )
      return { table, sender: new UsageSender(table, { outlet, clock, region: 'eu', drops: noDrops() }) }
    }
    let running = started()
    while (now < START + 900_000) {
      now += -Math.log(1 - random()) * 333
      if (hasSteps && random() < 0.002) skew = random() < 0.1 ? (random() - 0.5) * 4 * HOUR : random() * 120_000 - 90_000
      const [tenant, endpoint, units] = [pick(['a', 'b', 'c']), pick(['/a', '/b/:id']), Math.floor(random() * 5)]
      const decision = decisionBy(pick([{ api: 'allowed' }, { api: 'refused' }, { api: 'allowed', login: 'refused' }] as const), {
        units,
        tier: 'free',
      })
      running.table.count(clock.now(), decision, tenant, endpoint)
      for (const policy of ['', ...decision.charges.map(({ limit }) => limit.name.replace('.hour', ''))]) {
        const sum = truth.get(`${tenant} ${endpoint} ${policy}`) ?? { requests: 0, units: 0 }
        truth.set(`${tenant} ${endpoint} ${policy}`, { requests: sum.requests + 1, units: sum.units + units })
      }
      if (now >= nextFlush) {
        nextFlush = now + 10_000
        sink.answer = pick(['taken', 'taken', 'failed', 'lost'])
        await running.sender.flush()
      }
      if (random() < 0.001) {
        sink.answer = 'taken'
        await running.sender.flush()
        running = started()
      }
    }
    sink.answer = 'taken'
    await running.sender.flush()
  }
  return { truth, sink }
}

describe('the view over the minutes', () => {
  test.each([
    ['of clocks that are right', 1, false],
    ['of clocks that step back and forth', 2, true],
  ])('gives what processes counted: %s, rows twice and shuffled, with merges between', { timeout: 300_000 }, async (_, seed, hasSteps) => {
    const random = seeded(seed)
    const { truth, sink } = await simulate(random, hasSteps)
    const rows = shuffled([...sink.rows, ...sink.rows], random)
    for (let i = 0; i < rows.length; i += 500) {
      await server.insert(random() < 0.5 ? 'usage_in' : 'usage_queue', rows.slice(i, i + 500))
      if (random() < 0.3) await server.query('OPTIMIZE TABLE usage_1m FINAL')
    }
    const got = await server.query(
      'SELECT tenant, endpoint, policy, sum(requests) AS requests, sum(units) AS units FROM usage_by_minute GROUP BY tenant, endpoint, policy',
    )
    const view = new Map(
      got.map((row) => [
        ['tenant', 'endpoint', 'policy'].map((name) => row[name]).join(' '),
        [Number(row['requests']), Number(row['units'])],
      ]),
    )
    expect(view).toEqual(new Map(Array.from(truth, ([key, { requests, units }]) => [key, [requests, units]])))
    const { requests } = await numbered('SELECT sum(requests) AS requests FROM usage_by_minute')
    // A plain sum over the table does not, before a merge.
    await server.insert('usage_in', sink.rows)
    expect((await numbered('SELECT sum(requests) AS requests FROM usage_1m'))['requests']).toBeGreaterThan(requests ?? 0)
    expect((await numbered('SELECT sum(requests) AS requests FROM usage_by_minute'))['requests']).toBe(requests)
  })
})

/** Rows and events of the last minutes before `now`, as processes send them. */
function written(now: number): { readonly rows: readonly object[]; readonly events: readonly DecisionEvent[] } {
  const random = seeded(5)
  const key = { namespace: 'shop', tenant: 'acme', endpoint: '/orders', region: 'eu', tier: 'free', boot: randomUUID() }
  const minute = Math.floor(now / 60_000) * 60 - 60
  const row = (policy: string, mode: string, verdict: string, requests: number) => ({
    ...key,
    minute,
    policy,
    mode,
    verdict,
    requests,
    units: requests,
  })
  const rows = [
    row('', 'enforce', 'allowed', 75),
    row('', 'enforce', 'refused', 20),
    row('', 'enforce', 'blocked', 5),
    row('api', 'enforce', 'allowed', 75),
    row('stricter', 'shadow', 'allowed', 60),
    row('stricter', 'shadow', 'refused', 40),
  ]
  const events = Array.from({ length: 3_000 }, (_, i): DecisionEvent => {
    const verdict = (['allowed', 'refused', 'blocked'] as const)[i % 3] as DecisionEvent['verdict']
    return {
      id: randomUUID(),
      at: now - 1 - Math.floor(random() * 500_000),
      region: 'eu',
      instance: 'pod-1',
      namespace: 'shop',
      tenant: 'acme',
      policy: 'api',
      limit: 'minute',
      tier: 'free',
      mode: i % 2 === 0 ? 'enforce' : 'shadow',
      verdict,
      source: 'redis',
      endpoint: '/orders',
      method: 'GET',
      subject: `s${Math.min(i % 7, i % 11)}`,
      cost: 1,
      remaining: verdict === 'allowed' ? i % 50 : 0,
      retry_after_ms: verdict === 'allowed' ? 0 : -1,
      latency_us: 90,
      revision: 1,
      weight: verdict === 'allowed' ? 100 : i % 4 === 0 ? 1 : 2.5,
      trace_id: '',
    }
  })
  return { rows, events }
}

describe('the files', () => {
  test('every query gives an answer, which is right', { timeout: 120_000 }, async () => {
    const now = START + HOUR / 2
    const { rows, events } = written(now)
    await server.insert('usage_in', [...rows, ...rows])
    for (const queue of ['decisions_in', 'decisions_queue']) await server.insert(queue, shuffled(events, seeded(9)))
    for (let i = 0; i < 3; i++) await refill(now)
    const answers = []
    for (const statement of statementsOf('queries.sql')) answers.push(await server.query(statement, { now: at(now), namespace: 'shop' }))
    for (const [i, answer] of answers.entries()) expect(answer, `query ${i + 1}`).not.toEqual([])
    const [throttled, violators = [], shadow, nearest, days] = answers
    expect(throttled).toEqual([{ tenant: 'acme', endpoint: '/orders', region: 'eu', total: 100, throttled: 0.25 }])
    const refusals: Record<string, number> = {}
    for (const { subject, mode, verdict, weight } of events)
      if (mode === 'enforce' && verdict === 'refused') refusals[subject] = (refusals[subject] ?? 0) + weight
    expect(Object.fromEntries(violators.map(({ subject, refusals }) => [subject, refusals]))).toEqual(refusals)
    expect(shadow).toEqual([{ policy: 'stricter', total: 100, would_refuse: 0.4 }])
    expect(nearest?.[0]).toMatchObject({ policy: 'api', limit_name: 'minute', least_left: 0 })
    expect(days).toEqual([{ day: at(now).slice(0, 10), tenant: 'acme', total: 100, units_granted: 75 }])
  })

  test('an hour is filled again for 3 hours after its end, and then stays', async () => {
    const boot = randomUUID()
    const row = (requests: number) => ({
      namespace: 'shop',
      tenant: '',
      policy: '',
      verdict: 'allowed',
      boot,
      minute: START / 1_000,
      requests,
      units: 0,
    })
    const filled = async (requests: number, now: number) => {
      await server.insert('usage_in', [row(requests)])
      await refill(now)
      return (await numbered('SELECT sum(requests) AS requests FROM usage_by_hour'))['requests']
    }
    expect(await filled(1, START + HOUR)).toBe(1)
    expect(await filled(2, START + 4 * HOUR - 1_000)).toBe(2)
    expect(await filled(3, START + 4 * HOUR)).toBe(2)
  })

  test('a message of Kafka that cannot be parsed becomes no row', async () => {
    const minute = START / 1_000
    const row = { minute, namespace: 'shop', boot: randomUUID(), verdict: 'allowed' }
    const rows = [5, 9, 7, 9].map((requests) => ({ ...row, requests, units: requests }))
    await server.insert('usage_queue', [...rows, { ...row, boot: randomUUID(), requests: 100, _error: 'not json' }])
    const event = { id: randomUUID(), at: START + 123, namespace: 'shop', policy: 'api', limit: 'minute', weight: 2.5 }
    await server.insert('decisions_queue', [event, event, { ...event, id: randomUUID(), _error: 'not json' }])
    expect(await server.query('SELECT toUnixTimestamp(minute) AS minute, requests FROM usage_by_minute')).toEqual([{ minute, requests: 9 }])
    expect(await server.query('SELECT toUnixTimestamp64Milli(at) AS at, limit_name, weight FROM decisions_once')).toEqual([
      { at: START + 123, limit_name: 'minute', weight: 2.5 },
    ])
  })
})

describe('httpSink', () => {
  test('what limiters decide is in the views, exactly', async () => {
    const insert = (table: string): string => `${server.url}/?query=${encodeURIComponent(`INSERT INTO ${table} FORMAT JSONEachRow`)}`
    const sink = httpSink({ url: { decisions: insert('decisions_in'), usage: insert('usage_in') } })
    const warnings: string[] = []
    const events = decisionEvents({
      sink,
      secret: SECRET,
      sample: 0.1,
      region: 'eu',
      on: { warning: ({ message }) => warnings.push(message) },
    })
    const limiter = limiterOf(40, { name: 'clickhouse' })
    for (let i = 0; i < 100; i++) await limiter.consume(`user ${i % 2}`)
    expect(await events.flush()).toBe(true)
    for (let i = 0; i < 20; i++) await limiter.consume('user 0')
    await events.close()
    expect(warnings).toEqual([])
    const sums = `SELECT sumIf(requests, verdict = 'allowed') AS allowed, sumIf(requests, verdict = 'refused') AS refused FROM usage_by_minute`
    expect(await numbered(`${sums} WHERE namespace = 'clickhouse' AND policy = ''`)).toEqual({ allowed: 80, refused: 40 })
    expect(await numbered(`${sums} WHERE namespace = 'clickhouse' AND policy = 'clickhouse'`)).toEqual({ allowed: 80, refused: 40 })
    const refused = `SELECT count() AS events, uniqExact(subject) AS subjects, sum(weight) AS weight FROM decisions_once WHERE verdict = 'refused'`
    expect(await numbered(refused)).toEqual({ events: 40, subjects: 2, weight: 40 })
  })
})
