// The files of docs/guides/nextjs.md in applications of the real Next, built, started, and asked over HTTP. vitest.config.ts leaves this file
// out, unless SLUICE_FAULTS=full. `npm run test:all` sets that, and fails where Next cannot be installed.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { installNext, type NextApp, startNext } from './support/next/app.ts'
import { fencesOfPage } from './support/sources/fences.ts'

const PAGE = 'docs/guides/nextjs.md'
const [route = '', proxy = '', action = '', form = ''] = fencesOfPage(PAGE).map(({ code }) => code)
const ROUTE = { 'app/api/search/route.ts': route }

/** A request that came through one proxy. */
const from = (forwarded: string, init: RequestInit = {}): RequestInit => ({
  ...init,
  headers: { ...(init.headers as Record<string, string>), 'x-forwarded-for': forwarded },
})

describe('Next.js', () => {
  beforeAll(() => {
    vi.stubEnv('NEXT_TELEMETRY_DISABLED', '1')
    // Next builds and serves for production, unless the test runner says otherwise.
    vi.stubEnv('NODE_ENV', 'production')
    installNext()
  }, 300_000)
  afterAll(() => vi.unstubAllEnvs())

  describe('a route and an action', () => {
    let app: NextApp
    beforeAll(async () => {
      app = await startNext('route', { ...ROUTE, 'app/contact/actions.ts': action, 'app/contact/page.tsx': form })
    }, 300_000)
    // Not there if the build failed.
    afterAll(() => (app as NextApp | undefined)?.stop())
    const search = (forwarded: string) => fetch(`${app.url}/api/search?q=tea`, from(forwarded))

    test('a route admits up to its limit, with headers, and refuses the 21st with 429', async () => {
      for (let left = 19; left >= 0; left--) {
        const admitted = await search('203.0.113.7')
        expect([admitted.status, await admitted.json()]).toEqual([200, { query: 'tea' }])
        expect(admitted.headers.get('ratelimit')).toMatch(new RegExp(`^"search";r=${left};t=\\d+$`))
        expect(admitted.headers.get('ratelimit-policy')).toBe('"search";q=20;w=60')
      }
      const refused = await search('203.0.113.7')
      expect(refused.status).toBe(429)
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
      expect(refused.headers.get('content-type')).toBe('application/problem+json')
      expect(await refused.json()).toMatchObject({ status: 429, 'violated-policies': ['search'] })
    })

    test('the client is the address that the proxy appended, whatever it claims', async () => {
      expect((await search('198.51.100.1, 203.0.113.7')).status).toBe(429)
      expect((await search('203.0.113.8')).status).toBe(200)
    })

    test('without a proxy the address is that of the connection, unless the client claims another', async () => {
      const ask = async (init?: RequestInit) => (await fetch(`${app.url}/api/search`, init)).headers.get('ratelimit')
      expect(await ask()).toMatch(/;r=19;/)
      expect(await ask(from('127.0.0.1'))).toMatch(/;r=18;/)
      expect(await ask(from('203.0.113.66'))).toMatch(/;r=19;/)
    })

    test('a path without a limit has no headers', async () => {
      const page = await fetch(`${app.url}/`, from('203.0.113.7'))
      expect([page.status, page.headers.has('ratelimit')]).toEqual([200, false])
    })

    test('an action answers with the wait when its limit is reached', async () => {
      const send = async (forwarded: string) => answerOf(await fetch(`${app.url}/contact`, from(forwarded, call(app, 'contact'))))
      for (let i = 0; i < 3; i++) expect(await send('203.0.113.7')).toBe('Sent.')
      expect(await send('198.51.100.1, 203.0.113.7')).toMatch(/^Please wait (?:600|5\d\d) seconds\.$/)
      expect(await send('203.0.113.8')).toBe('Sent.')
    })

    test('the page of the action has its form', async () => {
      const text = await (await fetch(`${app.url}/contact`)).text()
      expect(text).toContain('<textarea name="message"')
    })
  })

  describe('proxy.ts', () => {
    let app: NextApp
    beforeAll(async () => {
      app = await startNext('proxy', { ...ROUTE, 'proxy.ts': proxy })
    }, 300_000)
    afterAll(() => (app as NextApp | undefined)?.stop())
    const ask = (path: string, forwarded: string) => fetch(`${app.url}${path}`, from(forwarded))

    test('limits the paths of its matcher together, and no other', async () => {
      const page = await ask('/', '203.0.113.7')
      expect([page.status, page.headers.get('ratelimit-policy')]).toEqual([200, '"site";q=100;w=60'])
      const asset = /\/_next\/static\/[^"]+\.js/.exec(await page.text())?.[0] ?? ''
      const script = await ask(asset, '203.0.113.7')
      expect([script.status, script.headers.has('ratelimit')]).toEqual([200, false])
      for (let left = 98; left >= 0; left--)
        expect((await ask('/', '203.0.113.7')).headers.get('ratelimit')).toMatch(new RegExp(`^"site";r=${left};`))
      for (const path of ['/', '/not-there', '/api/search']) {
        const refused = await ask(path, '203.0.113.7')
        expect([path, refused.status]).toEqual([path, 429])
        expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
        expect(await refused.json()).toMatchObject({ status: 429, 'violated-policies': ['site'] })
      }
      expect((await ask(asset, '203.0.113.7')).status).toBe(200)
    })

    test('the client is the address that the proxy appended, whatever it claims', async () => {
      expect((await ask('/', '198.51.100.1, 203.0.113.7')).status).toBe(429)
      expect((await ask('/', '203.0.113.8')).status).toBe(200)
    })

    test('a path with two limits has the headers of proxy.ts, and either refuses', async () => {
      for (let i = 0; i < 20; i++) {
        const admitted = await ask('/api/search', '203.0.113.9')
        expect([admitted.status, admitted.headers.get('ratelimit-policy')]).toEqual([200, '"site";q=100;w=60'])
      }
      const refused = await ask('/api/search', '203.0.113.9')
      expect([refused.status, await refused.json()]).toEqual([429, expect.objectContaining({ 'violated-policies': ['search'] })])
    })
  })
})

/** The request that a form of React sends to call an action with its fields. The build names the action. */
function call(app: NextApp, name: string): RequestInit {
  const { node } = JSON.parse(app.built('server/server-reference-manifest.json')) as { node: Record<string, { exportedName: string }> }
  const id = Object.keys(node).find((each) => node[each]?.exportedName === name)
  const body = new FormData()
  body.set('1_message', 'hello')
  body.set('0', '["$K1"]')
  return { method: 'POST', headers: { 'next-action': id ?? '', accept: 'text/x-component' }, body }
}

/** The value that an action returned. React sends it as a line of its own, after the line 0. */
async function answerOf(response: Response): Promise<unknown> {
  const text = await response.text()
  const value = /^1:(.*)$/m.exec(text)?.[1]
  if (value === undefined) throw new Error(`expected the answer of an action, got ${response.status}: ${text}`)
  return JSON.parse(value)
}
