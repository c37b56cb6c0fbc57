import { createLimiter, fixedWindow, memoryStore } from '@sluice/core'
import { subjectHash } from '@sluice/core/store-kit'
import { documentPolicies, parseDocument } from '@sluice/policies'
import { analyticsReader, redisAnalytics } from '@sluice/redis'
import { fakeClock } from '@sluice/testing'
import { type RedisServer, startRedis, tcpProxy, waitUntil } from '@sluice/testing/redis'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { analyticsOn, checkKeysAfterEach, consume, heard, limiterOf, SECRET } from './support.ts'

const hash = subjectHash(SECRET)
const isScript = (request: Buffer): boolean => /evalsha/i.test(String(request))

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
checkKeysAfterEach(() => server)
afterAll(() => server.stop())
const source = () => ({ url: server.url })

/** Every key and value that Redis has, as text. */
async function allText(): Promise<string> {
  const texts: string[] = []
  for (const key of (await server.call('KEYS', '*')) as string[]) {
    const type = (await server.call('TYPE', key)) as string
    const command = { hash: ['HGETALL', key], zset: ['ZRANGE', key, '0', '-1'], set: ['SMEMBERS', key] }[type] ?? ['GET', key]
    texts.push(key, JSON.stringify(await server.call(command[0] as string, ...command.slice(1))))
  }
  return texts.join('\n')
}

describe('top violators', () => {
  test('of two processes, the first the most', async () => {
    const { limiter, name } = limiterOf(1)
    const [one, two] = [analyticsOn(source()), analyticsOn(source())]
    await consume(limiter, 'bot', 31)
    await consume(limiter, 'user:42', 6)
    await consume(limiter, 'obedient', 1)
    await Promise.all([one.flush(), two.flush()])
    const board = { namespace: name, policy: name, mode: 'enforce' }
    // Both processes hear this one limiter, so all counts are twice.
    expect(await one.topViolators({ namespace: name })).toEqual([
      { ...board, subject: hash('bot'), violations: 60 },
      { ...board, subject: hash('user:42'), violations: 10 },
    ])
    await consume(limiter, 'user:42', 100)
    await one.flush()
    expect((await two.topViolators({ policy: name, limit: 1 })).map(({ subject, violations }) => [subject, violations])).toEqual([
      [hash('user:42'), 110],
    ])
  })

  test('by policy, of a document and in shadow', async () => {
    const analytics = analyticsOn(source())
    const document = parseDocument(`apiVersion: sluice/v1
namespace: shop
revision: 1
subjects: { address: { parts: [{ ip: true }] } }
policies:
  - name: api
    rules: [{ name: all, limits: [{ name: hour, algorithm: fixedWindow, limit: 4, window: 1h, subject: address }] }]
  - name: stricter
    mode: shadow
    rules: [{ name: all, limits: [{ name: hour, algorithm: fixedWindow, limit: 1, window: 1h, subject: address }] }]
`)
    const policies = documentPolicies(document, { store: memoryStore() })
    for (let i = 0; i < 6; i++) await policies.check({ ip: '203.0.113.7', path: '/' })
    await heard()
    await analytics.flush()
    expect(await analytics.topViolators({ namespace: 'shop' })).toMatchObject([{ policy: 'api', violations: 2 }])
    expect(await analytics.topViolators({ mode: 'shadow' })).toMatchObject([{ policy: 'stricter', violations: 3 }])
  })

  test('a subject that two limits of a policy refuse counts once, two subjects count each', async () => {
    const analytics = analyticsOn(source())
    const limits = [fixedWindow({ name: 'address', limit: 0, window: '1h' }), fixedWindow({ name: 'account', limit: 0, window: '1h' })]
    const limiter = createLimiter({ name: 'login', limits, store: memoryStore() })
    await consume(limiter, 'both', 1)
    await limiter.consume({ address: 'a', account: 'b' })
    await heard()
    await analytics.flush()
    const found = await analytics.topViolators({ namespace: 'login' })
    expect(new Map(found.map(({ subject, violations }) => [subject, violations]))).toEqual(
      new Map([
        [hash('both'), 1],
        [hash('a'), 1],
        [hash('b'), 1],
      ]),
    )
  })

  test('a board keeps 10,000 subjects, and those with most refusals', async () => {
    const { limiter, name } = limiterOf(0)
    const analytics = analyticsOn(source())
    for (let i = 0; i < 11; i++) {
      await consume(limiter, 'bot', 5)
      for (let j = 0; j < 950; j++) await limiter.consume(`s${i}-${j}`)
      await heard()
      await analytics.flush()
    }
    const keys = (await server.call('KEYS', `*{${name}}:top:*`)) as string[]
    expect(await server.call('ZCARD', keys[0] ?? '')).toBe(10_000)
    expect(await server.call('HLEN', (keys[0] ?? '').replace(':top:', ':endpoints:'))).toBe(10_000)
    expect(await analytics.topViolators({ namespace: name, limit: 1 })).toMatchObject([{ subject: hash('bot'), violations: 55 }])
  })

  test('over several hours the counts of a subject are summed', async () => {
    const clock = fakeClock(Date.now() - 7_200_000)
    const analytics = analyticsOn(source(), { clock })
    const { limiter, name } = limiterOf(0)
    for (const times of [3, 4, 5]) {
      await consume(limiter, 'bot', times)
      await analytics.flush()
      clock.advance(3_600_000)
    }
    clock.advance(-3_600_000)
    expect(await analytics.topViolators({ namespace: name, since: '1ms' })).toMatchObject([{ violations: 5 }])
    expect(await analytics.topViolators({ namespace: name, since: '1h' })).toMatchObject([{ violations: 9 }])
    expect(await analytics.topViolators({ namespace: name, since: '2h' })).toMatchObject([{ violations: 12 }])
  })

  test('a store that is away refuses nobody for what it has done', async () => {
    const analytics = analyticsOn(source())
    const limits = [fixedWindow({ name: 'hour', limit: 5, window: '1h' })]
    const away = { name: 'away', consume: () => Promise.reject(new Error('away')), reset: () => undefined }
    const limiter = createLimiter({ name: 'closed', failMode: 'closed', limits, store: away, on: { warning: () => undefined } })
    await consume(limiter, 'user', 3)
    await analytics.flush()
    expect(await analytics.topViolators({ namespace: 'closed' })).toEqual([])
    expect(await analytics.usage({ namespace: 'closed' })).toMatchObject([{ verdict: 'unavailable', requests: 3 }])
  })
})

