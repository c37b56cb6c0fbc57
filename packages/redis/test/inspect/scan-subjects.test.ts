import { concurrency, createLimiter, fixedWindow, slidingWindow } from '@sluice/core'
import { redisStore, type RedisSource, type ScannedSubject, scanSubjects, type ScanOptions } from '@sluice/redis'
import { expect, test } from 'vitest'
import { LIBRARIES } from '../clients/clients.ts'
import { startServers } from './servers.ts'

const limiter = {
  name: 'api',
  limits: [fixedWindow({ name: 'day', limit: 10, window: '1d' }), concurrency({ name: 'running', limit: 5, ttl: '1m' })],
} as const
const LONG = 'y'.repeat(300)
const FULL = ['a', 'b:c', 'x*[^]', '#hash', 'ünï', LONG]

const [server, cluster] = await startServers()

/** Takes all units of some subjects, and one of a hundred others. */
async function charge(source: RedisSource, prefix = 'sluice'): Promise<void> {
  const store = redisStore(source, { prefix, failover: false, denyCache: false })
  const api = createLimiter({ ...limiter, store })
  const other = createLimiter({ name: 'apis', limits: limiter.limits, store })
  await Promise.all(FULL.map((subject) => api.consume(subject, { cost: 10 })))
  await Promise.all(Array.from({ length: 100 }, (_, i) => api.consume(`user:${i}`)))
  await Promise.all(FULL.map((subject) => other.consume(subject, { cost: 10 })))
  await store.close?.()
}

async function list(source: RedisSource, options: Omit<ScanOptions, 'limiter'> = {}): Promise<readonly ScannedSubject[]> {
  const found: ScannedSubject[] = []
  for await (const each of scanSubjects(source, { limiter, ...options })) found.push(each)
  return found
}

function namesOf(found: readonly ScannedSubject[]): readonly string[] {
  return found.map(({ subject, text }) => subject ?? (text.startsWith('#') ? LONG : '?')).toSorted((a, b) => (a < b ? -1 : 1))
}
const EXPECTED = FULL.toSorted((a, b) => (a < b ? -1 : 1))

test('M4: who is at the limit now, without KEYS, in bounded steps', async () => {
  await charge({ url: server.url })
  await server.call('SET', 'sluice:{10}:api:foreign', 'x')
  await server.call('CONFIG', 'RESETSTAT')
  const steps: number[] = []
  const found = await list({ url: server.url }, { count: 20, onProgress: ({ keys, total = 0 }) => void steps.push(keys / total) })
  expect(namesOf(found)).toEqual(EXPECTED)
  expect(found.every(({ limited }) => limited.length === 1 && limited[0]?.limit === 'day' && limited[0].used === 10)).toBe(true)
  expect(steps.length).toBeGreaterThan(5)
  // SCAN counts places of its table, of which some are empty and some have two keys.
  expect(steps.at(-1)).toBeGreaterThan(0.7)
  expect(String(await server.call('INFO', 'commandstats'))).not.toMatch(/cmdstat_(?:keys|set|eval|evalsha|del)\b/)
  expect(await list({ url: server.url }, { which: 'all' })).toHaveLength(106)
})

test('a blocked subject is listed, and a state of an ended generation is not', async () => {
  const store = redisStore({ url: server.url }, { failover: false, denyCache: false })
  const api = createLimiter({ ...limiter, store })
  await api.consume('old', { cost: 10 })
  await api.resetAll()
  await api.block('blocked', '1m')
  expect(namesOf(await list({ url: server.url }))).toEqual(['blocked'])
  await store.close?.()
})

test('a signal ends the list', async () => {
  await charge({ url: server.url })
  const aborter = new AbortController()
  const scan = list({ url: server.url }, { count: 1, signal: aborter.signal, onProgress: () => aborter.abort(new Error('enough')) })
  await expect(scan).rejects.toThrow('enough')
})

test.each(Object.entries(LIBRARIES))('%s, Cluster', async (name, library) => {
  const source = await library.cluster(cluster.nodes)
  const prefix = name.replaceAll(' ', '')
  await charge(source, prefix)
  expect(namesOf(await list(source, { prefix }))).toEqual(EXPECTED)
  expect(await list(source, { prefix, which: 'all' })).toHaveLength(106)
})

test.each([
  [{ limiter: undefined }, 'ERR_OPTION_INVALID'],
  [{ limiter: { name: 'api' } }, 'ERR_OPTION_INVALID'],
  [{ limiter, count: 0 }, 'ERR_OPTION_INVALID'],
  [{ limiter, which: 'none' }, 'ERR_OPTION_INVALID'],
  [{ limiter, onProgress: 1 }, 'ERR_OPTION_INVALID'],
  [{ limiter, match: '*' }, 'ERR_OPTION_UNKNOWN'],
])('%j: %s', async (options, code) => {
  await expect(list({ url: server.url }, options as never)).rejects.toMatchObject({ code })
})

test('packed data is refused', async () => {
  const packed = { subjects: 100 }
  const store = redisStore({ url: server.url }, { packed, failover: false, denyCache: false })
  await createLimiter({ name: 'flat', limits: [slidingWindow({ name: 'minute', limit: 1, window: '1m' })], store }).consume('a')
  await expect(list({ url: server.url })).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID' })
  await store.close?.()
})
