import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { createGunzip } from 'node:zlib'
import { type EventBatch, type EventSink, httpSink, jsonLines } from '@sluice/telemetry'
import { describe, expect, onTestFinished, test } from 'vitest'

const row = {
  minute: 60,
  namespace: 'shop',
  tenant: '',
  policy: '',
  endpoint: '/a',
  region: '',
  tier: '',
  mode: 'enforce',
  verdict: 'allowed',
} as const
const batch: EventBatch = {
  topic: 'sluice.usage.v1',
  events: [
    { ...row, boot: 'b', requests: 1, units: 1 },
    { ...row, boot: 'b', requests: 2, units: 3 },
  ],
}
const send = async (sink: EventSink, signal = new AbortController().signal): Promise<unknown> => sink.send(batch, signal)

interface Received {
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Answers with each status in turn, then with 200. */
async function receiver(answers: (readonly [status: number, headers?: Record<string, string>, body?: string])[] = []) {
  const received: Received[] = []
  const server = createServer((request, response) => {
    const stream = request.headers['content-encoding'] === 'gzip' ? request.pipe(createGunzip()) : request
    void text(stream).then((sent) => {
      received.push({ url: request.url ?? '', headers: request.headers, body: sent })
      const [status, headers = {}, body = ''] = answers.shift() ?? [200]
      if (status !== 0) response.writeHead(status, headers).end(body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { received, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

describe('httpSink', () => {
  test('posts lines of JSON, compressed', async () => {
    const { received, url } = await receiver()
    const sink = httpSink({ url: `${url}/events?a=1`, headers: { authorization: 'Bearer x', 'Content-Type': 'text/plain' } })
    await send(sink)
    expect(sink.name).toBe(url)
    expect(received).toHaveLength(1)
    expect(received[0]).toMatchObject({
      url: '/events?a=1',
      headers: {
        authorization: 'Bearer x',
        'content-type': 'application/x-ndjson',
        'content-encoding': 'gzip',
        'sluice-topic': 'sluice.usage.v1',
      },
    })
    const lines = received[0]?.body.trimEnd().split('\n') ?? []
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(batch.events)
  })

  test('posts each topic to its own URL, and uncompressed if it is asked to', async () => {
    const { received, url } = await receiver()
    const sink = httpSink({ url: { decisions: `${url}/decisions`, usage: new URL('/usage', url) }, gzip: false })
    await send(sink)
    await sink.send({ topic: 'sluice.decisions.v1', events: [] }, new AbortController().signal)
    expect(received.map((each) => each.url)).toEqual(['/usage', '/decisions'])
    expect(received[0]?.headers['content-encoding']).toBeUndefined()
  })

  test.each([
    [400, true],
    [401, false],
    [404, false],
    [408, false],
    [413, true],
    [415, true],
    [422, true],
    [429, false],
    [500, false],
    [503, false],
  ])('a status of %d: the batch is refused for good: %s', async (status, isFinal) => {
    const { url } = await receiver([[status, {}, ' why \n']])
    await expect(send(httpSink({ url }))).rejects.toMatchObject({ message: `status ${status}: why`, isFinal, retryAfter: undefined })
  })

  test('hears Retry-After in seconds, and follows no redirection', async () => {
    const later = await receiver([
      [503, { 'retry-after': '7' }],
      [503, { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' }],
      [302, { location: '/elsewhere' }],
    ])
    const sink = httpSink({ url: later.url })
    await expect(send(sink)).rejects.toMatchObject({ retryAfter: 7_000 })
    await expect(send(sink)).rejects.toMatchObject({ retryAfter: undefined })
    await expect(send(sink)).rejects.toThrow('status 302')
    expect(later.received).toHaveLength(3)
  })

  test('ends a request that nobody waits for', async () => {
    const { url, received } = await receiver([[0]])
    const controller = new AbortController()
    const sending = send(httpSink({ url }), controller.signal)
    await expect.poll(() => received.length).toBe(1)
    controller.abort(new Error('given up'))
    await expect(sending).rejects.toThrow('given up')
  })

  test.each([
    [{ url: 'sluice' }, /httpSink: url: expected a URL that begins with http, got the string "sluice"/],
    [{ url: 'ftp://localhost' }, /a URL that begins with http/],
    [
      { url: 'http://user:password@localhost/a' },
      /a URL without user and password, which belong into headers, got the string "http:\/\/localhost"/,
    ],
    [{ url: { decisions: 'http://localhost' } }, /a URL that begins with http, got undefined/],
    [{ url: { decision: 'http://localhost' } }, /"decision" is not an option; use decisions/],
    [{ url: 'http://localhost', gzip: 'yes' }, /httpSink: gzip: expected true or false/],
    [{ url: 'http://localhost', retries: 3 }, /"retries" is not an option/],
  ])('%o is refused', (options, message) => {
    expect(() => httpSink(options as never)).toThrow(message)
  })
})

describe('jsonLines', () => {
  const parsed = (lines: string): unknown =>
    lines
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown)
  const expected = batch.events.map((event) => ({ topic: 'sluice.usage.v1', ...event }))

  test('appends to a file that only its owner can read, also after it was renamed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-events-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'events.jsonl')
    const sink = jsonLines(file)
    await send(sink)
    await send(sink)
    renameSync(file, `${file}.1`)
    await send(sink)
    expect(parsed(readFileSync(`${file}.1`, 'utf8'))).toEqual([...expected, ...expected])
    expect(parsed(readFileSync(file, 'utf8'))).toEqual(expected)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    await expect(send(jsonLines(join(folder, 'missing', 'events.jsonl')))).rejects.toThrow('ENOENT')
  })

  test('writes to a stream, and answers when it has written', async () => {
    const written: string[] = []
    const stream = new Writable({
      write(chunk, _, done) {
        setImmediate(() => {
          written.push(String(chunk))
          done()
        })
      },
    })
    await send(jsonLines(stream))
    expect(parsed(written.join(''))).toEqual(expected)
  })

  test('an error of the stream fails the batch, and does not end the process', async () => {
    const stream = new Writable({ write: (_, __, done) => done(new Error('no space')) })
    const sink = jsonLines(stream)
    await expect(send(sink)).rejects.toThrow('no space')
    await expect(send(sink)).rejects.toThrow('destroyed')
  })

  test.each([[''], [undefined], [{}]])('%o is refused', (target) => {
    expect(() => jsonLines(target as never)).toThrow(/jsonLines: expected the path of a file, or a stream/)
  })
})
