import { redisStore } from '@sluice/redis'
import { fakeClock } from '@sluice/testing'
import { startRedis, type RedisServer } from '@sluice/testing/redis'
import { memoryStore } from '@sluice/core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { ServeOptions } from '../src/index.ts'
import { Documents, documentOf, MINUTE, one, post, started } from './support.ts'

const SECRET = 'a secret of at least thirty-two characters'
const user = (name: string, more: object = {}) => ({ attributes: { user: name }, ...more })
const text = documentOf(one(`${MINUTE}, limit: 10`))

async function usedBy(url: string, name: string): Promise<number> {
  const { json } = await post(`${url}/v1/peek`, user(name, { cost: 0 }))
  return json.limits[0].used
}

describe('settle and release', () => {
  test('a decision is corrected to what it cost, in either direction, and refunded', async () => {
    const { url } = await started({ policies: new Documents(text) })
    const take = async (name: string) => (await post(`${url}/v1/check`, user(name, { cost: 5 }))).json.decision
    const settled = { settled: true, reason: null }
    expect((await post(`${url}/v1/settle`, { decision: await take('less'), cost: 2 })).json).toEqual(settled)
    expect((await post(`${url}/v1/settle`, { decision: await take('more'), cost: 12 })).json).toEqual(settled)
    expect((await post(`${url}/v1/settle`, { decision: await take('none'), refund: true })).json).toEqual(settled)
    expect((await post(`${url}/v1/settle`, { decision: await take('named'), cost: { 'api.minute': 1 } })).json).toEqual(settled)
    expect(await Promise.all(['less', 'more', 'none', 'named'].map((name) => usedBy(url, name)))).toEqual([2, 12, 0, 1])
  })

  test('the document says what a response took: settle and refundOn', async () => {
    const limits = [
      `${MINUTE}, limit: 10, refundOn: [5xx, 404]`,
      'name: units, algorithm: fixedWindow, window: 1h, limit: 100, subject: user, settle: { responseHeader: X-Units, max: 50 }',
      'name: known, algorithm: slidingWindow, window: 1h, limit: 100, subject: user, settle: { attribute: usage.units, max: 50 }',
      'name: day, algorithm: fixedWindow, window: 1d, limit: 100, subject: user',
    ]
    const rules = `rules: [{ name: all, limits: [${limits.map((limit) => `{ ${limit} }`).join(', ')}] }]`
    const documents = new Documents(documentOf(`  - { name: api, ${rules} }`))
    const { url } = await started({ policies: documents })
    const ended = async (name: string, response: object) => {
      const { decision } = (await post(`${url}/v1/check`, user(name, { cost: 5 }))).json
      expect((await post(`${url}/v1/settle`, { decision, response })).json).toEqual({ settled: true, reason: null })
      const { json } = await post(`${url}/v1/peek`, user(name, { cost: 0 }))
      return Object.fromEntries(json.limits.map((limit: { name: string; used: number }) => [limit.name.slice(4), limit.used]))
    }
    expect(await ended('failed', { status: 503 })).toEqual({ minute: 0, units: 5, known: 5, day: 5 })
    expect(await ended('missing', { status: 404, headers: { 'x-units': '2' } })).toEqual({ minute: 0, units: 2, known: 5, day: 5 })
    const done = { status: 200, headers: { 'X-UNITS': '99' }, attributes: { usage: { units: 7 } } }
    expect(await ended('done', done)).toEqual({ minute: 5, units: 50, known: 7, day: 5 })
    expect(await ended('gone', {})).toEqual({ minute: 5, units: 5, known: 5, day: 5 })
    const { decision } = (await post(`${url}/v1/check`, user('later', { cost: 5 }))).json
    documents.change(documentOf(one(`${MINUTE}, limit: 10`), { revision: 2 }))
    expect((await post(`${url}/v1/settle`, { decision, response: { status: 500 } })).json).toMatchObject({ settled: true })
    expect(await usedBy(url, 'later'), 'the document of the check holds').toBe(0)
    expect((await post(`${url}/v1/settle`, { decision, response: { status: 99 } })).status).toBe(400)
    expect((await post(`${url}/v1/settle`, { decision, response: {}, refund: true })).status).toBe(400)
  })

  test('a check that wants no decision gets none', async () => {
    const { url } = await started({ policies: new Documents(text) })
    const checks = [user('ada', { decision: false }), user('ada', { decision: true }), user('ada')]
    const { json } = await post(`${url}/v1/check`, checks)
    expect(json.map(({ decision, remaining }: any) => [typeof decision, remaining])).toEqual([
      ['undefined', 9],
      ['string', 8],
      ['string', 7],
    ])
  })

  test('a decision is settled once, however often it is sent', async () => {
    const { url } = await started({ policies: new Documents(text) })
    const { decision } = (await post(`${url}/v1/check`, user('ada', { cost: 3 }))).json
    await post(`${url}/v1/check`, user('ada', { cost: 6 }))
    const replays = Array.from({ length: 20 }, () => ({ decision, refund: true }))
    const { json } = await post(`${url}/v1/settle`, replays)
    expect(json.filter((each: any) => each.settled)).toHaveLength(1)
    expect(json.filter((each: any) => each.reason === 'settled-before')).toHaveLength(19)
    expect((await post(`${url}/v1/settle`, { decision, cost: 1 })).json).toEqual({ settled: false, reason: 'settled-before' })
    expect(await usedBy(url, 'ada')).toBe(6)
  })

  test('a slot is released, also by settling, and again without harm', async () => {
    const slots = one('name: slots, algorithm: concurrency, ttl: 1m, limit: 1, subject: user')
    const { url } = await started({ policies: new Documents(documentOf(slots)) })
    const take = async () => (await post(`${url}/v1/check`, user('ada'))).json
    const first = await take()
    expect(first).toMatchObject({ allowed: true, remaining: 0, limits: [{ windowMs: 60_000 }] })
    expect(await take()).toMatchObject({ allowed: false, status: 429 })
    expect((await post(`${url}/v1/release`, { decision: first.decision })).json).toEqual({ released: true, reason: null })
    const second = await take()
    expect(second.allowed).toBe(true)
    await post(`${url}/v1/release`, { decision: first.decision })
    expect(await take(), 'the slot of another request is not released').toMatchObject({ allowed: false })
    await post(`${url}/v1/settle`, { decision: second.decision, refund: true })
    expect(await take()).toMatchObject({ allowed: true })
  })

  test('a changed, cut or foreign text is refused with its index, and nothing is settled', async () => {
    const { url } = await started({ policies: new Documents(text) })
    const other = await started({ policies: new Documents(text) })
    const { decision } = (await post(`${url}/v1/check`, user('ada', { cost: 3 }))).json as { decision: string }
    const flipped = [3, 20, 40, 100, decision.length - 1].map((i) => {
      const char = decision[i] === 'A' ? 'B' : 'A'
      return decision.slice(0, i) + char + decision.slice(i + 1)
    })
    for (const forged of [
      ...flipped,
      decision.slice(0, -4),
      `${decision}AAAA`,
      `${decision}=`,
      decision.slice(3),
      'd1.',
      'd1.AAAA',
      `d2.${decision.slice(3)}`,
    ]) {
      const { status, json } = await post(`${url}/v1/settle`, [
        { decision, cost: 0 },
        { decision: forged, cost: 0 },
      ])
      expect([status, json.code, json.problems[0].path], forged).toEqual([400, 'ERR_DECISION_INVALID', '[1].decision'])
    }
    expect((await post(`${other.url}/v1/settle`, { decision, cost: 0 })).json).toMatchObject({ code: 'ERR_DECISION_INVALID' })
    expect(await usedBy(url, 'ada')).toBe(3)
    const unknown = await post(`${url}/v1/settle`, [{ decision, cost: { 'api.other': 1 } }])
    expect([unknown.status, unknown.json.problems[0].path]).toEqual([400, '[0].cost'])
    for (const entry of [
      { decision },
      { decision, cost: -1 },
      { decision, cost: 1, refund: true },
      { cost: 1 },
      { decision, refund: false },
    ])
      expect((await post(`${url}/v1/settle`, entry)).status, JSON.stringify(entry)).toBe(400)
    expect(await usedBy(url, 'ada')).toBe(3)
  })

  test('a decision expires, and its mark lasts as long', async () => {
    const clock = fakeClock()
    const hour = documentOf(one(`${MINUTE.replace('1m', '1h')}, limit: 10`))
    const { url } = await started({ policies: new Documents(hour), store: memoryStore({ clock }), decisions: { lifetime: '1m' } })
    const take = async () => (await post(`${url}/v1/check`, user('ada', { cost: 2 }))).json.decision
    const [first, second] = [await take(), await take()]
    clock.advance(59_000)
    expect((await post(`${url}/v1/settle`, { decision: first, refund: true })).json).toMatchObject({ settled: true })
    clock.advance(900)
    expect((await post(`${url}/v1/settle`, { decision: first, refund: true })).json).toMatchObject({ reason: 'settled-before' })
    clock.advance(1_100)
    for (const decision of [first, second])
      expect((await post(`${url}/v1/settle`, { decision, refund: true })).json).toMatchObject({ reason: 'expired' })
    expect((await post(`${url}/v1/release`, { decision: second })).json).toEqual({ released: false, reason: 'expired' })
    expect(await usedBy(url, 'ada')).toBe(2)
  })

  test('the secret before this one still opens, and no other', async () => {
    const store = memoryStore()
    const options = (secret: string, previousSecret?: string): ServeOptions => ({
      policies: new Documents(text),
      store,
      decisions: { secret, previousSecret },
    })
    const next = 'another secret of thirty-two characters'
    const [before, during, after] = [await started(options(SECRET)), await started(options(next, SECRET)), await started(options(next))]
    const old = (await post(`${before.url}/v1/check`, user('ada'))).json.decision
    const fresh = (await post(`${during.url}/v1/check`, user('ada'))).json.decision
    expect((await post(`${after.url}/v1/settle`, { decision: old, cost: 0 })).status).toBe(400)
    expect((await post(`${before.url}/v1/settle`, { decision: fresh, cost: 0 })).status).toBe(400)
    expect((await post(`${during.url}/v1/settle`, { decision: old, cost: 0 })).json).toMatchObject({ settled: true })
    expect((await post(`${after.url}/v1/settle`, { decision: fresh, cost: 0 })).json).toMatchObject({ settled: true })
  })

  test.each([
    ['a short secret', { secret: 'short' }],
    ['a secret that is no text', { secret: 1 as never }],
    ['a short secret before', { secret: SECRET, previousSecret: 'short' }],
    ['a lifetime of 2 days', { lifetime: '2d' as const }],
  ])('%s is refused, and not shown', async (_, decisions) => {
    const failed = started({ decisions })
    await expect(failed).rejects.toThrow(/decisions\.(?:secret|previousSecret|lifetime): expected/)
    await expect(failed).rejects.not.toThrow(/short/)
  })
})

