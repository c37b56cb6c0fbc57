import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type FeedOptions, httpSource, type HttpSourceOptions, policyFeed, type PolicyFeed } from '../src/index.ts'
import { withPolicy } from './documents.ts'
import { type TestServer, testServer } from './http-server.ts'

const revision = (number: number, fields = ''): string => withPolicy(fields).replace('revision: 7', `revision: ${number}`)

let server: TestServer
let warnings: { code: string; message: string }[]
let changes: number[]
beforeEach(async () => {
  server = await testServer()
  warnings = []
  changes = []
})

const codes = (): readonly string[] => warnings.map(({ code }) => code)

async function followed(options: HttpSourceOptions = {}, feedOptions: Partial<FeedOptions> = {}): Promise<PolicyFeed> {
  const feed = await policyFeed({
    source: httpSource(`${server.url}/sluice.yaml`, { interval: 100, ...options }),
    // A busy machine needs longer than an application would wait.
    startTimeout: 20_000,
    on: { warning: (warning) => warnings.push(warning), change: ({ document }) => changes.push(document.revision) },
    ...feedOptions,
  })
  onTestFinished(() => feed.close())
  return feed
}

async function holds(feed: PolicyFeed, number: number): Promise<void> {
  await vi.waitFor(() => expect(feed.document('shop')?.revision).toBe(number), 20_000)
}

/** Answers as a web server does that has the text in a file. */
function serves(text: string): void {
  const etag = `"${createHash('sha256').update(text).digest('hex')}"`
  server.answer = (request, response) => {
    if (request.headers['if-none-match'] === etag) response.writeHead(304, { etag }).end()
    else response.writeHead(200, { etag, 'content-length': Buffer.byteLength(text) }).end(text)
  }
}

const write = (response: ServerResponse, status: number, headers: Record<string, string | number> = {}, body = ''): void =>
  void response.writeHead(status, headers).end(body)