describe('violations of one subject', () => {
  test('by its text or its hash; without a limiter of HTTP no endpoint is known', async () => {
    const { limiter, name } = limiterOf(1)
    const analytics = analyticsOn(source())
    await consume(limiter, 'user:42', 4)
    await analytics.flush()
    const expected = [{ namespace: name, policy: name, mode: 'enforce', violations: 3, endpoints: [] }]
    expect(await analytics.violations('user:42')).toEqual(expected)
    expect(await analytics.violations(hash('user:42'))).toEqual(expected)
    expect(await analytics.violations('user:43')).toEqual([])
    const reader = analyticsReader(source())
    onTestFinished(() => reader.close())
    expect(await reader.violations('user:42')).toEqual([])
    expect(await reader.violations(hash('user:42'))).toEqual(expected)
  })
})

describe('usage', () => {
  test('counts each request once, and each policy by what it said', async () => {
    const { limiter, name } = limiterOf(3)
    const analytics = analyticsOn(source(), { region: 'eu-1' })
    await limiter.consume('u', { cost: 2 })
    await consume(limiter, 'u', 4)
    await limiter.peek('u')
    await limiter.penalize('u', { cost: 1 })
    await heard()
    await analytics.flush()
    const sum = async (query: object) =>
      (await analytics.usage({ namespace: name, step: '1h', ...query })).map((row) => ({ ...row, at: 0 }))
    expect(await sum({})).toEqual([
      { at: 0, verdict: 'allowed', requests: 2, units: 3 },
      { at: 0, verdict: 'refused', requests: 3, units: 3 },
    ])
    expect(await sum({ policy: name, by: ['verdict', 'region', 'policy', 'namespace'] })).toEqual([
      { at: 0, verdict: 'allowed', region: 'eu-1', policy: name, namespace: name, requests: 2, units: 3 },
      { at: 0, verdict: 'refused', region: 'eu-1', policy: name, namespace: name, requests: 3, units: 3 },
    ])
    expect(await sum({ by: [] })).toEqual([{ at: 0, requests: 5, units: 6 }])
    expect(await sum({ by: ['policy'] })).toEqual([
      { at: 0, policy: '', requests: 5, units: 6 },
      { at: 0, policy: name, requests: 5, units: 6 },
    ])
    expect(await sum({ mode: 'shadow' })).toEqual([])
  })

  test('by minute and by hour', async () => {
    const start = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 3_600_000
    const clock = fakeClock(start + 58 * 60_000)
    const analytics = analyticsOn(source(), { clock })
    const { limiter, name } = limiterOf(1_000)
    for (const times of [1, 2, 3, 4]) {
      await consume(limiter, 'u', times)
      clock.advance(60_000)
    }
    await analytics.flush()
    const rows = async (query: object) =>
      (await analytics.usage({ namespace: name, from: start, to: start + 7_200_000, ...query })).map(({ at, requests }) => [
        (at - start) / 60_000,
        requests,
      ])
    expect(await rows({ step: '1m' })).toEqual([
      [58, 1],
      [59, 2],
      [60, 3],
      [61, 4],
    ])
    expect(await rows({ step: '5m' })).toEqual([
      [55, 3],
      [60, 7],
    ])
    expect(await rows({ step: '1h' })).toEqual([
      [0, 3],
      [60, 7],
    ])
    expect(await rows({ step: '1m', from: start + 59 * 60_000, to: start + 60 * 60_000 })).toEqual([[59, 2]])
  })

  test('a clock that is set back counts in the minute that it says', async () => {
    const clock = fakeClock(Math.floor(Date.now() / 60_000) * 60_000)
    const analytics = analyticsOn(source(), { clock })
    const { limiter, name } = limiterOf(1_000)
    await consume(limiter, 'u', 1)
    await analytics.flush()
    clock.advance(-120_000)
    await consume(limiter, 'u', 2)
    clock.advance(120_000)
    await consume(limiter, 'u', 4)
    await analytics.flush()
    expect((await analytics.usage({ namespace: name })).map(({ requests }) => requests)).toEqual([2, 5])
  })

  test('a minute has 2,000 rows, and what is above is counted as __other__', async () => {
    const analytics = analyticsOn(source())
    // Each name of a limiter makes two rows.
    const { limiter } = limiterOf(1_000, 'last')
    for (let i = 0; i < 999; i++) await limiterOf(1_000, `fold${i}`).limiter.consume('u')
    await consume(limiter, 'u', 1)
    await consume(limiterOf(1_000, 'above').limiter, 'u', 7)
    await analytics.flush()
    expect(await analytics.usage({ namespace: 'above', by: ['tenant', 'endpoint', 'tier'] })).toMatchObject([
      { tenant: '__other__', endpoint: '__other__', tier: '__other__', requests: 7 },
    ])
    expect(await analytics.usage({ namespace: 'last', by: ['tenant', 'endpoint'] })).toMatchObject([
      { tenant: '', endpoint: '', requests: 1 },
    ])
    expect(analytics.health()).toMatchObject({ folded: 7, lost: 0 })
    const total = await analytics.usage({ by: [], step: '1h' })
    expect(total.reduce((sum, { requests }) => sum + requests, 0)).toBe(1_007)
  })

  test('tiers that clients choose take no memory without end, here and in Redis', async () => {
    const analytics = analyticsOn(source())
    const policies = documentPolicies(
      parseDocument(`apiVersion: sluice/v1
namespace: tiers
revision: 1
subjects: { address: { parts: [{ ip: true }] } }
tier: { attribute: plan, default: free }
policies:
  - name: api
    rules: [{ name: all, limits: [{ name: hour, algorithm: fixedWindow, limit: 10000, window: 1h, subject: address }] }]
`),
    )
    onTestFinished(() => policies.close())
    const consumeAs = (plan: string) => policies.check({ ip: '203.0.113.7', path: '/', attributes: { plan } })
    // Each tier makes two rows.
    for (let flush = 0; flush < 3; flush++) {
      for (let i = 0; i < 1_100; i++) await consumeAs(`${flush}-${i} `.padEnd(300, 'x'))
      await heard()
      await analytics.flush()
    }
    const rows = await analytics.usage({ namespace: 'tiers', by: ['tier'] })
    expect(rows.reduce((sum, { requests }) => sum + requests, 0)).toBe(3_300)
    expect(rows.find(({ tier }) => tier === '__other__')?.requests).toBe(2_300)
    expect(Math.max(...rows.map(({ tier = '' }) => tier.length))).toBe(128)
    expect(analytics.health()).toMatchObject({ folded: 300, lost: 0 })
    const [minute = ''] = (await server.call('KEYS', '*:minute:*')) as string[]
    expect(await server.call('HLEN', minute)).toBeLessThanOrEqual(2_002)
  })
})

