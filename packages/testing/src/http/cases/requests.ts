import { concurrency, fixedWindow, leakyBucket, systemClock } from '@sluice/core'
import type { Answer, Route, Fixture } from '../adapter.ts'
import { allowedLines, type HttpCase, remainingOf, problemBody, refusedLines, statuses } from '../case.ts'

const minute = (limit: number) => fixedWindow({ name: 'minute', limit, window: '1m' })
const policy = '"minute";q=2;w=60'
const first = allowedLines(policy, '"minute";r=1;t=60', [2, 1, 60])
const second = allowedLines(policy, '"minute";r=0;t=60', [2, 0, 60])
const third = refusedLines(policy, '"minute";r=0;t=60', [2, 0, 60], 60)
const body = problemBody('minute', '2 units per 60 seconds', 60)

/** A path that fails or does not exist counts like any other, and its responses have the headers. */
function counted(
  name: string,
  status: number,
  path: string,
  answer: (() => Answer | Promise<Answer>) | undefined,
  error?: string,
): HttpCase {
  return {
    name,
    app: (fixture) => ({
      use: [fixture.limits({ limits: [minute(2)] })],
      routes: answer === undefined ? [] : [{ path, answer }],
    }),
    async run(t) {
      t.answers(await t.get(path), status, first)
      t.answers(await t.get(path), status, second)
      t.answers(await t.get(path), 429, third, body)
      if (error !== undefined) t.errors(error, error)
    },
  }
}

const boom = (status?: number) => Object.assign(new Error('boom'), status === undefined ? {} : { status })

/** A route whose handler notes `late` when it is called, and answers when the gate `late` opens. */
export function late(fixture: Fixture, path = '/late', status = 200): Route {
  return {
    path,
    async answer() {
      fixture.note('late')
      await fixture.gate('late')
      return { status, json: { late: true } }
    },
  }
}

