import { describe, expect, test } from 'vitest'
import { rawGet } from './raw-get.ts'
import { Documents, documentOf, get, MINUTE, one, started } from './support.ts'

const byUser = documentOf(one(`${MINUTE}, limit: 2`))
const USER = 'attribute.user=header:x-user'

describe('/auth/nginx', () => {
  test('204, then 403 with the status and the body for the client', async () => {
    const { url } = await started({ policies: new Documents(byUser) })
    const ask = () => get(`${url}/auth/nginx?${USER}`, { 'x-user': 'ada' })
    const first = await ask()
    expect(first.status).toBe(204)
    expect(first.headers.get('x-sluice-status')).toBe('200')
    expect(first.headers.get('x-ratelimit-remaining')).toBe('1')
    await ask()
    const refused = await ask()
    expect(refused.status).toBe(403)
    expect(refused.headers.get('x-sluice-status')).toBe('429')
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(refused.headers.get('cache-control')).toBe('no-store')
    expect(JSON.parse(refused.headers.get('x-sluice-problem') ?? '')).toEqual(refused.json)
    expect(refused.json).toMatchObject({ status: 429, 'violated-policies': ['shop.api.minute'] })
  })

  test('a missing credential is a 403 too, with the status 401 for the client', async () => {
    const { url } = await started({ policies: new Documents(documentOf(one(`${MINUTE.replace('user', 'key')}, limit: 2`))) })
    const missing = await get(`${url}/auth/nginx`)
    expect(missing.status).toBe(403)
    expect(missing.headers.get('x-sluice-status')).toBe('401')
    expect(missing.headers.get('www-authenticate')).toBe('ApiKey')
  })
})

describe('/auth/forward', () => {
  test('204, then the status of the document with the body for the client', async () => {
    const { url } = await started({ policies: new Documents(documentOf(one(`${MINUTE}, limit: 1`, 'status: 403,'))) })
    const ask = () => get(`${url}/auth/forward?${USER}`, { 'x-user': 'ada' })
    expect((await ask()).status).toBe(204)
    const refused = await ask()
    expect(refused.status).toBe(403)
    expect(refused.headers.get('content-type')).toBe('application/problem+json')
    expect(refused.json).toMatchObject({ status: 403, 'violated-policies': ['shop.api.minute'] })
  })

  test('a queue delays the answer', async () => {
    const queue = 'name: queue, algorithm: leakyBucket, window: 1s, limit: 5, subject: user, queue: true'
    const { url } = await started({ policies: new Documents(documentOf(one(queue))) })
    const ask = () => get(`${url}/auth/forward?${USER}`, { 'x-user': 'ada' })
    await ask()
    const before = performance.now()
    expect((await ask()).status).toBe(204)
    expect(performance.now() - before).toBeGreaterThan(100)
  })
})