describe('what leaves the process', () => {
  test('no subject is in Redis in the clear', async () => {
    const { limiter } = limiterOf(1)
    const analytics = analyticsOn(source())
    await consume(limiter, '203.0.113.7', 5)
    await consume(limiter, 'sk-live-0123456789', 5)
    await analytics.flush()
    const text = await allText()
    expect(text).toContain(hash('203.0.113.7'))
    expect(text).not.toMatch(/203\.0\.113|sk-live|sixteen/)
  })

  test('a long subject is found as well', async () => {
    const { limiter, name } = limiterOf(0)
    const analytics = analyticsOn(source())
    const long = `${'x'.repeat(1_000)}!`
    await consume(limiter, long, 3)
    await analytics.flush()
    expect(await analytics.topViolators({ namespace: name })).toMatchObject([{ subject: hash(long), violations: 3 }])
    expect(await analytics.violations(long)).toMatchObject([{ violations: 3 }])
  })

  test("with subjects: 'plain' they are, and a long one is hashed", async () => {
    const { limiter, name } = limiterOf(0)
    const analytics = analyticsOn(source(), { subjects: 'plain', secret: undefined })
    const long = 'x'.repeat(257)
    await consume(limiter, 'user:42', 2)
    await consume(limiter, long, 1)
    await analytics.flush()
    const [first, second] = await analytics.topViolators({ namespace: name })
    expect(first).toMatchObject({ subject: 'user:42', violations: 2 })
    expect(second?.subject).toMatch(/^#[\da-f]{32}$/)
    expect(await analytics.violations(long)).toMatchObject([{ violations: 1 }])
  })
})

describe('each count is sent once', () => {
  test('a lost reply: the message is sent again, and counts once', async () => {
    const proxy = await tcpProxy(server)
    onTestFinished(() => proxy.close())
    const analytics = analyticsOn({ url: `redis://${proxy.host}:${proxy.port}` })
    const { limiter, name } = limiterOf(1)
    await consume(limiter, 'bot', 3)
    await analytics.flush()
    await consume(limiter, 'bot', 4)
    proxy.loseReplies({ after: isScript })
    await analytics.flush()
    expect(analytics.health().reason).toMatch(/./)
    await waitUntil('the flush', async () => {
      await analytics.flush()
      return analytics.health().reason === undefined
    })
    expect(await analytics.topViolators({ namespace: name })).toMatchObject([{ violations: 6 }])
    expect(await analytics.usage({ namespace: name, by: [], step: '1h' })).toMatchObject([{ requests: 7 }])
    expect(analytics.health()).toEqual({ reason: undefined, lost: 0, folded: 0 })
  })

  test('a client that repeats its commands counts once', async () => {
    const proxy = await tcpProxy(server)
    onTestFinished(() => proxy.close())
    // ioredis as it is by default.
    const client = server.client({ host: proxy.host, port: proxy.port, retryStrategy: () => 10 })
    const analytics = analyticsOn(client)
    const { limiter, name } = limiterOf(1)
    await consume(limiter, 'bot', 3)
    await analytics.flush()
    for (let i = 0; i < 5; i++) {
      await consume(limiter, 'bot', 4)
      proxy.loseReplies({ after: isScript })
      await analytics.flush()
    }
    await waitUntil('the flush', async () => {
      await analytics.flush()
      return analytics.health().reason === undefined
    })
    expect(await analytics.topViolators({ namespace: name })).toMatchObject([{ violations: 22 }])
  })

  test('a process that ends sends what is left', async () => {
    const { limiter, name } = limiterOf(1)
    const analytics = analyticsOn(source())
    await consume(limiter, 'bot', 3)
    await analytics.close()
    await consume(limiter, 'bot', 3)
    const reader = analyticsReader(source())
    onTestFinished(() => reader.close())
    expect(await reader.topViolators({ namespace: name })).toMatchObject([{ violations: 2 }])
  })

  test('a flush while another one runs has the last counts', async () => {
    const { limiter, name } = limiterOf(0)
    const analytics = analyticsOn(source())
    await consume(limiter, 'bot', 3)
    const first = analytics.flush()
    await consume(limiter, 'bot', 4)
    await Promise.all([first, analytics.flush(), analytics.flush()])
    expect(await analytics.topViolators({ namespace: name })).toMatchObject([{ violations: 7 }])
  })

  test('it sends by itself at each interval', async () => {
    const clock = fakeClock(Date.now())
    const analytics = analyticsOn(source(), { clock, interval: '10s' })
    const { limiter, name } = limiterOf(0)
    for (const total of [2, 4, 6]) {
      await consume(limiter, 'bot', 2)
      await waitUntil('the timer', () => clock.pending > 0)
      clock.advance(10_000)
      await expect.poll(async () => (await analytics.topViolators({ namespace: name }))[0]?.violations).toBe(total)
    }
  })
})

describe('Redis is away', () => {
  test('nothing waits, counts are kept for later, and it is reported once', async () => {
    const own = await startRedis()
    onTestFinished(() => own.stop())
    const warnings: string[] = []
    const analytics = analyticsOn({ url: own.url }, { on: { warning: ({ message }) => void warnings.push(message) } })
    const { limiter, name } = limiterOf(1)
    await consume(limiter, 'bot', 3)
    await analytics.flush()
    await own.kill()
    for (let i = 0; i < 3; i++) {
      await consume(limiter, 'bot', 10)
      await analytics.flush()
    }
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatch(/counts were not sent to Redis: .*WARN_ANALYTICS/s)
    await own.restart()
    await waitUntil('the flush', async () => {
      await analytics.flush()
      return analytics.health().reason === undefined
    })
    // The server lost what it had. The counts since are there.
    expect(await analytics.topViolators({ namespace: name })).toMatchObject([{ violations: 30 }])
    expect(analytics.health().lost).toBe(0)
  })

  test('a server that hangs for a while loses nothing', async () => {
    const own = await startRedis()
    onTestFinished(() => own.stop())
    const analytics = analyticsOn({ url: own.url })
    const { limiter, name } = limiterOf(1)
    await consume(limiter, 'bot', 3)
    await analytics.flush()
    await own.pause()
    await consume(limiter, 'bot', 10)
    await analytics.flush()
    expect(analytics.health().reason).toMatch(/./)
    await own.resume()
    await waitUntil('the flush', async () => {
      await analytics.flush()
      return analytics.health().reason === undefined
    })
    expect(await analytics.topViolators({ namespace: name })).toMatchObject([{ violations: 12 }])
  })

  test('after 15 minutes the oldest counts are given up, and counted as lost', async () => {
    const clock = fakeClock(Date.now())
    const analytics = analyticsOn({ url: 'redis://127.0.0.1:1' }, { clock })
    const { limiter } = limiterOf(1_000_000)
    for (let i = 0; i < 20; i++) {
      await consume(limiter, 'u', 2)
      clock.advance(60_000)
    }
    await analytics.flush()
    expect(analytics.health().lost).toBe(10)
  })
})

test.each([
  [{}, /redisAnalytics: secret: expected a text of at least 16 characters, the same in every process, or subjects: 'plain', got none/],
  [{ secret: 'short' }, /redisAnalytics: secret: expected a text of at least 16 characters, got one of 5/],
  [{ secret: 7 }, /got number/],
  [{ secret: SECRET, subjects: 'hash' }, /'hashed' or 'plain'/],
  [{ secret: SECRET, interval: '100ms' }, /interval: expected a duration from 1000 to 60000 ms/],
  [{ secret: SECRET, keep: '1m' }, /keep: expected a duration from 3600000/],
  [{ secret: SECRET, prefix: '{a}' }, /prefix/],
  [{ secret: SECRET, region: 'x'.repeat(65) }, /region/],
  [{ secret: SECRET, flush: 1 }, /"flush" is not an option/],
  [{ secret: SECRET, on: { warn: () => undefined } }, /"warn" is not an option/],
])('options %j are refused', (options, message) => {
  expect(() => redisAnalytics(source(), options as never)).toThrow(message)
})

test('queries are checked', async () => {
  const reader = analyticsReader(source())
  onTestFinished(() => reader.close())
  const old = Date.now() - 4 * 3_600_000
  await expect(reader.usage({ from: old, step: '1m' })).rejects.toThrow(
    /step: expected whole hours, such as '1h', since from is more than 3 hours ago/,
  )
  await expect(reader.usage({ step: '1s' })).rejects.toThrow(/step: expected whole minutes/)
  await expect(reader.usage({ by: ['subject'] as never })).rejects.toThrow(/by: expected a list of namespace/)
  await expect(reader.usage({ from: 5, to: 4 })).rejects.toThrow(/to: expected a time after from/)
  const now = Date.now()
  await expect(reader.usage({ from: now - 32 * 86_400_000, step: '1h' })).rejects.toThrow(/from: expected a time at most 31 days before to/)
  expect(await reader.usage({ from: now - 31 * 86_400_000 })).toEqual([])
  await expect(reader.usage({ from: new Date('no') })).rejects.toThrow(/from: expected a Date/)
  await expect(reader.topViolators({ limit: 0 })).rejects.toThrow(/limit: expected a whole number, 1 to 1000/)
  await expect(reader.topViolators({ since: '40d' })).rejects.toThrow(/since: expected a duration of at most 31 days/)
  await expect(reader.topViolators({ mode: 'on' as never })).rejects.toThrow(/mode: expected 'enforce'/)
  await expect(reader.violations('')).rejects.toThrow(/subject: expected a text that is not empty/)
  expect(await reader.topViolators()).toEqual([])
  expect(await reader.usage({ from: old })).toEqual([])
})
