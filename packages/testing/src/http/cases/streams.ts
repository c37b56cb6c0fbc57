import { concurrency, fixedWindow } from '@sluice/core'
import type { Route, Stage } from '../adapter.ts'
import { admitted, type HttpCase, left, problem, refused } from '../case.ts'

const slots = (limit: number, ttl: '90ms' | '1m' = '1m') => concurrency({ name: 'slots', limit, ttl })
const policy = '"slots";q=1;qu="concurrent-requests"'
const busy = refused(policy, '"slots";r=0', [1, 0, 1], 1)

/** Sends `one`, and `two` when the case opens the gate. */
function streaming(stage: Stage): Route {
  const parts = async function* () {
    yield 'one'
    await stage.gate('stream')
    yield 'two'
  }
  return { path: '/stream', answer: () => ({ stream: parts() }) }
}

/** Responses whose body takes its time. */
export const streamCases: readonly HttpCase[] = [
  {
    name: 'trap: streaming bodies hold their concurrency until they end',
    scene: (stage) => ({ use: [stage.limits({ limits: [slots(1)] })], routes: [streaming(stage)] }),
    async run(t) {
      const response = await t.stream({ path: '/stream' })
      t.answers({ ...response, body: '' }, 200, admitted(policy, '"slots";r=0', [1, 0, 1]))
      await t.until(() => response.text() === 'one')
      t.answers(await t.get(), 429, busy, problem('slots', '1 request at once', 1))
      t.is((await t.heard()).changes.includes('back 1'), false)
      await t.open('stream')
      await t.until(() => response.ended())
      t.is(response.text(), 'onetwo')
      await t.changed('back 1')
      t.is((await t.get()).status, 200)
    },
  },
  {
    name: 'trap: streaming bodies release their concurrency when the client goes away',
    scene: (stage) => ({ use: [stage.limits({ limits: [slots(1)] })], routes: [streaming(stage)] }),
    async run(t) {
      const response = await t.stream({ path: '/stream' })
      await t.until(() => response.text() === 'one')
      t.is((await t.get()).status, 429)
      response.destroy()
      await t.changed('back 1')
      t.is((await t.get()).status, 200)
      await t.changed('back 1', 2)
    },
  },
  {
    name: 'concurrency is renewed for as long as the body streams',
    scene: (stage) => ({ use: [stage.limits({ limits: [slots(1, '90ms')] })], routes: [streaming(stage)] }),
    async run(t) {
      const response = await t.stream({ path: '/stream' })
      const renewals = async () => (await t.heard()).changes.filter((change) => change === 'renew').length
      for (const _ of [1, 2, 3]) {
        await t.advance(60)
        // Two: the first may have been under way before the clock moved.
        const before = await renewals()
        await t.until(async () => (await renewals()) >= before + 2)
        t.is((await t.get()).status, 429, 'still held')
      }
      await t.open('stream')
      await t.until(() => response.ended())
      await t.changed('back 1')
      const after = await renewals()
      t.is((await t.get()).status, 200)
      await t.changed('back 1', 2)
      t.is(await renewals(), after, 'an ended response renews nothing')
    },
  },
  {
    name: 'a streamed response is refunded by its status only once it has ended',
    scene: (stage) => ({
      use: [
        stage.limits({
          limits: [fixedWindow({ name: 'minute', limit: 2, window: '1m' })],
          refundWhen(c, { status }) {
            stage.note(`ended ${status}`)
            return stage.read.path(c) === '/stream'
          },
        }),
      ],
      routes: [streaming(stage)],
    }),
    async run(t) {
      const response = await t.stream({ path: '/stream' })
      await t.until(() => response.text() === 'one')
      t.is((await t.heard()).notes, [])
      t.is(left(await t.get()), 0)
      await t.open('stream')
      await t.until(() => response.ended())
      await t.changed('back 1')
      t.is((await t.heard()).notes, ['ended 200', 'ended 200'])
      t.is(left(await t.get()), 0, 'one given back, and taken again')
    },
  },
]