describe('what a client may not say', () => {
  const rules = `  - name: api
    rules:
      - { name: login, match: { methods: [POST], paths: [/login], hosts: [shop.example.org] }, limits: [{ name: login, algorithm: fixedWindow, window: 1m, subject: address, limit: 5 }] }
      - { name: all, limits: [{ name: all, algorithm: fixedWindow, window: 1m, subject: address, limit: 100 }] }`
  const said = {
    forward: {
      'x-forwarded-method': 'POST',
      'x-forwarded-uri': '/login?next=/',
      'x-forwarded-host': 'shop.example.org',
      'x-forwarded-for': '203.0.113.7',
    },
    nginx: { 'x-original-method': 'POST', 'x-original-uri': '/login?next=/', 'x-forwarded-for': '203.0.113.7' },
  }

  test.each(['forward', 'nginx'] as const)('a trusted gateway says who asks for what at /auth/%s', async (path) => {
    const text = documentOf(path === 'nginx' ? rules.replace(', hosts: [shop.example.org]', '') : rules)
    const { url } = await started({ policies: new Documents(text), trustProxy: ['loopback'] })
    const login = await get(`${url}/auth/${path}`, said[path])
    expect(login.headers.get('ratelimit-policy')).toBe('"shop.api.login";q=5;w=60')
    const other = await get(`${url}/auth/${path}`, { ...said[path], 'x-forwarded-for': '203.0.113.8' })
    expect(other.headers.get('x-ratelimit-remaining'), 'another client').toBe('4')
    const forged = await get(`${url}/auth/${path}`, { ...said[path], 'x-forwarded-for': '203.0.113.9, 203.0.113.7' })
    expect(forged.headers.get('x-ratelimit-remaining'), 'what the client wrote before the gateway').toBe('3')
  })

  test.each(['forward', 'nginx'] as const)('without trust, all of it is ignored at /auth/%s', async (path) => {
    const { url } = await started({ policies: new Documents(documentOf(rules)), trustProxy: ['192.0.2.1'] })
    for (const [i, ip] of ['203.0.113.7', '203.0.113.8', '127.0.0.1'].entries()) {
      const { headers } = await get(`${url}/auth/${path}`, { ...said[path], 'x-forwarded-for': ip })
      expect(headers.get('ratelimit-policy')).toBe('"shop.api.all";q=100;w=60')
      expect(headers.get('x-ratelimit-remaining')).toBe(String(99 - i))
    }
  })

  test('each endpoint reads the headers of its gateway only', async () => {
    const { url } = await started({ policies: new Documents(documentOf(rules)), trustProxy: ['loopback'] })
    expect((await get(`${url}/auth/forward`, said.nginx)).headers.get('ratelimit-policy')).toBe('"shop.api.all";q=100;w=60')
    expect((await get(`${url}/auth/nginx`, said.forward)).headers.get('ratelimit-policy')).toBe('"shop.api.all";q=100;w=60')
  })

  test('no header is an attribute, unless the URL maps it', async () => {
    const limits = ['free', 'pro'].map(
      (plan, i) => `${plan}: [{ name: plan, algorithm: fixedWindow, window: 1m, limit: ${i + 1}, subject: user }]`,
    )
    const tiers = `  - { name: api, rules: [{ name: all, tiers: { ${limits.join(', ')} } }] }`
    const text = documentOf(tiers, { head: 'tier: { attribute: plan, default: free }' })
    const { url } = await started({ policies: new Documents(text), trustProxy: ['loopback'] })
    const forged = { 'x-user': 'ada', 'x-sluice-plan': 'pro', plan: 'pro', 'attribute.plan': 'pro', 'x-plan': 'pro', cookie: 'plan=pro' }
    const quota = async (query: string) => (await get(`${url}/auth/forward?${query}`, forged)).headers.get('x-ratelimit-limit')
    expect(await quota(USER)).toBe('1')
    expect(await quota(`${USER}&attribute.plan=header:x-other`)).toBe('1')
    expect(await quota(`${USER}&attribute.plan=header:x-plan`)).toBe('2')
    expect(await quota(`${USER}&attribute.plan=cookie:plan`)).toBe('2')
    expect(await quota(`${USER}&attribute.plan=value:pro`)).toBe('2')
  })

  test('of a header that the client has sent too, the last line counts: that of the gateway', async () => {
    const { url } = await started({ policies: new Documents(byUser) })
    await get(`${url}/auth/forward?${USER}`, { 'x-user': 'ada' })
    expect((await rawGet(url, `/auth/forward?${USER}`, ['x-user: mallory', 'x-user: ada'])).headers['x-ratelimit-remaining']).toBe('0')
    expect((await rawGet(url, `/auth/forward?${USER}`, ['x-user: trudy', 'x-user: ada'])).status).toBe(429)
  })
})

test.each([
  ['user=header:x-user', 'user'],
  ['attribute.user=x-user', 'attribute.user'],
  ['attribute.user=header:', 'attribute.user'],
  ['attribute.user=header:a%20b', 'attribute.user'],
  ['attribute.__proto__=value:1', 'attribute.__proto__'],
  ['attribute.a.b=value:1', 'attribute.a.b'],
  ['cost=x', 'cost'],
])('%s is a mistake in the configuration of the gateway', async (query, path) => {
  const { url } = await started({ policies: new Documents(byUser) })
  const { status, json } = await get(`${url}/auth/nginx?${query}`)
  expect(json).toMatchObject({ code: 'ERR_REQUEST_INVALID', problems: [{ path }] })
  expect(status).toBe(400)
})

test('what only the end of a request says is not counted at a gateway, and the other limits are', async () => {
  const limits = `{ name: slots, algorithm: concurrency, ttl: 1m, limit: 1, subject: user }, { ${MINUTE}, limit: 3 },
    { name: failures, algorithm: fixedWindow, window: 1m, limit: 1, subject: user, refundOn: [2xx] }`
  const { url } = await started({ policies: new Documents(documentOf(`  - { name: api, rules: [{ name: all, limits: [${limits}] }] }`)) })
  const ask = () => get(`${url}/auth/forward?${USER}`, { 'x-user': 'ada' })
  for (const left of ['2', '1', '0']) {
    const { status, headers } = await ask()
    expect([status, headers.get('ratelimit-policy'), headers.get('x-ratelimit-remaining')]).toEqual([
      204,
      '"shop.api.minute";q=3;w=60',
      left,
    ])
  }
  expect((await ask()).status).toBe(429)
})
