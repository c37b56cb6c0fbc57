import { once } from 'node:events'
import { request } from 'node:http'
import { connect, createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { bodyParser } from '@koa/bodyparser'
import { Router } from '@koa/router'
import { fakeClock, waitUntil } from '@sluice/testing'
import koa3 from 'koa'
import koa2 from 'koa2'
import supertest from 'supertest'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  body,
  concurrency,
  fixedWindow,
  header,
  type KoaOptions,
  leakyBucket,
  memoryStore,
  rateLimit,
  type RequestBlockList,
  route,
  type Store,
  type StoreEvent,
} from '../src/index.ts'

const minute = (limit: number) => fixedWindow({ name: 'minute', limit, window: '1m' })
const standing = () => memoryStore({ clock: fakeClock(1_800_000_000_000) })
const slots = () => rateLimit({ limits: [concurrency({ name: 'slots', limit: 1, ttl: '1h' })], key: () => 'ann', store: standing() })
const SET = { 'ratelimit-policy': '"minute";q=9;w=60', 'x-ratelimit-limit': '9' }

interface Settings {
  readonly proxy?: boolean
  readonly maxIpsCount?: number
  readonly proxyIpHeader?: string
}

function raise(error: Error): never {
  throw error
}

async function served(app: koa3) {
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

describe.each([
  ['Koa 3', koa3],
  ['Koa 2', koa2],
])('rateLimit on %s', (_, koa) => {
  const silent = (options: Settings = {}) => {
    const app: koa3 = new koa(options)
    app.silent = true
    return app
  }
  const agentOf = (app: koa3) => supertest(app.callback())

  test('newcomer 14: body() before the parser is reported once, with the cure', async () => {
    const warnings: StoreEvent[] = []
    const options = { limits: [minute(9)], key: body('email'), on: { warning: (event: StoreEvent) => void warnings.push(event) } }
    const [before, after] = [silent(), silent()]
    before.use(rateLimit(options))
    before.use(bodyParser())
    after.use(bodyParser())
    after.use(rateLimit({ ...options, strict: true }))
    const posts = async (app: koa3, body: string | object) => {
      for (const _ of [1, 2]) await agentOf(app).post('/').type('json').send(body)
    }
    await posts(after, {})
    await agentOf(after).delete('/').send({ email: 'a@b.test' })
    expect(warnings).toEqual([])
    await posts(before, { email: 'a@b.test' })
    expect(warnings).toMatchObject([
      {
        code: 'WARN_BODY_UNPARSED',
        message: expect.stringMatching(
          /; add the parser before the limiter, .* of @koa\/bodyparser \(WARN_BODY_UNPARSED, see \S+\)$/,
        ) as string,
      },
    ])
  })

  test('without options: 100 a minute per client address, in memory', async () => {
    const app = silent()
    app.use(rateLimit({ store: standing() }))
    app.use((ctx) => {
      ctx.body = { remaining: ctx.state.rateLimit?.remaining }
    })
    const agent = agentOf(app)
    for (let i = 0; i < 100; i++) expect((await agent.get('/')).body).toEqual({ remaining: 99 - i })
    const refused = await agent.get('/')
    expect([refused.status, refused.headers['retry-after'], refused.headers['content-type']]).toEqual([
      429,
      '61',
      'application/problem+json',
    ])
    expect((refused.body as { status: number }).status).toBe(429)
  })

  test('null in place of options, and an invalid option, are refused when the limiter is made', () => {
    expect(() => rateLimit(null as never)).toThrow('ERR_OPTION_INVALID')
    expect(() => rateLimit({ limit: -1 })).toThrow('got -1 (ERR_OPTION_INVALID')
    expect(() => rateLimit({ duration: 1 } as never)).toThrow('ERR_OPTION_UNKNOWN')
  })

  test('on a router: its patterns, prefix and all, and only its routes', async () => {
    const limited = rateLimit({ limits: [minute(1)], key: route(), store: standing() })
    const items = new Router()
    items.get('/items/:id', limited, (ctx) => {
      ctx.body = ctx.state.rateLimit?.charges.map(({ subject }) => subject)
    })
    const whole = new Router({ prefix: '/v2' })
    whole.use(limited as never)
    whole.get('/items/:id', (ctx) => {
      ctx.body = ctx.state.rateLimit?.charges.map(({ subject }) => subject)
    })
    const api = new Router()
    api.use('/api', items.routes())
    const app = silent()
    app.use(api.routes() as koa3.Middleware).use(whole.routes() as koa3.Middleware)
    const agent = agentOf(app)
    expect((await agent.get('/api/items/1')).body).toEqual(['GET /api/items/:id'])
    expect((await agent.get('/v2/items/1')).body).toEqual(['GET /v2/items/:id'])
    expect([(await agent.get('/api/items/2')).status, (await agent.get('/v2/items/2')).status]).toEqual([429, 429])
    expect((await agent.get('/free')).headers['ratelimit']).toBeUndefined()
  })

  test("trap: Koa's ctx.get gives '' for an absent header: that is missing", async () => {
    const app = silent()
    app.use(rateLimit({ limits: [minute(9)], key: (ctx) => ctx.get('x-api-key'), missing: 'reject', store: standing() }))
    app.use((ctx) => {
      ctx.body = ctx.state.rateLimit?.charges[0]?.subject
    })
    const agent = agentOf(app)
    expect([(await agent.get('/')).status, (await agent.get('/').set('x-api-key', 'a')).text]).toEqual([400, 'a'])
  })

  test.each<readonly [string, Settings, readonly string[], readonly string[]]>([
    ['one proxy', { proxy: true, maxIpsCount: 1 }, ['2.2.2.2', '2.2.2.2'], []],
    ['no proxy', {}, ['127.0.0.1', '127.0.0.1'], ['WARN_FORWARDED_UNTRUSTED']],
    ['any number of proxies: the leftmost entry is anybody', { proxy: true }, ['1.1.1.1', '3.3.3.3'], ['WARN_TRUST_PERMISSIVE']],
    ["a platform's own header", { proxy: true, proxyIpHeader: 'X-Client-Ip' }, ['4.4.4.4', '4.4.4.4'], []],
  ])("Koa's own proxy settings say who the client is: %s", async (_name, settings, subjects, expectedWarnings) => {
    const warnings: string[] = []
    const app = silent(settings)
    const warning = (event: object) => void warnings.push('code' in event ? String(event.code) : '')
    app.use(rateLimit({ limits: [minute(9)], store: standing(), on: { warning } }))
    app.use((ctx) => {
      ctx.body = ctx.state.rateLimit?.charges[0]?.subject
    })
    const from = async (list: string) => (await agentOf(app).get('/').set({ 'X-Forwarded-For': list, 'X-Client-Ip': '4.4.4.4' })).text
    expect([(await from('1.1.1.1, 2.2.2.2')).replace('::ffff:', ''), await from('3.3.3.3, 2.2.2.2')]).toEqual(subjects)
    expect(warnings).toEqual(expectedWarnings)
  })

  test('with the option trustProxy the forwarded headers are read from the socket on, whatever Koa is set to', async () => {
    const app = silent({ proxy: true })
    app.use(rateLimit({ limits: [minute(1)], trustProxy: 1, store: standing() }))
    app.use((ctx) => {
      ctx.body = [ctx.ip, ctx.state.rateLimit?.charges[0]?.subject]
    })
    expect((await agentOf(app).get('/').set('X-Forwarded-For', '6.6.6.6, 1.1.1.1')).body).toEqual(['6.6.6.6', '1.1.1.1'])
  })

  const shared = new Error('shared')
  test.each<readonly [string, koa3.Middleware]>([
    ['an error that everybody is thrown', () => Promise.reject(shared)],
    ['what is no error', () => Promise.reject('text')],
  ])('trap: thrown handlers keep the headers of the limiter, and no others: %s', async (_name, handler) => {
    const app = silent()
    const errors: unknown[] = []
    app.on('error', (error) => errors.push(error))
    const limited = rateLimit({ limits: [minute(9)], skip: (ctx) => ctx.path === '/free', store: standing() })
    app.use(limited)
    app.use((ctx, next) => {
      ctx.set('x-secret', '1')
      return next()
    })
    app.use(handler)
    const response = await agentOf(app).get('/')
    expect([response.status, response.text, response.headers['x-secret']]).toEqual([500, 'Internal Server Error', undefined])
    expect(response.headers).toMatchObject(SET)
    expect((await agentOf(app).get('/free')).headers['ratelimit-policy']).toBeUndefined()
    expect(errors).toHaveLength(2)
    expect(Object.keys(shared)).toEqual(['status'])
  })

  test("an error in the middleware before the limiter keeps them too; the error's own headers win", async () => {
    const app = silent()
    app.use(async (_ctx, next) => {
      await next()
      throw Object.assign(new Error('late'), { status: 418, expose: true, headers: { 'X-RateLimit-Limit': 'mine' } })
    })
    app.use(rateLimit({ limits: [minute(9)], store: standing() }))
    app.use(rateLimit({ name: 'second', limits: [minute(99)], store: standing() }))
    const response = await agentOf(app).get('/')
    expect([response.status, response.text]).toEqual([418, 'late'])
    expect(response.headers).toMatchObject({
      'ratelimit-policy': '"minute";q=9;w=60, "second.minute";q=99;w=60',
      'x-ratelimit-limit': 'mine',
    })
  })

  test('a handler answers through the context; if it sets no status, with that of the refusal', async () => {
    const options: KoaOptions = {
      limits: [minute(1)],
      handler(ctx) {
        ctx.body = `slow down, ${ctx.query['name'] as string}`
      },
      store: standing(),
    }
    const app = silent()
    app.use(rateLimit(options))
    await agentOf(app).get('/')
    const response = await agentOf(app).get('/?name=ann')
    expect([response.status, response.text, response.headers['retry-after']]).toEqual([429, 'slow down, ann', '60'])
  })

  test('P1: after a handler that throws, middleware that answers the error by a body sends it with 200', async () => {
    const app = silent()
    app.use(async (ctx, next) => {
      try {
        await next()
      } catch (error) {
        ctx.body = (error as Error).message
      }
    })
    const handler = () => {
      throw new Error('no answer')
    }
    app.use(rateLimit({ limits: [minute(1)], handler, store: standing() }))
    await agentOf(app).get('/')
    const response = await agentOf(app).get('/')
    expect([response.status, response.text, response.headers['retry-after']]).toEqual([200, 'no answer', '60'])
  })

  test.each(['at once', 'later'])('P6: an error on a simulated request without a socket is thrown as it is (%s)', async (when) => {
    const mine = new Error('mine')
    const key = when === 'at once' ? () => Promise.reject(mine) : () => raise(mine)
    const limited = rateLimit({ key, store: standing() })
    const ctx = silent().createContext({ headers: {}, method: 'GET', url: '/' } as never, { getHeaderNames: () => [] } as never)
    await expect(limited(ctx as never, async () => undefined)).rejects.toBe(mine)
  })

  test('F15: refundWhen refunds in a test by the callback of the app', async () => {
    const app = silent()
    app.use(rateLimit({ limits: [minute(1)], refundWhen: (_ctx, { status }) => status < 400, store: standing() }))
    app.use((ctx) => {
      ctx.status = ctx.path === '/' ? 200 : 401
    })
    const statuses: number[] = []
    for (const path of ['/', '/', '/fails', '/']) statuses.push((await agentOf(app).get(path)).status)
    expect(statuses).toEqual([200, 200, 401, 429])
  })

  test('ctx.respond = false: the holder stays until the raw response has ended', async () => {
    const limited = slots()
    let end = (): void => undefined
    const app = silent()
    app.use(limited)
    app.use((ctx) => {
      ctx.respond = false
      ctx.res.writeHead(200).write('one')
      end = () => ctx.res.end('two')
    })
    const { url } = await served(app)
    const response = await fetch(url)
    expect((await limited.limiter.peek('ann')).remaining).toBe(0)
    end()
    expect(await response.text()).toBe('onetwo')
    await waitUntil('the holder to be released', async () => (await limited.limiter.peek('ann')).remaining === 1)
  })

  test.each(['at once', 'later'])(
    'a client that is gone before the middleware runs leaves no holder behind (store answers %s)',
    async (when) => {
      const memory = standing()
      const later: Store = { name: 'later', consume: async (...args) => memory.consume(...args), reset: () => undefined }
      const store = when === 'at once' ? memory : later
      // A socket that is closed knows its peer's address no more.
      const limited = rateLimit({ limits: [concurrency({ name: 'slots', limit: 1, ttl: '1h' })], key: header('x-user'), store })
      const byAddress = rateLimit({ name: 'address', limits: [minute(1)], store: standing() })
      const app = silent()
      const seen: unknown[] = []
      app.on('error', (error) => seen.push(error))
      app.use(async (ctx, next) => {
        await new Promise((resolve) => ctx.res.once('close', () => setImmediate(resolve)))
        await next()
        seen.push('end')
      })
      app.use(limited).use(byAddress)
      const { server, url } = await served(app)
      const client = request(url, { headers: { 'x-user': 'ann' } })
      client.on('error', () => undefined)
      client.end()
      await once(server, 'request')
      client.destroy()
      await waitUntil('the end of the request', () => seen.length > 0)
      await waitUntil('the holder to be released', async () => (await limited.limiter.peek('ann')).remaining === 1)
      expect(seen).toEqual(['end'])
    },
  )

  test('a client that leaves the queue: no handler runs, and the middleware before the limiter comes to its end', async () => {
    const seen: string[] = []
    const app = silent()
    app.use(async (ctx, next) => {
      await next()
      seen.push(`end ${ctx.path}`)
    })
    const queue = leakyBucket({ name: 'queue', limit: 1, window: '1m', queue: true, maxDelay: '10m', key: () => 'all' })
    app.use(rateLimit({ limits: [queue], store: standing(), on: { decision: ({ verdict }) => seen.push(verdict) } }))
    app.use((ctx) => void seen.push(`handler ${ctx.path}`))
    const { url } = await served(app)
    await (await fetch(`${url}/first`)).text()
    const client = request(`${url}/second`)
    client.on('error', () => undefined)
    client.end()
    await waitUntil('two decisions', () => seen.filter((each) => each === 'allowed').length === 2)
    client.destroy()
    await waitUntil('the end of the second request', () => seen.includes('end /second'))
    expect(seen.filter((each) => each !== 'allowed')).toEqual(['handler /first', 'end /first', 'end /second'])
  })

  test('HTTP/2: a holder is released when the stream ends, and when the client leaves, without a status', async () => {
    const statuses: number[] = []
    const limited = rateLimit({
      limits: [concurrency({ name: 'slots', limit: 1, ttl: '1h' })],
      key: () => 'ann',
      refundWhen: (_, { status }) => statuses.push(status) === 0,
      store: standing(),
    })
    let reached = 0
    const app = silent()
    app.use(limited)
    app.use(async (ctx) => {
      reached += 1
      if (ctx.path === '/late') await once(ctx.res, 'close')
      ctx.body = 'done'
    })
    const server = createHttp2Server(app.callback() as never).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    onTestFinished(() => {
      session.close()
      server.close()
    })
    const free = () => waitUntil('the holder to be released', async () => (await limited.limiter.peek('ann')).remaining === 1)
    const first = session.request({ ':path': '/' })
    const [head] = (await once(first, 'response')) as [Record<string, unknown>]
    expect([head[':status'], head['ratelimit']]).toEqual([200, '"slots";r=0'])
    await once(first.resume(), 'close')
    await free()
    const late = session.request({ ':path': '/late' })
    await waitUntil('the second request', () => reached === 2)
    expect((await limited.limiter.peek('ann')).remaining).toBe(0)
    late.close(8)
    await free()
    expect(statuses).toEqual([200])
  })

  test('a dropped client loses its stream, and other requests of the connection go on', async () => {
    const app = silent()
    const until = Date.now() + 60_000
    const blockList: RequestBlockList = { check: (subject) => (subject === 'bot' ? { until, rule: 'default', action: 'drop' } : undefined) }
    app.use(rateLimit({ limit: 9, key: header('x-api-key'), missing: 'address', blockList }))
    app.use((ctx) => void (ctx.body = 'done'))
    const server = createHttp2Server(app.callback() as never).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    onTestFinished(() => {
      session.close()
      server.close()
    })
    const other = session.request({ ':path': '/', 'x-api-key': 'a' })
    const bot = session.request({ ':path': '/', 'x-api-key': 'bot' })
    const [head] = (await once(other, 'response')) as [Record<string, unknown>]
    if (!bot.closed) await once(bot, 'close')
    expect([head[':status'], bot.rstCode]).toEqual([200, 8])
    const [later] = (await once(session.request({ ':path': '/', 'x-api-key': 'a' }), 'response')) as [Record<string, unknown>]
    expect(later[':status']).toBe(200)
  })
})
