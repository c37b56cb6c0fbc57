import type { IncomingMessage, ServerResponse } from 'node:http'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { httpSource, type HttpSourceOptions, policyFeed, type PolicyFeed } from '../src/index.ts'
import { Control, event } from './control-service.ts'
import { withPolicy } from './documents.ts'
import { testServer } from './http-server.ts'

const revision = (number: number, namespace = 'shop'): string =>
  withPolicy('').replace('revision: 7', `revision: ${number}`).replace('namespace: shop', `namespace: ${namespace}`)

let control: Control
let warnings: { code: string; message: string }[]
let changes: number[]
beforeEach(async () => {
  control = new Control(await testServer())
  control.put('shop', revision(1))
  warnings = []
  changes = []
})

const codes = (): readonly string[] => warnings.map(({ code }) => code)
/** The ids from which the streams were asked for. */
const since = (): readonly unknown[] => control.server.asked.map(({ headers }) => headers['last-event-id'])

async function followed(options: HttpSourceOptions = {}): Promise<PolicyFeed> {
  const feed = await policyFeed({
    source: httpSource(`${control.server.url}/v1/policies`, options),
    // A busy machine needs longer than an application would wait.
    startTimeout: 20_000,
    on: { warning: (warning) => warnings.push(warning), change: ({ document }) => changes.push(document.revision) },
  })
  onTestFinished(() => feed.close())
  return feed
}

async function listening(options?: HttpSourceOptions): Promise<PolicyFeed> {
  const feed = await followed(options)
  await listens()
  return feed
}

/** Waits until the feed watches: its stream of the load has ended, and the next one goes on from an id. */
async function listens(): Promise<void> {
  await vi.waitFor(() => expect(since().at(-1)).toBeDefined(), 20_000)
  await vi.waitFor(() => expect(control.server.streams.size).toBe(1), 20_000)
}

async function holds(feed: PolicyFeed, number: number, namespace = 'shop'): Promise<void> {
  await vi.waitFor(() => expect(feed.document(namespace)?.revision).toBe(number), 20_000)
}

describe('changes', () => {
  test('come as they happen, of each document', async () => {
    control.put('other', revision(3, 'other'))
    const feed = await listening()
    expect(feed.namespaces).toEqual(['shop', 'other'])
    expect(since()).toEqual([undefined, '2'])
    const at = feed.health().namespaces[0]?.confirmedAt ?? 0
    control.put('shop', revision(2))
    control.put('other', revision(4, 'other'))
    await holds(feed, 2)
    await holds(feed, 4, 'other')
    await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(at))
    control.progress()
    await vi.waitFor(() => expect(feed.health().namespaces[0]?.confirmedAt).toBeGreaterThan(at), 20_000)
    expect(control.server.asked).toHaveLength(2)
    expect(warnings).toEqual([])
  })

  test('between the load and the watch are not lost', async () => {
    control.before = (id) => {
      if (id !== undefined) control.put('shop', revision(2))
      control.before = id === undefined ? control.before : undefined
    }
    const feed = await followed()
    await holds(feed, 2)
    expect(since()).toEqual([undefined, '1'])
  })

  test('that the server remembers no more are loaded again', async () => {
    control.remembers = 2
    control.before = (id) => {
      if (id === undefined) return
      control.before = undefined
      for (let i = 2; i <= 6; i++) control.put(i === 2 ? 'shop' : 'other', revision(i, i === 2 ? 'shop' : 'other'))
    }
    const feed = await followed()
    await holds(feed, 2)
    await holds(feed, 6, 'other')
    control.put('shop', revision(7))
    await holds(feed, 7)
  })

  test('a server that restarts with lower ids is loaded again', async () => {
    const feed = await listening()
    for (let i = 2; i <= 5; i++) control.put('shop', revision(i))
    await holds(feed, 5)
    const { server } = control
    await server.stop()
    await vi.waitFor(() => expect(feed.health().source).toBe('away'), 20_000)
    control = new Control(server)
    control.put('shop', revision(6))
    await server.start()
    await holds(feed, 6)
  })

  test('twice, in another order, lower, and forked end at the highest revision', async () => {
    await listening()
    for (const number of [3, 2, 3, 5, 4, 5]) control.put('shop', revision(number))
    control.put('shop', `${revision(5)}# other\n`)
    await vi.waitFor(() => expect(codes()).toContain('ANOMALY_POLICY_FORK'), 20_000)
    expect(changes).toEqual([1, 3, 5])
    expect(codes()).toContain('WARN_POLICY_STALE')
    expect(control.server.asked).toHaveLength(2)
  })

  test('"missing" removes nothing; deleted: true does', async () => {
    const feed = await listening()
    control.put('shop', undefined)
    await vi.waitFor(() => expect(codes()).toEqual(['WARN_POLICY_MISSING']), 20_000)
    await feed.refresh()
    expect(feed.document('shop')).toMatchObject({ revision: 1, policies: [{ name: 'api' }] })
    control.put('shop', 'apiVersion: sluice/v1\nnamespace: shop\nrevision: 2\ndeleted: true\n')
    await holds(feed, 2)
    expect(feed.document('shop')?.deleted).toBe(true)
  })

  test('a poisoned document is refused, and the stream goes on', async () => {
    control.put('other', revision(1, 'other'))
    const feed = await listening()
    control.put('shop', revision(2).slice(0, 300))
    control.put('other', `${revision(2, 'other')}#${' '.repeat(2 ** 20)}`)
    control.put('other', revision(3, 'other'))
    await holds(feed, 3, 'other')
    expect(codes()).toEqual(['ERR_POLICY_INVALID', 'ERR_POLICY_INVALID'])
    expect(feed.document('shop')?.revision).toBe(1)
    expect(control.server.asked).toHaveLength(2)
  })

  test('unknown events and comments are passed over', async () => {
    const feed = await listening()
    control.raw(': alive\n\nevent: later\ndata: {}\n\n')
    control.put('shop', revision(2))
    await holds(feed, 2)
    expect(control.server.asked).toHaveLength(2)
  })
})

