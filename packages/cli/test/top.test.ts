// A real Redis, with the counts of real limiters.
import { spawn } from 'node:child_process'
import { createLimiter, fixedWindow, memoryStore } from '@sluice/core'
import { redisAnalytics } from '@sluice/redis'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { BIN, sluice, sluiceProcess } from './sluice.ts'

const SECRET = 'a secret of sixteen or more'
const LONG = `long-${'n'.repeat(40)}`

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
  const analytics = redisAnalytics({ url: server.url }, { secret: SECRET })
  const limiterOf = (name: string, limit: number) =>
    createLimiter({ name, limits: [fixedWindow({ name: 'hour', limit, window: '1h' })], store: memoryStore() })
  const [orders, long] = [limiterOf('orders', 2), limiterOf(LONG, 1_000)]
  for (let i = 0; i < 1_250; i++) await orders.consume('bot')
  for (let i = 0; i < 5; i++) await orders.consume('user:42')
  await long.consume('x')
  // It connects first, which is later than the microtask in which it hears the last decision.
  await analytics.flush()
  await analytics.close()
})
afterAll(() => server.stop())

const top = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  sluice(['top', ...args], { env: { REDIS_URL: server.url, ...env } })

test('the program itself', () => {
  expect(sluiceProcess(['top'], { env: { REDIS_URL: server.url } })).toMatchObject({
    status: 0,
    err: '',
    out: expect.stringMatching(/^orders /m),
  })
})

test('shows usage and the subjects that were refused most, in 80 columns', async () => {
  const { status, out, err } = await top([])
  expect({ status, err }).toEqual({ status: 0, err: '' })
  expect(out.split('\n').filter((line) => line.length > 80)).toEqual([])
  expect(out).toMatch(/^orders +\(requests\) +1,255 +1,251 +99\.7 %/m)
  expect(out).toMatch(/^orders +orders +1,255 +1,251 +99\.7 %/m)
  expect(out).toMatch(/^long-n{10}… +long-n{10}… +1 +0 +0\.0 %/m)
  expect(out).toMatch(/^ +1,248 {2}orders +[\da-f]{32}\n +3 {2}orders +[\da-f]{32}$/m)
})

test('colour changes nothing else', async () => {
  const plain = await top([])
  const coloured = await top([], { FORCE_COLOR: '1' })
  // oxlint-disable-next-line no-control-regex
  expect(coloured.out.replaceAll(/\u001B\[\d+m/g, '').replaceAll(/\d\d:\d\d/g, '')).toBe(plain.out.replaceAll(/\d\d:\d\d/g, ''))
  expect(coloured.out).toContain('\u001B[')
})

test('as JSON', async () => {
  const { out } = await top(['--json', '--namespace', 'orders', '--limit', '1', '--since', '6h', '--redis', server.url], { REDIS_URL: '' })
  const { from, to, usage, violators } = JSON.parse(out) as { from: number; to: number; usage: unknown[]; violators: unknown[] }
  expect(to - from).toBeGreaterThanOrEqual(6 * 3_600_000)
  const counts = {
    namespace: 'orders',
    requests: 1_255,
    refused: 1_251,
    blocked: 0,
    unavailable: 0,
    perSecond: expect.any(Number) as number,
  }
  expect(usage).toEqual([
    { ...counts, policy: '' },
    { ...counts, policy: 'orders' },
  ])
  expect(violators).toEqual([
    { namespace: 'orders', policy: 'orders', mode: 'enforce', subject: expect.stringMatching(/^[\da-f]{32}$/), violations: 1_248 },
  ])
})

test('--since 31d, the longest time that boards are kept', async () => {
  const { status, out, err } = await top(['--since', '31d'])
  expect({ status, err }).toEqual({ status: 0, err: '' })
  expect(out).toMatch(/^orders +\(requests\) +1,255 +1,251/m)
})

test('one subject, by its own text or its hash', async () => {
  const { out } = await top(['--subject', 'user:42'], { SLUICE_SECRET: SECRET })
  expect(out).toMatch(/Refusals of user:42 in the last 1h.*\n.*\n +3 {2}orders +all/)
  expect((await top(['--subject', 'user:42'])).out).toContain('no refusal of this subject is counted')
  const { violators } = JSON.parse((await top(['--json'])).out) as { violators: { subject: string }[] }
  const json = await top(['--json', '--subject', violators[1]?.subject ?? ''])
  expect(JSON.parse(json.out)).toMatchObject({ policies: [{ policy: 'orders', violations: 3, endpoints: [] }] })
})

test('where nothing is counted it says so', async () => {
  expect(await top(['--prefix', 'other'])).toMatchObject({
    status: 0,
    out: expect.stringContaining('no usage is counted; do the processes have redisAnalytics()?'),
  })
  expect((await top(['--shadow', '--namespace', 'orders'])).out).toContain('no usage is counted of orders')
})

test('--live shows it again, as a line of JSON each time', async () => {
  const child = spawn(
    process.execPath,
    ['--conditions=source', '--disable-warning=ExperimentalWarning', BIN, 'top', '--live', '1', '--json'],
    {
      env: { ...process.env, REDIS_URL: server.url },
    },
  )
  let text = ''
  for await (const chunk of child.stdout) {
    text += String(chunk)
    if (text.split('\n').length > 2) break
  }
  child.kill('SIGINT')
  const [first = '', second = ''] = text.split('\n')
  expect((JSON.parse(second) as { to: number }).to).toBeGreaterThanOrEqual((JSON.parse(first) as { to: number }).to + 900)
})

test.each([
  [[], {}, '--redis is missing; name the server'],
  [['--redis', 'localhost:6379'], {}, '--redis: expected a URL such as redis://localhost:6379, got localhost:6379'],
  [['--redis', 'http://user:geheim@host'], {}, 'got …@host'],
  [['--redis', 'redis://127.0.0.1:1'], {}, 'redis://127.0.0.1:1 cannot be reached: '],
  [['--redis', 'redis://user:geheim@127.0.0.1:1/2'], {}, 'redis://127.0.0.1:1/2 cannot be reached: '],
  [['--since', 'today'], {}, '--since: expected a time such as 30m, 6h or 2d, got today'],
  [['--since', '90d'], { REDIS_URL: 'redis://127.0.0.1:1' }, 'since: expected a duration of at most 31 days'],
  [['--limit', '0'], {}, '--limit: expected a whole number, 1 to 1000, got 0'],
  [['--live', 'x'], {}, '--live: expected a whole number, 1 to 3600, got x'],
  [[], { REDIS_URL: 'redis://127.0.0.1:1', SLUICE_SECRET: 'geheim' }, 'secret: expected a text of at least 16 characters, got one of 6'],
])('sluice top %j is refused', async (args, env, message) => {
  const { status, err } = await sluice(['top', ...args], { env })
  expect(status).toBe(2)
  expect(err).toContain(message)
  expect(err).not.toContain('geheim')
})