/** Kinds of requests and responses that a limiter must count, or must not count. */
export const requestCases: readonly HttpCase[] = [
  counted('trap: responses of 404 are counted', 404, '/nowhere', undefined),
  counted(
    'trap: a handler that throws: the framework answers, the headers stay, the request counts',
    500,
    '/throw',
    () => {
      throw boom()
    },
    'boom',
  ),
  counted(
    'a handler that rejects: the framework answers, the headers stay, the request counts',
    500,
    '/reject',
    () => Promise.reject(boom()),
    'boom',
  ),
  counted(
    "the framework's own HTTP exception: its status is sent, and the headers stay",
    418,
    '/teapot',
    () => {
      throw boom(418)
    },
    'boom',
  ),
  {
    name: "a response without the framework's helpers has the headers",
    app: (fixture) => ({
      use: [fixture.limits({ limits: [minute(2)] })],
      routes: [{ path: '/raw', answer: () => ({ status: 203, headers: { 'x-raw': '1' }, raw: 'raw' }) }],
    }),
    async run(t) {
      t.answers(await t.get('/raw'), 203, first, 'raw')
    },
  },
  {
    name: 'trap: HEAD is counted and has headers without a body, allowed or refused',
    app: (fixture) => ({ use: [fixture.limits({ limits: [minute(2)] })] }),
    async run(t) {
      const head = async () => {
        const text = await t.bytes('HEAD / HTTP/1.1\r\nHost: sluice.test\r\nConnection: close\r\n\r\n')
        const end = text.indexOf('\r\n\r\n')
        t.is(text.slice(end + 4), '', 'no body')
        return text.slice(0, end).toLowerCase()
      }
      for (const lines of [first, second, third]) {
        const text = await head()
        t.is(text.startsWith(`http/1.1 ${lines === third ? 429 : 200} `), true, text)
        for (const line of lines) t.is(text.includes(`\r\n${line}`), true, line)
      }
    },
  },
  {
    name: 'trap: preflights are skipped; any other OPTIONS is counted',
    app: (fixture) => ({
      use: [fixture.limits({ limits: [minute(2)] })],
      routes: [{ method: 'OPTIONS', path: '/', answer: () => ({ status: 200, json: { ok: true } }) }],
    }),
    async run(t) {
      const preflight = { method: 'OPTIONS', headers: [['Access-Control-Request-Method', 'PUT']] } as const
      t.answers(await t.send(preflight), 200, [])
      t.answers(await t.send({ method: 'OPTIONS' }), 200, first)
      t.answers(await t.send({ method: 'OPTIONS', headers: [['Access-Control-Request-Method', '']] }), 200, second)
      t.answers(await t.send({ method: 'OPTIONS' }), 429, third, body)
      t.answers(await t.send(preflight), 200, [])
    },
  },
  {
    name: 'trap: an aborted request is charged once, and not refunded by a status that was never sent',
    app: (fixture) => ({
      use: [fixture.limits({ limits: [minute(3), concurrency({ name: 'slots', limit: 5, ttl: '1m' })], refundWhen: () => true })],
      routes: [late(fixture)],
    }),
    async run(t) {
      const abort = t.sendAbortable({ path: '/late' })
      await t.until(async () => (await t.log()).notes.includes('late'))
      abort()
      await t.settled('refund 1')
      await t.open('late')
      t.is((await t.log()).changes, ['refund 1'], 'only the slot was released')
      t.is(remainingOf(await t.get()), 1)
      await t.settled('refund 1', 3)
    },
  },
  {
    name: 'concurrency is held until the handler has answered, with any status',
    app: (fixture) => ({
      use: [fixture.limits({ limits: [concurrency({ name: 'slots', limit: 1, ttl: '1m' })] })],
      routes: [
        late(fixture),
        {
          path: '/throw',
          answer: () => {
            throw boom()
          },
        },
      ],
    }),
    async run(t) {
      const held = t.get('/late')
      await t.until(async () => (await t.log()).notes.includes('late'))
      const busy = '"slots";q=1;qu="concurrent-requests"'
      t.answers(await t.get(), 429, refusedLines(busy, '"slots";r=0', [1, 0, 1], 1), problemBody('slots', '1 request at once', 1))
      await t.open('late')
      t.answers(await held, 200, allowedLines(busy, '"slots";r=0', [1, 0, 1]), '{"late":true}')
      await t.settled('refund 1', 1)
      t.is((await t.get('/nowhere')).status, 404)
      await t.settled('refund 1', 2)
      t.is((await t.get('/throw')).status, 500)
      await t.settled('refund 1', 3)
      t.is((await t.get()).status, 200)
      t.errors('boom')
    },
  },
  {
    name: 'trap: an aborted request releases its concurrency before the handler answers',
    app: (fixture) => ({
      use: [fixture.limits({ limits: [concurrency({ name: 'slots', limit: 1, ttl: '1m' })] })],
      routes: [late(fixture)],
    }),
    async run(t) {
      const abort = t.sendAbortable({ path: '/late' })
      await t.until(async () => (await t.log()).notes.includes('late'))
      t.is((await t.get()).status, 429)
      abort()
      await t.settled('refund 1')
      t.is((await t.get()).status, 200)
      // The holder that the late answer could release belongs to another request by now.
      await t.open('late')
      await t.settled('refund 1', 2)
    },
  },
  {
    name: 'a queue delays a request by the delay of its decision',
    app: (fixture) => ({
      use: [fixture.limits({ limits: [leakyBucket({ name: 'pace', limit: 25, window: '1s', queue: true })] })],
      routes: [
        {
          path: '/queued',
          answer: ({ decision }) => ({ json: { delay: decision?.delay } }),
        },
      ],
    }),
    async run(t) {
      for (const delay of [0, 40, 80]) {
        const before = systemClock.monotonic()
        const { status, body: text } = await t.get('/queued')
        t.is([status, text], [200, `{"delay":${delay}}`])
        // Timers count whole milliseconds.
        t.is(systemClock.monotonic() - before >= delay - 1, true, 'the delay has passed')
      }
    },
  },
  {
    name: 'an aborted request in a queue releases its concurrency, and its handler never runs',
    app: (fixture) => ({
      use: [
        fixture.limits({
          limits: [leakyBucket({ name: 'pace', limit: 3, window: '1s', queue: true }), concurrency({ name: 'slots', limit: 1, ttl: '1m' })],
          cost(c) {
            fixture.note(`cost ${fixture.read.path(c)}`)
            return 1
          },
        }),
      ],
      routes: [late(fixture)],
    }),
    async run(t) {
      t.is((await t.get()).status, 200)
      await t.settled('refund 1', 1)
      const abort = t.sendAbortable({ path: '/late' })
      await t.until(async () => (await t.log()).notes.includes('cost /late'))
      t.is((await t.get()).status, 429, 'the queued request has the only slot')
      abort()
      await t.settled('refund 1', 2)
      // This request was queued behind it, so the delay of the aborted one has passed.
      t.is((await t.get()).status, 200)
      t.is((await t.log()).notes.includes('late'), false)
    },
  },
  {
    name: 'writes nothing after the head of the response was sent, and a refused request reaches no handler',
    requires: ['early response head'],
    app: (fixture) => ({
      early: () => fixture.gate('early'),
      use: [fixture.limits({ limits: [minute(1)], on: { decision: () => fixture.note('decided') } })],
      routes: [
        {
          path: '/early',
          answer() {
            fixture.note('reached')
            return {}
          },
        },
      ],
    }),
    async run(t) {
      const times = async (what: string) => (await t.log()).notes.filter((note) => note === what).length
      // The response stays open until the first request is decided. With a store on the network it would end earlier, and a
      // framework may drop a request that is already answered.
      const first = t.get('/early')
      await t.until(async () => (await times('decided')) === 1 && (await times('reached')) === 1)
      await t.open('early')
      t.answers(await first, 200, [], 'early')
      t.answers(await t.get('/early'), 200, [], 'early')
      await t.until(async () => (await times('decided')) === 2)
      t.is(await times('reached'), 1)
    },
  },
  {
    name: 'concurrent requests: exactly the limit is admitted',
    app: (fixture) => ({ use: [fixture.limits({ limits: [minute(10)] })] }),
    async run(t) {
      const all = await Promise.all(Array.from({ length: 30 }, () => t.get()))
      t.is(all.filter(({ status }) => status === 200).length, 10)
      t.is(
        all
          .filter(({ status }) => status === 200)
          .map(remainingOf)
          .toSorted((a, b) => a - b),
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
      )
      t.is(await statuses(2, () => t.get()), [429, 429])
    },
  },
]