describe('a stream', () => {
  test.each([
    ['no JSON', 'event: put\ndata: {\n\n'],
    ['no key', 'event: put\ndata: {"text":""}\n\n'],
    ['no text', 'event: put\ndata: {"key":"shop"}\n\n'],
    ['an event of nothing', 'event: missing\ndata: null\n\n'],
    ['an event without an end', `data: ${'a'.repeat(5 * 2 ** 20)}`],
  ])('with %s is opened again', async (_, text) => {
    const feed = await listening()
    control.raw(text)
    await vi.waitFor(() => expect(codes()).toContain('WARN_POLICY_SOURCE'), 20_000)
    control.put('shop', revision(2))
    await holds(feed, 2)
  })

  test('that is cut within an event loses nothing', async () => {
    const feed = await listening()
    for (let number = 2; number <= 4; number++) {
      await listens()
      control.documents.set('shop', revision(number))
      const half = event('put', 90, { key: 'shop', text: revision(90) }).slice(0, -1)
      for (const stream of control.server.streams) {
        stream.write(half)
        stream.socket?.destroySoon()
      }
      await holds(feed, number)
    }
    expect(changes).toEqual([1, 2, 3, 4])
  })

  test('that the server ends is opened again, without a warning', async () => {
    const feed = await listening()
    for (const stream of control.server.streams) stream.end()
    await vi.waitFor(() => expect(control.server.asked.length).toBeGreaterThan(2), 20_000)
    control.put('shop', revision(2))
    await holds(feed, 2)
    expect(warnings).toEqual([])
  })

  test('that is silent is opened again', async () => {
    const feed = await listening({ idleTimeout: 300 })
    // As when the network has lost the connection, and neither side knows.
    control.documents.set('shop', revision(2))
    await holds(feed, 2)
    expect(warnings[0]?.message).toContain('the stream was silent for 300 ms')
  })

  test('in which only comments come stays open', async () => {
    await listening({ idleTimeout: 600 })
    for (let i = 0; i < 12; i++) {
      control.raw(': alive\n\n')
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    expect(control.server.asked).toHaveLength(2)
    expect(warnings).toEqual([])
  })

  test('that ends before all documents came is no answer', async () => {
    control.server.answer = (_, response) =>
      void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(event('put', 1, { key: 'shop', text: revision(1) }))
    const started = policyFeed({ source: httpSource(control.server.url), startTimeout: 1_000, on: { warning: () => undefined } })
    await expect(started).rejects.toThrow('the stream ended before all documents had come')
  })

  test('is closed with the feed', async () => {
    const feed = await listening()
    await feed.close()
    await vi.waitFor(() => expect(control.server.streams.size).toBe(0), 20_000)
  })
})

test('a server may change from one document to events, and back', async () => {
  const { server } = control
  const events = server.answer
  const file = (_: IncomingMessage, response: ServerResponse): void => void response.end(control.documents.get('shop'))
  server.answer = file
  const feed = await followed({ interval: 100 })
  await vi.waitFor(() => expect(server.asked.length).toBeGreaterThan(2), 20_000)
  // A server with events may ignore what the request accepts.
  server.answer = events
  await vi.waitFor(() => expect(since().at(-1)).toBe('1'), 20_000)
  control.put('shop', revision(2))
  await holds(feed, 2)
  server.answer = file
  for (const stream of server.streams) stream.end()
  control.documents.set('shop', revision(3))
  await vi.waitFor(() => expect(feed.document('shop')?.revision).toBe(3), 20_000)
})
