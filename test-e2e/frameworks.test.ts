// The programs of the guides for frameworks without an adapter of their own, as they are in docs/guides: each is started with the real
// framework, and asked over HTTP.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Runtime, startRuntime } from '@sluice/testing/runtimes'
import { freePort } from '@sluice/testing/redis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fencesOfPage } from './support/sources/fences.ts'
import { nodeProgram, runProgram } from './support/running-program.ts'

const FOLDER = join(import.meta.dirname, '.frameworks')
const LIMIT = 5

interface Program {
  readonly name: string
  /** Starts it, and returns its address. */
  readonly start: () => Promise<string>
}

const ends: (() => unknown)[] = []
beforeAll(() => rmSync(FOLDER, { recursive: true, force: true }))
afterAll(() => Promise.all(ends.map((end) => end())))

/** Writes a fence of a page to a file, which can import the dependencies of test-e2e. */
function written(page: string, index: number, file: string): string {
  const fence = fencesOfPage(`docs/guides/${page}`).filter(({ info }) => info === 'ts')[index]
  return write(file, fence?.code ?? '')
}

function write(file: string, text: string): string {
  const path = join(FOLDER, file)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  return path
}

const onNode = (page: string, index: number) => (): Promise<string> => started(written(page, index, `${page}-${index}.ts`))

async function started(file: string): Promise<string> {
  const program = runProgram(nodeProgram('test-e2e', '.frameworks', file.slice(FOLDER.length + 1)), { env: { PORT: '0' } })
  ends.push(() => program.stop())
  const [, url = ''] = await program.waitFor(/listening on (http:\S+?)\/?\s/)
  return url.replace('[::]', 'localhost')
}

const onBun = (page: string, index: number) => async (): Promise<string> => {
  const file = written(page, index, `${page}-${index}-bun.ts`)
  // Bun has no `PORT` here: 0 is any.
  write(`${page}-${index}-bun.main.ts`, `process.env['PORT'] = '0'\nawait import(${JSON.stringify(file)})\n`)
  const runtime: Runtime = await startRuntime('bun', new URL(`.frameworks/${page}-${index}-bun.main.ts`, import.meta.url))
  ends.push(() => runtime.stop())
  return runtime.url
}

/** The middleware of the guide before handlers of h3 1, as Nitro mounts the files of a Nuxt application. */
function nuxt(): Promise<string> {
  const middleware = written('h3-nuxt.md', 1, 'nuxt/server/middleware/rate-limit.ts')
  return started(
    write(
      'nuxt/main.ts',
      `import { createServer } from 'node:http'
       import { createApp, createRouter, eventHandler, readBody, toNodeListener } from 'h3-1'
       import middleware from ${JSON.stringify(middleware)}
       const router = createRouter()
       router.get('/', eventHandler(() => 'hello'))
       router.get('/_nuxt/entry.js', eventHandler(() => 'an asset'))
       router.post('/echo', eventHandler((event) => readBody(event)))
       const app = createApp()
       app.use(middleware)
       app.use(router)
       const server = createServer(toNodeListener(app)).listen(0, () => console.log('listening on http://localhost:' + server.address().port))`,
    ),
  )
}

let kit: Promise<string> | undefined
const svelteKit = (): Promise<string> => (kit ??= startKit())

