import { concurrency, fixedWindow } from '@sluice/core'
import type { Route, Fixture } from '../adapter.ts'
import { allowedLines, type HttpCase, remainingOf, problemBody, refusedLines } from '../case.ts'

const slots = (limit: number, ttl: '90ms' | '1m' = '1m') => concurrency({ name: 'slots', limit, ttl })
const policy = '"slots";q=1;qu="concurrent-requests"'
const busy = refusedLines(policy, '"slots";r=0', [1, 0, 1], 1)

/** A route that sends `one`, then `two` when the gate `stream` opens. */
function streaming(fixture: Fixture): Route {
  const parts = async function* () {
    yield 'one'
    await fixture.gate('stream')
    yield 'two'
  }
  return { path: '/stream', answer: () => ({ stream: parts() }) }
}

/** Responses with a slow body. */
export const streamCases: readonly HttpCase[] = [
  {
    name: 'trap: a streaming body holds its concurrency until it ends',
    app: (fixture) => ({ use: [fixture.limits({ limits: [slots(1)] })], routes: [streaming(fixture)] }),
    async run(t) {
      const response = await t.stream({ path: '/stream' })
      t.answers({ ...response, body: '' }, 200, allowedLines(policy, '"slots";r=0', [1, 0, 1]))
      await t.until(() => response.text() === 'one')
      t.answers(await t.get(), 429, busy, problemBody('slots', '1 request at once', 1))
      t.is((await t.log()).changes.includes('refund 1'), false)
      await t.open('stream')
      await t.until(() => response.ended())
      t.is(response.text(), 'onetwo')
      await t.settled('refund 1')
      t.is((await t.get()).status, 200)
    },
  },
  {
    name: 'trap: a streaming body releases its concurrency when the client disconnects',
    app: (fixture) => ({ use: [fixture.limits({ limits: [slots(1)] })], routes: [streaming(fixture)] }),
    async run(t) {
      const response = await t.stream({ path: '/stream' })
      await t.until(() => response.text() === 'one')
      t.is((await t.get()).status, 429)
      response.abort()
      await t.settled('refund 1')
      t.is((await t.get()).status, 200)
      await t.settled('refund 1', 2)
    },
  },
  {
    name: 'concurrency is renewed while the body streams',
    app: (fixture) => ({ use: [fixture.limits({ limits: [slots(1, '90ms')] })], routes: [streaming(fixture)] }),
    async run(t) {
      const response = await t.stream({ path: '/stream' })
      const renewals = async () => (await t.log()).changes.filter((change) => change === 'renew').length
      for (const _ of [1, 2, 3]) {
        await t.advance(60)
        // Two renewals, since the first may have started before the clock moved.
        const before = await renewals()
        await t.until(async () => (await renewals()) >= before + 2)
        t.is((await t.get()).status, 429, 'still held')
      }
      await t.open('stream')
      await t.until(() => response.ended())
      await t.settled('refund 1')
      const after = await renewals()
      t.is((await t.get()).status, 200)
      await t.settled('refund 1', 2)
      t.is(await renewals(), after, 'an ended response renews nothing')
    },
  },
  {
    name: 'refundWhen is called for a streamed response when it has ended',
    app: (fixture) => ({
      use: [
        fixture.limits({
          limits: [fixedWindow({ name: 'minute', limit: 2, window: '1m' })],
          refundWhen(c, { status }) {
            fixture.note(`ended ${status}`)
            return fixture.read.path(c) === '/stream'
          },
        }),
      ],
      routes: [streaming(fixture)],
    }),
    async run(t) {
      const response = await t.stream({ path: '/stream' })
      await t.until(() => response.text() === 'one')
      t.is((await t.log()).notes, [])
      t.is(remainingOf(await t.get()), 0)
      await t.open('stream')
      await t.until(() => response.ended())
      await t.settled('refund 1')
      t.is((await t.log()).notes, ['ended 200', 'ended 200'])
      t.is(remainingOf(await t.get()), 0, 'one unit refunded, and charged again')
    },
  },
]
