import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { createAdaptorServer } from '@hono/node-server'
import { fakeClock, waitUntil } from '@sluice/testing'
import { describe, expect, test } from 'vitest'
import {
  body,
  concurrency,
  decisionOf,
  type FetchHandler,
  type FetchOptions,
  fixedWindow,
  leakyBucket,
  memoryStore,
  rateLimit,
} from '../src/index.ts'

const minute = (limit: number) => fixedWindow({ name: 'minute', limit, window: '1m' })
const slots = concurrency({ name: 'slots', limit: 1, ttl: '1h' })
const standing = () => memoryStore({ clock: fakeClock(1_800_000_000_000) })
const here = () => '192.0.2.1'
const ask = (init?: RequestInit) => new Request('http://sluice.test/path', init)
const ok = () => new Response('ok')
const nine = (): FetchOptions => ({ limits: [minute(9)], address: here, store: standing() })
const one = (): FetchOptions => ({ limits: [slots], key: () => 'ann', store: standing() })

describe('rateLimit', () => {
  test('without limits: 100 a minute per client address, in memory; the handler gets what the runtime passes', async () => {
    const info = { remoteAddr: { transport: 'tcp', hostname: '192.0.2.7', port: 1 } }
    const limited = rateLimit(
      (request: Request, given: typeof info) => Response.json([given.remoteAddr.port, decisionOf(request)?.remaining]),
      {
        store: standing(),
      },
    )
    const first = await limited(ask(), info)
    expect([first.status, await first.json(), first.headers.get('ratelimit')]).toEqual([200, [1, 99], '"default";r=99;t=120'])
    for (let i = 0; i < 99; i++) expect((await limited(ask(), info)).status).toBe(200)
    const refused = await limited(ask(), info)
    expect([refused.status, refused.headers.get('retry-after'), refused.headers.get('content-type')]).toEqual([
      429,
      '61',
      'application/problem+json',
    ])
    expect(await refused.json()).toMatchObject({ status: 429, retry_after: 61 })
  })

  test.each<readonly [string, unknown]>([
    ['Bun', { requestIP: (request: Request) => (request.url === '' ? null : { address: '192.0.2.7', port: 1, family: 'IPv4' }) }],
    ['Deno', { remoteAddr: { transport: 'tcp', hostname: '192.0.2.7', port: 1 } }],
    ['@hono/node-server', { incoming: { socket: { remoteAddress: '192.0.2.7' } } }],
  ])('the address of the connection is read from what %s passes', async (_name, given) => {
    const limited: FetchHandler = rateLimit((request) => Response.json(decisionOf(request)?.charges[0]?.subject), { store: standing() })
    expect(await (await limited(ask(), given)).json()).toBe('192.0.2.7')
  })

  test('on Cloudflare it is read from the header that Cloudflare overwrites, and nowhere else from that header', async () => {
    const headers = { 'cf-connecting-ip': '192.0.2.7' }
    const limited: FetchHandler = rateLimit((request) => Response.json(decisionOf(request)?.charges[0]?.subject), { store: standing() })
    const edge = Object.assign(ask({ headers }), { cf: { colo: 'ZRH' } })
    expect(await (await limited(edge, {}, {})).json()).toBe('192.0.2.7')
    await expect(limited(ask({ headers }), {}, {})).rejects.toThrow('ERR_ADDRESS_UNKNOWN')
    await expect(limited(Object.assign(ask({ headers }), { cf: undefined }), {}, {})).rejects.toThrow('ERR_ADDRESS_UNKNOWN')
  })

  test('an unknown address is an error of the set-up, unless address() returns it', async () => {
    const unknown: FetchHandler = rateLimit(ok, { store: standing() })
    await expect(unknown(ask())).rejects.toThrow('ERR_ADDRESS_UNKNOWN')
    await expect(unknown(ask(), { params: {} })).rejects.toThrow('ERR_ADDRESS_UNKNOWN')
    const limited = rateLimit((request: Request, _from: string) => Response.json(decisionOf(request)?.charges[0]?.subject), {
      address: (_request, from) => from,
      store: standing(),
    })
    expect(await (await limited(ask(), '::ffff:192.0.2.9')).json()).toBe('192.0.2.9')
  })

  test('newcomer 16: the error says to pass on what the runtime passed, and what a test passes', async () => {
    const limited: FetchHandler = rateLimit(ok, { store: standing() })
    await expect(limited(ask())).rejects.toThrow(
      'got none; pass on what the runtime passed after the request, as in limited(request, server); in a test, limited(request, { remoteAddr: { hostname: ',
    )
    expect((await limited(ask(), { remoteAddr: { hostname: '203.0.113.7' } })).status).toBe(200)
    const given = rateLimit(ok, { store: standing(), address: () => undefined })
    await expect(given(ask())).rejects.toThrow('got none; the option address returned undefined for this request')
  })

  test('a client that has disconnected has no address: no warning', async () => {
    const client = new AbortController()
    const request = ask({ signal: client.signal })
    client.abort()
    expect((await rateLimit(ok, { store: standing() })(request)).status).toBe(499)
  })

  test.each<readonly [string, object | null, string]>([
    ['null', null, 'ERR_OPTION_INVALID'],
    ['no address', { address: '192.0.2.1' }, 'address: expected a function of the request, got the string'],
    ['no error', { error: 'x' }, 'error: expected a function of the request and the error, got the string "x"'],
    ['a misspelt name', { limmit: 1 }, 'use limit'],
    ["a peer's name", { windowMs: 1 }, 'use window'],
  ])('invalid options are refused when the limiter is made: %s', (_name, options, message) => {
    expect(() => rateLimit(ok, options as never)).toThrow(message)
  })

  test('options in place of the handler, and an error option where nothing can be caught', () => {
    expect(() => rateLimit({ limit: 1 } as never)).toThrow('rateLimit: expected a handler of requests, and then options, got an object')
  })

  test.each<readonly [string, () => Promise<Response> | Response, number, string]>([
    ['fetched', () => fetch('data:text/plain,ok'), 200, 'ok'],
    ['a redirect', () => Response.redirect('http://sluice.test/', 307), 307, ''],
    ['made here', ok, 200, 'ok'],
  ])('trap: headers that cannot be changed are copied: %s', async (_name, handler, status, text) => {
    for (const options of [nine(), { ...nine(), limits: [minute(9), slots] }]) {
      const response = await rateLimit(handler, options)(ask())
      expect([response.status, await response.text(), response.headers.get('x-ratelimit-limit') === null]).toEqual([status, text, false])
    }
  })

  test('a response that cannot be copied is passed on unchanged', async () => {
    const failed = Response.error()
    expect(await rateLimit(() => failed, nine())(ask())).toBe(failed)
  })

  test('a response is followed only where something is left to do after it', async () => {
    const response = ok()
    expect(await rateLimit(() => response, nine())(ask())).toBe(response)
    expect(await rateLimit(() => response, { ...nine(), settle: () => 1 })(ask())).not.toBe(response)
  })

  test('the holder stays until the body has been read, or given up', async () => {
    const limited = rateLimit(ok, one())
    const left = async () => (await limited.limiter.peek('ann')).remaining
    const [first, second] = [await limited(ask()), await limited(ask())]
    expect([first.status, second.status, await left()]).toEqual([200, 429, 0])
    await first.text()
    expect(await left()).toBe(1)
    await (await limited(ask())).body?.cancel()
    expect(await left()).toBe(1)
  })

  test('a client that leaves frees its holder before the handler answers', async () => {
    const client = new AbortController()
    let answer: ((response: Response) => void) | undefined
    const limited = rateLimit(() => new Promise<Response>((resolve) => (answer = resolve)), one())
    const response = limited(ask({ signal: client.signal }))
    await waitUntil('the handler to be called', () => answer !== undefined)
    expect((await limited.limiter.peek('ann')).remaining).toBe(0)
    client.abort()
    expect((await limited.limiter.peek('ann')).remaining).toBe(1)
    answer?.(ok())
    expect(await (await response).text()).toBe('ok')
  })

  test('a handler that throws: the runtime gets the error, and the holder is released', async () => {
    const limited = rateLimit(() => Promise.reject(new Error('boom')), { ...one(), refundWhen: () => true })
    await expect(limited(ask())).rejects.toThrow('boom')
    expect((await limited.limiter.peek('ann')).remaining).toBe(1)
  })

  test('with the option error it is answered, with the headers; what that throws goes to the runtime', async () => {
    const boom = () => Promise.reject(new Error('boom'))
    const answered = rateLimit(boom, {
      ...nine(),
      error: (request, { error }) => new Response(`${String(error)} ${request.method}`, { status: 500 }),
    })
    const response = await answered(ask())
    expect([response.status, await response.text(), response.headers.get('x-ratelimit-remaining')]).toEqual([500, 'Error: boom GET', '8'])
    const throwing = rateLimit(boom, { ...one(), error: () => Promise.reject(new Error('again')) })
    await expect(throwing(ask())).rejects.toThrow('again')
    expect((await throwing.limiter.peek('ann')).remaining).toBe(1)
  })

  test('a client that leaves the queue: its handler never runs', async () => {
    const client = new AbortController()
    let runs = 0
    const limited = rateLimit(
      () => {
        runs += 1
        return ok()
      },
      {
        limits: [leakyBucket({ name: 'queue', limit: 1, window: '1m', queue: true, maxDelay: '10m' })],
        key: () => 'all',
        store: standing(),
      },
    )
    await limited(ask())
    const queued = limited(ask({ signal: client.signal }))
    client.abort()
    expect([(await queued).status, runs]).toEqual([499, 1])
  })

  test('a runtime that stops after the response waits for what is settled then', async () => {
    const works: Promise<unknown>[] = []
    const context = { waitUntil: (work: Promise<unknown>) => works.push(work) }
    const memory = standing()
    let settled = false
    const store = {
      name: 'later',
      async consume(...args: Parameters<typeof memory.consume>) {
        await new Promise((resolve) => setImmediate(resolve))
        settled = args[0].some(({ cost }) => cost < 0)
        return memory.consume(...args)
      },
      reset: () => undefined,
    }
    const limited: FetchHandler = rateLimit(ok, { ...one(), store })
    const response = await limited(ask(), {}, context)
    expect(works).toHaveLength(1)
    await response.text()
    expect(settled).toBe(false)
    await Promise.all(works)
    expect(settled).toBe(true)
  })

  test('body() reads JSON and forms, and leaves the body to the handler', async () => {
    const limited = rateLimit(async (request) => Response.json([decisionOf(request)?.charges[0]?.subject, await request.text()]), {
      ...nine(),
      key: body('email'),
    })
    const inner = rateLimit(limited, { ...nine(), name: 'outer', key: body('email') })
    const post = async (type: string, text: string) =>
      (await inner(ask({ method: 'POST', body: text, headers: { 'content-type': type } }))).json()
    expect(await post('application/json', '{"email":"a@x"}')).toEqual(['a@x', '{"email":"a@x"}'])
    expect(await post('application/x-www-form-urlencoded', 'email=b%40x')).toEqual(['b@x', 'email=b%40x'])
    const unread = ['~ip:192.0.2.1', '192.0.2.1']
    for (const [type, text] of [
      ['application/json', '{'],
      ['text/plain', 'email'],
    ] as const)
      expect(unread).toContain(((await post(type, text)) as string[])[0])
  })

  test('a page in place of a refusal keeps its type, and the outer limiter sets what the inner one knew', async () => {
    const inner = rateLimit(ok, { name: 'inner', limits: [minute(1)], address: here, store: standing() })
    const paged = async (request: Request) => {
      const response = await inner(request)
      return response.status === 429 ? new Response('<p>Later.', { status: 429, headers: { 'content-type': 'text/html' } }) : response
    }
    const outer = rateLimit(paged, nine())
    await outer(ask())
    const page = await outer(ask())
    expect([page.headers.get('content-type'), page.headers.get('retry-after'), page.headers.get('ratelimit')]).toEqual([
      'text/html',
      '60',
      '"minute";r=7;t=60, "inner.minute";r=0;t=60',
    ])
  })

  test("a handler's answer to a refusal is its own, with the headers of the limiter", async () => {
    const limited = rateLimit(ok, {
      ...nine(),
      limits: [minute(1)],
      handler: (_request, { decision: { retryAfter } }) => Response.json({ retryAfter }, { status: 420 }),
    })
    await limited(ask())
    const response = await limited(ask())
    expect([response.status, await response.json(), response.headers.get('retry-after')]).toEqual([420, { retryAfter: 60_000 }, '60'])
  })
})

