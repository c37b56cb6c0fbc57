import { memoryStore, type Store } from '@sluice/core'
import { describe, expect, test } from 'vitest'
import { Documents, documentOf, MINUTE, one, post, started } from './support.ts'

const byUser = documentOf(one(`${MINUTE}, limit: 5`))
const user = (name: string, more: object = {}) => ({ attributes: { user: name }, ...more })

describe('POST /v1/check', () => {
  test('the answer has all that a client may see', async () => {
    const { url } = await started({ policies: new Documents(byUser) })
    const { status, json } = await post(`${url}/v1/check`, user('ada', { cost: 2 }))
    expect(status).toBe(200)
    const { decision, headers, resetAfterMs, ...rest } = json
    expect(rest).toEqual({
      allowed: true,
      verdict: 'allowed',
      status: 200,
      namespace: 'shop',
      revision: 1,
      policies: ['api.all'],
      tier: null,
      binding: 'api.minute',
      remaining: 3,
      retryAfterMs: 0,
      delayMs: 0,
      granted: 2,
      source: 'memory',
      limits: [
        {
          name: 'api.minute',
          algorithm: 'fixedWindow',
          limit: 5,
          windowMs: 60_000,
          remaining: 3,
          used: 2,
          retryAfterMs: 0,
          resetAfterMs,
          allowed: true,
        },
      ],
    })
    expect(resetAfterMs).toBeGreaterThan(0)
    expect(headers).toMatchObject({ 'ratelimit-policy': '"shop.api.minute";q=5;w=60', 'x-ratelimit-remaining': '3' })
    expect(decision).toMatch(/^d1\.[\w-]{100,}$/)
    // It could be read otherwise, and a limit that clients do not see is in it.
    expect(Buffer.from(decision.slice(3), 'base64url').toString('latin1')).not.toMatch(/minute|shop|ada/)
  })

  test('a refusal is an answer with the body for the client', async () => {
    const { url } = await started({ policies: new Documents(byUser) })
    const { status, json } = await post(`${url}/v1/check`, user('ada', { cost: 6 }))
    expect(status).toBe(200)
    expect(json).toMatchObject({ allowed: false, verdict: 'refused', status: 429, retryAfterMs: null, granted: 0, binding: 'api.minute' })
    expect(json.problem).toMatchObject({ status: 429, title: 'Quota Exceeded' })
    expect(json).not.toHaveProperty('decision')
  })

  test('a list is answered in its order, and each entry is a decision of its own', async () => {
    const { url } = await started({ policies: new Documents(byUser) })
    const list = [user('ada', { cost: 3 }), user('bob'), user('ada', { cost: 3 }), user('ada', { cost: 2 }), {}, user('ada')]
    const { json } = await post(`${url}/v1/check`, list)
    expect(json.map((each: any) => [each.allowed, each.status, each.remaining])).toEqual([
      [true, 200, 2],
      [true, 200, 4],
      [false, 429, 2],
      [true, 200, 0],
      // It has neither a user nor an address.
      [false, 400, null],
      [false, 429, 0],
    ])
    expect(json[4].problem).toMatchObject({ code: 'ERR_ADDRESS_UNKNOWN', detail: 'The request lacks ip, which its rate limit needs.' })
  })

  test('what is malformed is reported with its index, and nothing is charged', async () => {
    const { url } = await started({ policies: new Documents(byUser) })
    const malformed: readonly (readonly [unknown, string])[] = [
      [{ cost: -1 }, '[1].cost'],
      [{ cost: 1.5 }, '[1].cost'],
      [{ path: 'x' }, '[1].path'],
      [{ ip: 'nowhere' }, '[1].ip'],
      [{ headers: { a: 1 } }, '[1].headers.a'],
      [{ user: 'ada' }, '[1].user'],
      [[], '[1]'],
      ['text', '[1]'],
    ]
    for (const [entry, path] of malformed) {
      const { status, json } = await post(`${url}/v1/check`, [user('ada'), entry])
      expect([status, json.code, json.problems[0].path], JSON.stringify(entry)).toEqual([400, 'ERR_CHECK_INVALID', path])
    }
    const { status, json } = await post(`${url}/v1/check`, [user('ada'), { namespace: 'other' }])
    expect([status, json.code, json.problems[0].path]).toEqual([404, 'ERR_NAMESPACE_UNKNOWN', '[1].namespace'])
    expect((await post(`${url}/v1/peek`, user('ada'))).json).toMatchObject({ remaining: 5 })
  })

  test('the most entries are 1,000, and a body is JSON of at most 1 MiB', async () => {
    const { url } = await started({ policies: new Documents(byUser) })
    const entries = (count: number) => Array.from({ length: count }, (_, i) => user(String(i)))
    const all = await post(`${url}/v1/peek`, entries(1_000))
    expect(all.json).toHaveLength(1_000)
    for (const count of [0, 1_001]) expect((await post(`${url}/v1/check`, entries(count))).status).toBe(400)
    expect((await post(`${url}/v1/check`, { body: 'x'.repeat(1_048_576) })).json).toMatchObject({
      status: 413,
      code: 'ERR_REQUEST_TOO_LARGE',
    })
    const send = async (body: string, type: string) => {
      const response = await fetch(`${url}/v1/check`, { method: 'POST', body, headers: { 'content-type': type } })
      return [response.status, ((await response.json()) as { code: string }).code]
    }
    expect(await send('{', 'application/json')).toEqual([400, 'ERR_REQUEST_INVALID'])
    expect(await send('{}', 'text/plain')).toEqual([415, 'ERR_REQUEST_MEDIA'])
  })

  test('a message has no credential in it', async () => {
    const { url } = await started({ policies: new Documents(byUser) })
    const secret = 'sk_live_1234567890'
    const wrong: readonly object[] = [
      { attributes: secret },
      { headers: { authorization: [secret] } },
      { headers: { authorization: secret.repeat(1_000) } },
      { path: `no-slash?token=${secret}` },
      { attributes: { user: secret }, body: { password: secret }, cost: 'x' },
    ]
    for (const check of wrong) {
      const { status, json } = await post(`${url}/v1/check`, check)
      expect(status).toBe(400)
      expect(JSON.stringify(json)).not.toContain('sk_live')
    }
    const text = await fetch(`${url}/v1/check`, { method: 'POST', body: `{"a":${secret}`, headers: { 'content-type': 'application/json' } })
    expect(await text.text()).not.toContain('sk_live')
    expect((await post(`${url}/v1/settle`, { decision: secret, cost: 1 })).json.detail).not.toContain('sk_live')
  })

  test('names that every object has are no attributes, and change nothing', async () => {
    const { url } = await started({ policies: new Documents(byUser) })
    const body = '{"attributes":{"__proto__":{"user":"ada"},"constructor":{"prototype":{"polluted":1}}},"ip":"203.0.113.7"}'
    const response = await fetch(`${url}/v1/check`, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
    expect(await response.json()).toMatchObject({ allowed: true, remaining: 4 })
    expect((await post(`${url}/v1/peek`, user('ada'))).json, 'nobody has taken units of ada').toMatchObject({ remaining: 5 })
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })

  test('a hidden limit is in no field, neither while it admits nor when it refuses', async () => {
    const hidden = 'name: tries, algorithm: fixedWindow, window: 1h, limit: 2, subject: user, visible: false'
    const text = documentOf(
      `${one(`${MINUTE}, limit: 9`)}\n  - { name: abuse, status: 403, rules: [{ name: quietly, limits: [{ ${hidden} }] }] }`,
    )
    const { url } = await started({ policies: new Documents(text) })
    const answers = [1, 2, 3].map(() => post(`${url}/v1/check`, user('ada')))
    const [first, , refused] = await Promise.all(answers)
    expect(JSON.stringify([first?.json, refused?.json])).not.toMatch(/tries|abuse|quietly|3600000/)
    expect(first?.json).toMatchObject({ policies: ['api.all'], limits: [{ name: 'api.minute' }] })
    expect(refused?.json).toMatchObject({ allowed: false, status: 403, binding: null, remaining: 7, policies: ['api.all'] })
    expect((await post(`${url}/v1/peek`, user('ada'))).json).toMatchObject({ allowed: false, status: 403, binding: null })
  })

  test('all decisions of a list are asked for in one turn', async () => {
    const inner = memoryStore()
    let turns = 0
    let isNew = true
    const store: Store = {
      ...storeOf(inner),
      consume(charges, options) {
        if (isNew) {
          turns += 1
          isNew = false
          setImmediate(() => (isNew = true))
        }
        return Promise.resolve(inner.consume(charges, options))
      },
    }
    const { url } = await started({ policies: new Documents(byUser), store })
    for (const endpoint of ['check', 'peek']) {
      turns = 0
      const { json } = await post(
        `${url}/v1/${endpoint}`,
        Array.from({ length: 500 }, (_, i) => user(String(i))),
      )
      expect(json.every((each: any) => each.allowed)).toBe(true)
      expect(turns, endpoint).toBe(1)
    }
  })
})

function storeOf(store: Store): Store {
  return { name: store.name, consume: (...args) => store.consume(...args), reset: (targets) => store.reset(targets) }
}