/** An application of SvelteKit with the files of the guide and two endpoints, built and served by `vite preview`. */
async function startKit(): Promise<string> {
  written('sveltekit.md', 0, 'kit/src/hooks.server.ts')
  written('sveltekit.md', 1, 'kit/src/routes/login/+page.server.ts')
  write('kit/src/routes/login/+page.svelte', '<script>let { form } = $props()</script><p>{JSON.stringify(form)}</p>')
  write('kit/package.json', '{ "type": "module" }')
  write('kit/src/app.html', '<!doctype html><html><head>%sveltekit.head%</head><body>%sveltekit.body%</body></html>')
  write('kit/src/routes/+server.js', "export const GET = () => new Response('hello')")
  write('kit/src/routes/echo/+server.js', 'export const POST = async ({ request }) => Response.json(await request.json())')
  write(
    'kit/vite.config.js',
    `import { sveltekit } from '@sveltejs/kit/vite'
     export default { plugins: [sveltekit()], ssr: { resolve: { conditions: ['source', 'node', 'import', 'default'] } } }`,
  )
  const vite = [process.execPath, join(import.meta.dirname, 'node_modules', 'vite', 'bin', 'vite.js')] as const
  const cwd = join(FOLDER, 'kit')
  const build = runProgram([...vite, 'build'], { cwd })
  expect(await build.ended, build.output()).toEqual([0, null])
  const port = String(await freePort())
  const preview = runProgram([...vite, 'preview', '--host', '127.0.0.1', '--port', port, '--strictPort'], { cwd })
  ends.push(() => preview.stop())
  await preview.waitFor(/127\.0\.0\.1:/)
  return `http://127.0.0.1:${port}`
}

const PROGRAMS: readonly Program[] = [
  { name: 'M6: h3 1, as in Nuxt 3 and 4', start: onNode('h3-nuxt.md', 0) },
  { name: "M6: the middleware of Nuxt's server", start: nuxt },
  { name: 'h3 2', start: onNode('h3-nuxt.md', 2) },
  { name: 'Elysia on Node', start: onNode('elysia.md', 0) },
  { name: 'Elysia on Bun', start: onBun('elysia.md', 1) },
  { name: 'SvelteKit', start: svelteKit },
]

const from = (forwarded: string, init: RequestInit = {}): RequestInit => ({
  ...init,
  headers: { ...(init.headers as Record<string, string>), 'x-forwarded-for': forwarded },
})
const json = (value: unknown): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(value),
})

describe.each(PROGRAMS)('$name', ({ start }) => {
  let url = ''
  beforeAll(async () => {
    url = await start()
  }, 120_000)

  test('admits up to the limit, with headers, and refuses with 429', async () => {
    for (let left = LIMIT - 1; left >= 0; left--) {
      const admitted = await fetch(`${url}/`, from('203.0.113.7'))
      expect(admitted.status).toBe(200)
      expect(admitted.headers.get('ratelimit')).toMatch(new RegExp(`^"site";r=${left};t=\\d+$`))
      expect(admitted.headers.get('ratelimit-policy')).toBe(`"site";q=${LIMIT};w=60`)
      expect(await admitted.text()).toContain('hello')
    }
    const refused = await fetch(`${url}/`, from('203.0.113.7'))
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect(refused.headers.get('content-type')).toBe('application/problem+json')
    expect(await refused.json()).toMatchObject({ status: 429, 'violated-policies': ['site'] })
  })

  test('the client is the address that the proxy appended, whatever it claims', async () => {
    expect((await fetch(`${url}/`, from('198.51.100.1, 203.0.113.7'))).status).toBe(429)
    expect((await fetch(`${url}/`, from('203.0.113.8'))).status).toBe(200)
  })

  test('the handler reads the body', async () => {
    const answer = await fetch(`${url}/echo`, from('203.0.113.9', json({ text: 'round' })))
    expect([answer.status, await answer.json()]).toEqual([200, { text: 'round' }])
  })
})

test('Elysia on Bun: one route has its own limit and headers', async () => {
  const file = written('elysia.md', 2, 'elysia-route.ts')
  write(
    'elysia-route.main.ts',
    `import { app } from ${JSON.stringify(file)}
     app.listen(0)
     console.log('listening on http://localhost:' + app.server?.port)`,
  )
  const runtime = await startRuntime('bun', new URL('.frameworks/elysia-route.main.ts', import.meta.url))
  ends.push(() => runtime.stop())
  const search = () => fetch(`${runtime.url}/search`, from('203.0.113.7'))
  for (let left = LIMIT - 1; left >= 0; left--) {
    const admitted = await search()
    expect([admitted.status, admitted.headers.get('ratelimit')]).toEqual([200, expect.stringContaining(`"search";r=${left};`)])
  }
  const refused = await search()
  expect([refused.status, Number(refused.headers.get('retry-after')) >= 1]).toEqual([429, true])
})