describe('several services on one Redis', () => {
  let redis: RedisServer
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis.stop())

  async function service(policies: Documents, prefix: string) {
    const store = redisStore({ url: redis.url }, { prefix })
    onTestFinished(() => store.close?.())
    return started({ policies, store, decisions: { secret: SECRET } })
  }

  const LIMITS = [
    'algorithm: fixedWindow, window: 1h, limit: 20',
    'algorithm: fixedWindow, window: month, limit: 20, timeZone: Europe/Berlin',
    'algorithm: slidingWindow, window: 1h, limit: 20',
    'algorithm: slidingLog, window: 1h, limit: 20',
    'algorithm: tokenBucket, window: 1h, limit: 20, burst: 25',
    'algorithm: leakyBucket, window: 1h, limit: 20, burst: 20',
  ]

  test.each(LIMITS)('what one decided, another settles: %s', async (limit) => {
    const documents = new Documents(documentOf(one(`name: one, subject: user, ${limit}`)))
    const prefix = `settle${LIMITS.indexOf(limit)}`
    const [a, b] = [await service(documents, prefix), await service(documents, prefix)]
    const { decision } = (await post(`${a.url}/v1/check`, user('ada', { cost: 8 }))).json
    await post(`${b.url}/v1/check`, user('ada', { cost: 4 }))
    expect((await post(`${b.url}/v1/settle`, { decision, cost: 3 })).json).toEqual({ settled: true, reason: null })
    expect((await post(`${a.url}/v1/settle`, { decision, cost: 0 })).json).toEqual({ settled: false, reason: 'settled-before' })
    expect(await usedBy(a.url, 'ada')).toBe(7)
  })

  test('also under a later revision, whose limits are others', async () => {
    const documents = new Documents(documentOf(one(`${MINUTE}, limit: 20`)))
    const [a, b] = [await service(documents, 'later'), await service(documents, 'later')]
    const { decision } = (await post(`${a.url}/v1/check`, user('ada', { cost: 8 }))).json
    documents.change(documentOf(one('name: hour, algorithm: slidingWindow, window: 1h, limit: 5, subject: user'), { revision: 2 }))
    expect((await post(`${b.url}/v1/check`, user('ada'))).json).toMatchObject({ revision: 2, binding: 'api.hour' })
    expect((await post(`${b.url}/v1/settle`, { decision, cost: { 'api.minute': 3 } })).json).toMatchObject({ settled: true })
    documents.change(documentOf(one(`${MINUTE}, limit: 20`), { revision: 3 }))
    expect(await usedBy(a.url, 'ada')).toBe(3)
  })

  test('a slot that one took is released by another', async () => {
    const slots = one('name: slots, algorithm: concurrency, ttl: 1m, limit: 1, subject: user')
    const documents = new Documents(documentOf(slots))
    const [a, b] = [await service(documents, 'slots'), await service(documents, 'slots')]
    const { decision } = (await post(`${a.url}/v1/check`, user('ada'))).json
    expect((await post(`${b.url}/v1/check`, user('ada'))).json).toMatchObject({ allowed: false })
    expect((await post(`${b.url}/v1/release`, { decision })).json).toMatchObject({ released: true })
    expect((await post(`${b.url}/v1/check`, user('ada'))).json).toMatchObject({ allowed: true })
  })
})