test('F18: a target of which no Request can be made is counted, by its address', async () => {
  const limited = rateLimit(ok, { limits: [minute(1)], key: body('email'), address: here, store: standing() })
  const statuses: number[] = []
  for (let i = 0; i < 2; i++) {
    const request = ask({ method: 'POST', body: '{"email":"ann"}', headers: { 'content-type': 'application/json' } })
    // As on Node's server for http://user:secret@sluice.test/.
    request.clone = () => {
      throw new TypeError('Request cannot be constructed from a URL that includes credentials')
    }
    statuses.push((await limited(request)).status)
  }
  expect(statuses).toEqual([200, 429])
})

test('F13: on Node, a handler that ends after another response was sent holds nothing any longer', async () => {
  const ends: (() => void)[] = []
  const late: (() => void)[] = []
  let ended = 0
  const holding = rateLimit(
    async () => {
      await new Promise<void>((resolve) => ends.push(resolve))
      ended += 1
      return ok()
    },
    { limits: [slots], key: () => 'all' },
  )
  const timedOut = async () => {
    await new Promise<void>((resolve) => late.push(resolve))
    return new Response('late', { status: 504 })
  }
  const server = createAdaptorServer({ fetch: (...given: [Request]) => Promise.race([holding(...given), timedOut()]) }) as Server
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  for (const count of [1, 2]) {
    const answered = fetch(url)
    await waitUntil('the handler to run', () => ends.length === count)
    late.at(-1)?.()
    expect((await answered).status).toBe(504)
    await waitUntil('the holder to be released', async () => (await holding.limiter.peek('all')).remaining === 1)
    ends.at(-1)?.()
    await waitUntil('the handler to end', () => ended === count)
    await turn()
    expect((await holding.limiter.peek('all')).remaining).toBe(1)
  }
  server.close()
  server.closeAllConnections()
})