test('M6: in h3 1 the limiter and the handler read the same body', async () => {
  const url = await onNode('h3-nuxt.md', 0)()
  const login = (email: string, address: string) => fetch(`${url}/login`, from(address, json({ email })))
  for (const address of ['203.0.113.1', '203.0.113.2']) {
    const answer = await login('Ann@x.de', address)
    expect([answer.status, await answer.json()]).toEqual([200, { email: 'Ann@x.de' }])
  }
  expect((await login('ann@x.de', '203.0.113.3')).status).toBe(429)
  expect((await login('bob@x.de', '203.0.113.3')).status).toBe(200)
})

test('M6: in Nuxt, assets are not limited', async () => {
  const url = await nuxt()
  for (let i = 0; i <= LIMIT; i++) expect((await fetch(`${url}/_nuxt/entry.js`, from('203.0.113.7'))).status).toBe(200)
})

test('SvelteKit: a form action has its own limit, and reads the form', async () => {
  const url = await svelteKit()
  // As a browser without JavaScript.
  const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'text/html', origin: url }
  // Each from another address, so that the limit of the hooks refuses none.
  const login = (email: string, i: number) =>
    fetch(`${url}/login`, from(`203.0.113.${100 + i}`, { method: 'POST', headers, body: new URLSearchParams({ email }) }))
  for (let i = 0; i < LIMIT; i++) {
    const admitted = await login(i % 2 === 0 ? 'ann@x.de' : 'Ann@x.de', i)
    expect([admitted.status, await admitted.text()]).toEqual([200, expect.stringMatching(/\{"email":"[Aa]nn@x\.de"\}/)])
  }
  const refused = await login('ann@x.de', LIMIT)
  expect([refused.status, await refused.text()]).toEqual([429, expect.stringMatching(/\{"wait":\d+\}/)])
  expect((await login('bob@x.de', LIMIT)).status).toBe(200)
}, 120_000)

describe('tRPC', () => {
  let url = ''
  beforeAll(async () => {
    url = await onNode('trpc.md', 0)()
  })
  const hello = (init: RequestInit) => fetch(`${url}/hello`, init)

  test('a procedure past its limit is TOO_MANY_REQUESTS, with the wait', async () => {
    for (let i = 0; i < LIMIT; i++) expect((await hello(from('203.0.113.7'))).status).toBe(200)
    const refused = await hello(from('203.0.113.7'))
    expect(refused.status).toBe(429)
    const wait = Number(refused.headers.get('retry-after'))
    expect(wait).toBeGreaterThanOrEqual(1)
    expect(await refused.json()).toMatchObject({
      error: { message: `Retry in ${wait} seconds.`, data: { code: 'TOO_MANY_REQUESTS', httpStatus: 429, retryAfter: wait } },
    })
    expect(refused.headers.get('ratelimit')).toMatch(/^"endpoint";r=294;/)
  })

  test('the subject is the user, else the forwarded address', async () => {
    expect((await hello(from('198.51.100.1, 203.0.113.7'))).status).toBe(429)
    expect((await hello(from('203.0.113.8'))).status).toBe(200)
    expect((await hello(from('203.0.113.7', { headers: { authorization: 'token-of-ann' } }))).status).toBe(200)
  })

  test('another procedure has a count of its own, and its input is read', async () => {
    const answer = await fetch(`${url}/echo`, from('203.0.113.7', json({ text: 'round' })))
    expect([answer.status, await answer.json()]).toEqual([200, { result: { data: { text: 'round' } } }])
  })

  test('each call of a batch counts, and the longest wait is that of the response', async () => {
    const paths = Array.from({ length: LIMIT + 1 }, () => 'hello').join(',')
    const batch = await fetch(`${url}/${paths}?batch=1&input={}`, from('203.0.113.20'))
    const answers = (await batch.json()) as { error?: { data: { retryAfter: number } } }[]
    expect([batch.status, answers.map(({ error }) => error === undefined)]).toEqual([207, [true, true, true, true, true, false]])
    expect(answers.at(-1)?.error?.data.retryAfter).toBe(Number(batch.headers.get('retry-after')))
  })
})
