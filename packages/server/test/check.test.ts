import { describe, expect, test } from 'vitest'
import { Documents, documentOf, get, MINUTE, one, post, started } from './support.ts'

describe('GET /check without documents', () => {
  test('a check is admitted while there are units, and refused with the wait', async () => {
    const { url } = await started()
    const ask = (user: string, cost = 1) => get(`${url}/check?user_id=${user}&cost=${cost}`)
    const first = await ask('ada')
    expect(first.status).toBe(200)
    expect(first.json).toEqual({ allowed: true, remaining: 99, granted: 1, delayMs: 0 })
    expect(first.headers.get('ratelimit-policy')).toBe('"api.minute";q=100;w=60')
    expect(first.headers.get('cache-control')).toBe('no-store')
    const refused = await ask('ada', 100)
    expect(refused.status).toBe(429)
    expect(refused.headers.get('content-type')).toBe('application/problem+json')
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(refused.json).toMatchObject({ status: 429, 'violated-policies': ['api.minute'] })
    expect((await ask('bob', 100)).status, 'another client has its own units').toBe(200)
  })

  test('a header is the same attribute as a parameter, and one of them is enough', async () => {
    const { url } = await started()
    expect((await get(`${url}/check`, { 'X-Sluice-Api-Key': 'secret', 'X-Sluice-Plan': 'free' })).json).toMatchObject({ remaining: 99 })
    expect((await get(`${url}/check?plan=free&api_key=secret`)).json).toMatchObject({ remaining: 98 })
    const both = await get(`${url}/check?api_key=secret`, { 'X-Sluice-Api-Key': 'other' })
    expect(both.status).toBe(400)
    expect(both.json).toMatchObject({
      code: 'ERR_CHECK_INVALID',
      problems: [{ path: 'api_key', message: 'expected one value, got several' }],
    })
    expect(JSON.stringify(both.json)).not.toMatch(/secret|other/)
  })

  test('HEAD is answered as GET, and other methods are not', async () => {
    const { url } = await started()
    const head = await fetch(`${url}/check?user_id=ada`, { method: 'HEAD' })
    expect(head.status).toBe(200)
    expect(await head.text()).toBe('')
    expect(head.headers.get('x-ratelimit-remaining')).toBe('99')
    expect((await fetch(`${url}/check`, { method: 'POST' })).status).toBe(405)
  })

  test('attributes that are not equal are not the same client', async () => {
    const { url } = await started()
    for (const user of ['1', { id: 1 }, { id: 2 }, [1]]) {
      expect((await post(`${url}/v1/check`, { attributes: { user } })).json, JSON.stringify(user)).toMatchObject({ remaining: 99 })
    }
  })
})

