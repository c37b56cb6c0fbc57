import { concurrency, fixedWindow, header, leakyBucket } from '@sluice/core'
import type { AppParts, Fixture, Mount, Route } from '../adapter.ts'
import { allowedLines, type CaseClient, type HttpCase, problemBody, refusedLines } from '../case.ts'

const minute = (limit: number) => fixedWindow({ name: 'minute', limit, window: '1m' })
const slots = (limit: number) => concurrency({ name: 'slots', limit, ttl: '1m' })
const ANN = [['X-User', 'ann']] as const

/** The same case over HTTP/1.1 and over HTTP/2, where Node reports the end of a response by other fields. */
function overBoth(name: string, app: (fixture: Fixture) => AppParts, run: (t: CaseClient) => Promise<void>): readonly HttpCase[] {
  return [
    { name, app, run },
    { name: `HTTP/2: ${name}`, requires: ['HTTP/2'], app: (fixture) => ({ ...app(fixture), http2: true }), run },
  ]
}

/**
 * Two limiters. The second decides when the gate `decide` opens; until then, the release of the first one's concurrency shows
 * that the server has noticed an abort.
 */
function decidesLate(fixture: Fixture, options: Mount): AppParts {
  const late: Route = { path: '/late', answer: () => (fixture.note('handler'), { json: { ok: true } }) }
  const skip = async (c: unknown) => {
    if (fixture.read.path(c) !== '/late') return false
    fixture.note('deciding')
    await fixture.gate('decide')
    return false
  }
  return {
    use: [fixture.limits({ name: 'first', limits: [slots(9)] }), fixture.limits({ name: 'second', skip, ...options })],
    routes: [late],
  }
}

async function abortWhileDeciding(t: CaseClient, refunds: number): Promise<void> {
  const abort = t.sendAbortable({ path: '/late', headers: ANN })
  await t.until(async () => (await t.log()).notes.includes('deciding'))
  abort()
  await t.settled('refund 1', refunds)
  await t.open('decide')
}

/** Sends `one`, and `two` when the case opens the gate. */
function streaming(fixture: Fixture): Route {
  const parts = async function* () {
    yield 'one'
    await fixture.gate('stream')
    yield 'two'
  }
  return { path: '/stream', answer: () => ({ stream: parts() }) }
}

/** Clients that leave before they have the whole response. */
export const abortCases: readonly HttpCase[] = [
  ...overBoth(
    'a response that was cut off is not refunded, and frees its concurrency',
    (fixture) => ({
      use: [fixture.limits({ limits: [minute(3), slots(5)], refundWhen: () => true })],
      routes: [streaming(fixture)],
    }),
    async (t) => {
      const response = await t.stream({ path: '/stream' })
      await t.until(() => response.text() === 'one')
      response.abort()
      await t.settled('refund 1')
      await t.open('stream')
      t.is((await t.log()).changes, ['refund 1'], 'only the slot was released')
      const policy = '"minute";q=3;w=60, "slots";q=5;qu="concurrent-requests"'
      t.answers(await t.get(), 200, allowedLines(policy, '"minute";r=1;t=60, "slots";r=4', [3, 1, 60]))
      await t.settled('refund 1', 3)
    },
  ),
  ...overBoth(
    'a client that leaves before its request is decided frees its concurrency',
    (fixture) => decidesLate(fixture, { limits: [slots(1)], key: header('x-user') }),
    async (t) => {
      await abortWhileDeciding(t, 1)
      // workerd ends the request there, so that it is never charged.
      await t.until(async () => (await t.send({ headers: ANN })).status === 200)
    },
  ),
  ...overBoth(
    'a client that leaves before its queued request is decided: its handler never runs',
    (fixture) =>
      decidesLate(fixture, { limits: [leakyBucket({ name: 'pace', limit: 4, window: '1s', queue: true })], key: header('x-user') }),
    async (t) => {
      t.is((await t.send({ headers: ANN })).status, 200)
      await t.settled('refund 1', 1)
      await abortWhileDeciding(t, 2)
      // Queued behind it, so by now its delay is over.
      t.is((await t.send({ headers: ANN })).status, 200)
      t.is((await t.log()).notes, ['deciding'])
    },
  ),
  ...overBoth(
    'a client that leaves before its address is read causes no error',
    (fixture) => decidesLate(fixture, { limits: [minute(9)] }),
    async (t) => {
      await abortWhileDeciding(t, 1)
      t.is((await t.get()).status, 200)
    },
  ),
  {
    name: 'HTTP/2: a request is answered and refused as over HTTP/1.1',
    requires: ['HTTP/2'],
    app: (fixture) => ({ http2: true, use: [fixture.limits({ limits: [minute(1)] })] }),
    async run(t) {
      const policy = '"minute";q=1;w=60'
      t.answers(await t.get(), 200, allowedLines(policy, '"minute";r=0;t=60', [1, 0, 60]), '{"ok":true}')
      const lines = refusedLines(policy, '"minute";r=0;t=60', [1, 0, 60], 60)
      t.answers(await t.get(), 429, lines, problemBody('minute', '1 unit per 60 seconds', 60))
    },
  },
  {
    name: 'F11: a request for an upgrade that gets an ordinary response frees its concurrency',
    app: (fixture) => ({ use: [fixture.limits({ limits: [slots(1)] })] }),
    async run(t) {
      const upgrade =
        'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2x1aWNlc2x1aWNlc2x1aQ=='
      for (const i of [1, 2]) {
        const end = t.bytesAbortable(`GET / HTTP/1.1\r\nHost: sluice.test\r\n${upgrade}\r\n\r\n`)
        await t.settled('refund 1', i)
        end()
      }
      t.is((await t.get()).status, 200)
    },
  },
  {
    name: 'a client that leaves frees the concurrency of its pipelined requests too',
    app: (fixture) => ({
      use: [fixture.limits({ limits: [slots(1)], key: header('x-user') })],
      routes: [
        {
          path: '/late',
          async answer() {
            fixture.note('handler')
            await fixture.gate('late')
            return { json: { late: true } }
          },
        },
      ],
    }),
    async run(t) {
      const late = (user: string) => `GET /late HTTP/1.1\r\nHost: sluice.test\r\nX-User: ${user}\r\n\r\n`
      const abort = t.bytesAbortable(late('ann') + late('bob'))
      // Some runtimes read the second request only when they have answered the first.
      await t.until(async () => (await t.log()).notes.length > 0)
      abort()
      await t.settled('refund 1')
      for (const user of ['ann', 'bob']) {
        const free = async () => (await t.send({ headers: [['X-User', user]] })).status === 200
        await t.until(free)
      }
    },
  },
]