describe('a document at a URL', () => {
  test('is asked for with its ETag, and 304 confirms it', async () => {
    serves(revision(1))
    const feed = await followed()
    const at = feed.health().namespaces[0]?.confirmedAt ?? 0
    await vi.waitFor(() => expect(feed.health().namespaces[0]?.confirmedAt).toBeGreaterThan(at), 20_000)
    expect(server.asked[0]?.headers['if-none-match']).toBeUndefined()
    expect(server.asked[1]?.headers['if-none-match']).toMatch(/^"[0-9a-f]{64}"$/)
    serves(revision(2))
    await holds(feed, 2)
    serves(revision(5))
    await holds(feed, 5)
    expect(changes).toEqual([1, 2, 5])
    expect(warnings).toEqual([])
  })

  test('without an ETag is compared', async () => {
    let text = revision(1)
    server.answer = (_, response) => void response.end(text)
    const feed = await followed()
    await vi.waitFor(() => expect(server.asked.length).toBeGreaterThan(2), 20_000)
    text = revision(2)
    await holds(feed, 2)
    expect(changes).toEqual([1, 2])
  })

  test('comes after the headers that the option names, which may change', async () => {
    serves(revision(1))
    const granted = server.answer
    server.answer = (request, response) =>
      /^Bearer \d$/.test(request.headers.authorization ?? '') ? granted(request, response) : write(response, 401)
    await expect(followed({}, { startTimeout: 1_000 })).rejects.toThrow('the server answered 401; check the option headers')
    let token = 0
    await followed({ headers: async () => ({ authorization: `Bearer ${token++ % 10}` }) })
    await vi.waitFor(() => expect(token).toBeGreaterThan(2), 20_000)
    await followed({ headers: { authorization: 'Bearer 1' } })
  })

  test.each([404, 410, 204])('that is gone (%i) is missing, and stays in force', async (status) => {
    serves(revision(1))
    const feed = await followed()
    server.answer = (_, response) => write(response, status)
    await vi.waitFor(() => expect(codes()).toEqual(['WARN_POLICY_MISSING']), 20_000)
    await feed.refresh()
    expect(feed.document('shop')).toMatchObject({ revision: 1, policies: [{ name: 'api' }] })
    serves(revision(2))
    await holds(feed, 2)
    expect(codes()).toEqual(['WARN_POLICY_MISSING'])
  })

  test.each(['', '\n \n'])('an empty answer (%j) is missing, and never "no limits"', async (text) => {
    serves(revision(1))
    const feed = await followed()
    serves(text)
    await vi.waitFor(() => expect(codes()).toEqual(['WARN_POLICY_MISSING']), 20_000)
    expect(feed.document('shop')).toMatchObject({ revision: 1, policies: [{ name: 'api' }] })
  })

  test('the same document after it was gone is confirmed', async () => {
    serves(revision(1))
    const feed = await followed()
    server.answer = (_, response) => write(response, 404)
    await vi.waitFor(() => expect(codes()).toEqual(['WARN_POLICY_MISSING']), 20_000)
    serves(revision(1))
    await vi.waitFor(() => expect(feed.health().problem).toBeUndefined(), 20_000)
    expect(changes).toEqual([1])
  })

  test.each([500, 502, 503, 429, 206])('an answer of %i changes nothing', async (status) => {
    serves(revision(1))
    const feed = await followed()
    server.answer = (_, response) => write(response, status, { etag: '"other"' }, revision(9))
    await vi.waitFor(() => expect(feed.health()).toMatchObject({ source: 'away' }), 20_000)
    expect(feed.health().problem).toMatch(new RegExp(`the server answered ${status}`))
    expect(feed.document('shop')?.revision).toBe(1)
    serves(revision(2))
    await holds(feed, 2)
    expect(feed.health()).toMatchObject({ source: 'connected', problem: undefined })
  })

  test('an answer of 304 that nobody asked for is none', async () => {
    server.answer = (_, response) => write(response, 304)
    await expect(followed({}, { startTimeout: 1_000 })).rejects.toThrow('the server answered 304')
  })

  test('a lower revision and a fork are ignored, and a poisoned document is refused', async () => {
    serves(revision(5))
    const feed = await followed()
    serves(revision(4))
    await vi.waitFor(() => expect(codes()).toEqual(['WARN_POLICY_STALE']), 20_000)
    serves(revision(5, 'description: other'))
    await vi.waitFor(() => expect(codes()).toContain('ANOMALY_POLICY_FORK'), 20_000)
    serves(revision(6).replace('window: 1m', 'window: 60'))
    await vi.waitFor(() => expect(codes()).toContain('ERR_POLICY_INVALID'), 20_000)
    expect(warnings.at(-1)?.message).toMatch(
      /sluice\.yaml is no valid policy document[^]*line \d+, column \d+: .*window: expected a text, got 60/,
    )
    expect(feed.document('shop')?.revision).toBe(5)
    serves(revision(7))
    await holds(feed, 7)
    expect(feed.health().problem).toBeUndefined()
  })

  test('one above 1 MiB is refused, and not read to its end', async () => {
    serves(revision(1))
    const feed = await followed()
    let sent = 0
    server.answer = (_, response) => {
      const send = (): void => {
        while (sent < 64 * 2 ** 20 && response.writable) {
          sent += 65_536
          if (!response.write('#'.repeat(65_536))) return void response.once('drain', send)
        }
        response.end()
      }
      response.writeHead(200)
      response.write(revision(9))
      send()
    }
    await vi.waitFor(() => expect(codes()).toContain('ERR_POLICY_INVALID'), 20_000)
    expect(warnings.at(-1)?.message).toContain('expected at most 1048576 bytes')
    expect(sent).toBeLessThan(48 * 2 ** 20)
    expect(feed.document('shop')?.revision).toBe(1)
  })
})

describe('half an answer', () => {
  const whole = revision(2)
  // A valid document, with fewer limits.
  const half = whole.slice(0, whole.indexOf('policies:'))

  const cases: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => void>> = {
    'shorter than its length': (request, response) => {
      response.writeHead(200, { 'content-length': whole.length })
      response.write(half, () => request.socket.destroy())
    },
    'without its last chunk': (request, response) => {
      response.writeHead(200)
      response.write(half, () => request.socket.destroy())
    },
    'cut within the headers': (request) => {
      request.socket.end('HTTP/1.1 200 OK\r\nContent-Le')
    },
    'closed without an answer': (request) => {
      request.socket.destroy()
    },
  }
  test.each(Object.entries(cases))('%s is none', async (_, answer) => {
    serves(revision(1))
    const feed = await followed()
    server.answer = answer
    await vi.waitFor(() => expect(feed.health().source).toBe('away'), 20_000)
    await expect(feed.refresh()).rejects.toThrow(/closed|terminated|HPE|hang up/i)
    expect(feed.document('shop')?.revision).toBe(1)
    expect(codes()).not.toContain('ERR_POLICY_INVALID')
    serves(whole)
    await holds(feed, 2)
  })

  test('that ends with the connection is asked for twice, since its end is not known', async () => {
    let sent = half
    server.answer = (request) => void request.socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${(sent += '\n')}`)
    await expect(followed({}, { startTimeout: 1_000 })).rejects.toThrow('the answer has no known end, and two of them differ')
    server.answer = (request) => void request.socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${whole}`)
    const feed = await followed()
    expect(feed.document('shop')?.revision).toBe(2)
  })

  test('a compressed answer is used when it comes twice, and a cut one is not', async () => {
    serves(revision(1))
    const feed = await followed()
    const bytes = gzipSync(whole)
    let cuts = 0
    server.answer = (_, response) => {
      const part = bytes.subarray(0, bytes.length - 20 - (cuts++ % 7))
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': part.length }).end(part)
    }
    await vi.waitFor(() => expect(feed.health().source).toBe('away'), 20_000)
    expect(feed.health().problem).toContain('two of them differ')
    expect(feed.document('shop')?.revision).toBe(1)
    server.answer = (_, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(bytes)
    await holds(feed, 2)
  })

  test('one that does not end in time is given up', async () => {
    serves(revision(1))
    const feed = await followed({ timeout: 300 })
    server.answer = (_, response) => {
      response.writeHead(200, { 'content-length': whole.length })
      response.write(half)
    }
    await vi.waitFor(() => expect(feed.health().problem).toContain('no whole answer within 300 ms'), 20_000)
    server.answer = () => undefined
    await expect(feed.refresh()).rejects.toThrow('no whole answer within 300 ms')
    expect(feed.document('shop')?.revision).toBe(1)
  })
})