describe('GET /check by documents', () => {
  const byUser = documentOf(one(`${MINUTE}, limit: 2`))

  test.each([
    ['cost=two', 'cost'],
    ['cost=-1', 'cost'],
    ['cost=1&cost=2', 'cost'],
    ['ip=nowhere', 'ip'],
    ['path=login', 'path'],
    ['method=post', 'method'],
    ['namespace=', 'namespace'],
    ['a.b=1', 'attributes["a.b"]'],
    [`${'n'.repeat(65)}=1`, `attributes["${'n'.repeat(64)}…"]`],
    [Array.from({ length: 65 }, (_, i) => `a${i}=1`).join('&'), 'attributes'],
  ])('%s is a mistake', async (query, path) => {
    const { url } = await started({ policies: new Documents(byUser) })
    const { status, json, headers } = await get(`${url}/check?${query}`)
    expect(json).toMatchObject({ type: 'about:blank', title: 'Bad Request', status: 400, code: 'ERR_CHECK_INVALID', problems: [{ path }] })
    expect(status).toBe(400)
    expect(headers.get('content-type')).toBe('application/problem+json')
  })

  test('an unknown namespace is a 404, also among several, and a missing one', async () => {
    const { url } = await started({ policies: new Documents(byUser, documentOf(one(`${MINUTE}, limit: 1`), { namespace: 'blog' })) })
    for (const query of ['', 'namespace=other', 'namespace=Shop']) {
      const { status, json } = await get(`${url}/check?${query}`)
      expect(status, query).toBe(404)
      expect(json, query).toMatchObject({ code: 'ERR_NAMESPACE_UNKNOWN' })
    }
    expect((await get(`${url}/check?namespace=blog&user=a`)).json).toMatchObject({ remaining: 0 })
    expect((await get(`${url}/check?namespace=shop&user=a`)).json).toMatchObject({ remaining: 1 })
  })

  test('the address is that of who asks, unless the check says another', async () => {
    const { url } = await started({ policies: new Documents(byUser) })
    expect((await get(`${url}/check`)).json).toMatchObject({ remaining: 1 })
    expect((await get(`${url}/check?ip=127.0.0.1`)).json).toMatchObject({ remaining: 0 })
    expect((await get(`${url}/check?ip=203.0.113.7`)).json).toMatchObject({ remaining: 1 })
    expect((await get(`${url}/check?ip=::ffff:203.0.113.7`)).json).toMatchObject({ remaining: 0 })
  })

  test('method, path, host and route choose the rule, and a request that no rule is for is admitted', async () => {
    const limit = (name: string) => `{ name: ${name}, algorithm: fixedWindow, window: 1m, limit: 9, subject: user }`
    const rule = (name: string, match: string) => `    - { name: ${name}, match: { ${match} }, limits: [${limit(name)}] }`
    const rules = [
      rule('login', 'methods: [POST], paths: [/login]'),
      rule('admin', 'hosts: [admin.example.org]'),
      rule('user', "routes: ['GET /users/:id']"),
    ]
    const { url } = await started({ policies: new Documents(documentOf(`  - name: api\n    rules:\n${rules.join('\n')}`)) })
    const limitOf = async (query: string) => (await get(`${url}/check?${query}`)).headers.get('ratelimit-policy')
    expect(await limitOf('method=POST&path=/login')).toBe('"shop.api.login";q=9;w=60')
    expect(await limitOf('path=/login')).toBeNull()
    expect(await limitOf('host=admin.example.org')).toBe('"shop.api.admin";q=9;w=60')
    expect(await limitOf(`route=${encodeURIComponent('GET /users/:id')}`)).toBe('"shop.api.user";q=9;w=60')
    expect((await get(`${url}/check?path=/other`)).json).toEqual({ allowed: true, remaining: null, granted: 1, delayMs: 0 })
  })

  test('a missing credential is a 401, and another missing subject a 400 or the status of the policy', async () => {
    const key = one('name: minute, algorithm: fixedWindow, window: 1m, subject: key, limit: 1', 'status: 403,')
    const { url } = await started({ policies: new Documents(documentOf(key)) })
    const missing = await get(`${url}/check`)
    expect(missing.status).toBe(401)
    expect(missing.headers.get('www-authenticate')).toBe('ApiKey')
    expect(missing.json).toMatchObject({ status: 401, detail: 'The request lacks attribute:api_key, which its rate limit needs.' })
    expect((await get(`${url}/check?api_key=k`)).status).toBe(200)
    expect((await get(`${url}/check?api_key=k`)).status).toBe(403)
  })
})

test('a slot that GET /check took can be released, and the units of a hidden limit are not shown', async () => {
  const limits = `{ name: slots, algorithm: concurrency, ttl: 1m, limit: 1, subject: user },
    { name: tries, algorithm: fixedWindow, window: 1h, limit: 9, subject: user, visible: false }`
  const { url } = await started({ policies: new Documents(documentOf(`  - { name: api, rules: [{ name: all, limits: [${limits}] }] }`)) })
  const first = await get(`${url}/check?user=ada`)
  expect(first.json).toEqual({ allowed: true, remaining: 0, granted: 1, delayMs: 0, decision: first.json.decision })
  expect((await get(`${url}/check?user=ada`)).status).toBe(429)
  expect((await post(`${url}/v1/release`, { decision: first.json.decision })).json).toEqual({ released: true, reason: null })
  expect((await get(`${url}/check?user=ada`)).status).toBe(200)
  const hidden = documentOf(one(`${MINUTE}, limit: 9, visible: false`))
  const other = await started({ policies: new Documents(hidden) })
  expect((await get(`${other.url}/check?user=ada`)).json).toEqual({ allowed: true, remaining: null, granted: 1, delayMs: 0 })
})