describe('a redirection', () => {
  test('within the origin is followed', async () => {
    serves(revision(1))
    const file = server.answer
    server.answer = (request, response) =>
      request.url === '/real.yaml' ? file(request, response) : write(response, 302, { location: '/real.yaml' })
    const feed = await followed()
    expect(feed.document('shop')?.revision).toBe(1)
    expect(server.asked.map(({ path }) => path).slice(0, 2)).toEqual(['/sluice.yaml', '/real.yaml'])
  })

  test('to another origin is not, and no header goes there', async () => {
    const other = await testServer()
    other.answer = (_, response) => void response.end(revision(1))
    server.answer = (_, response) => write(response, 307, { location: `${other.url}/sluice.yaml` })
    const started = followed({ headers: { authorization: 'Bearer secret' } }, { startTimeout: 1_000 })
    await expect(started).rejects.toThrow(`the server redirects to another origin, ${other.url}, which is not followed`)
    expect(other.asked).toEqual([])
  })

  test.each([
    ['/sluice.yaml', 'redirects more than 5 times'],
    ['http://[', 'without a valid location'],
  ])('to %s ends', async (location, message) => {
    server.answer = (_, response) => write(response, 301, { location })
    await expect(followed({}, { startTimeout: 1_000 })).rejects.toThrow(message)
  })
})

describe('a server that is away', () => {
  test('at the start: the fallback holds, and the server is found when it is there', async () => {
    await server.stop()
    await expect(followed({}, { startTimeout: 100 })).rejects.toThrow(/ERR_POLICY_UNAVAILABLE/)
    const feed = await followed({}, { startTimeout: 100, fallback: [{ apiVersion: 'sluice/v1', namespace: 'shop', revision: 1 } as never] })
    expect(feed.health()).toMatchObject({ source: 'away', namespaces: [{ from: 'fallback' }] })
    serves(revision(3))
    await server.start()
    await holds(feed, 3)
  })

  test('that flaps loses nothing', async () => {
    serves(revision(1))
    const feed = await followed()
    for (const number of [2, 3, 4]) {
      await server.stop()
      await vi.waitFor(() => expect(feed.health().source).toBe('away'), 20_000)
      expect(feed.document('shop')?.revision).toBe(number - 1)
      serves(revision(number))
      await server.start()
      await holds(feed, number)
    }
  })
})

test.each([
  [() => httpSource('sluice.yaml'), 'httpSource: expected a URL such as https://…'],
  [() => httpSource('file:///etc/sluice.yaml'), 'httpSource: expected a URL such as https://…'],
  [() => httpSource('https://user:secret@example.com/'), 'put it into the option headers'],
  [() => httpSource('https://example.com/', { interval: 10 }), 'httpSource: interval: expected milliseconds, at least 100, got 10'],
  [() => httpSource('https://example.com/', { timeout: 0 }), 'httpSource: timeout'],
  [() => httpSource('https://example.com/', { idleTimeout: Number.NaN }), 'httpSource: idleTimeout'],
  [() => httpSource('https://example.com/', { headers: 'Bearer' } as never), 'httpSource: headers'],
  [() => httpSource('https://example.com/', { fetch: 1 } as never), 'httpSource: fetch'],
  [() => httpSource('https://example.com/', { header: {} } as never), 'header'],
])('a mistake is refused', (make, message) => {
  expect(make).toThrow(message)
  expect(make).not.toThrow('secret')
})

test('the name of a source has no query, which may be a signature', () => {
  expect(httpSource('https://example.com/sluice.yaml?signature=secret#part').name).toBe('https://example.com/sluice.yaml')
})
