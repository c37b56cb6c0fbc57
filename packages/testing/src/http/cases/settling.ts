import { fixedWindow } from '@sluice/core'
import type { Mount, Route } from '../adapter.ts'
import { type HttpCase, remainingOf } from '../case.ts'
import { late } from './requests.ts'

const minute = (limit: number) => fixedWindow({ name: 'minute', limit, window: '1m' })

const fail: Route = { path: '/fail', answer: () => ({ status: 401, json: { ok: false } }) }
/** A route that reports its actual cost in a header. */
const used = (units: number | string): Route => ({
  path: `/used/${units}`,
  answer: () => ({ headers: { 'x-used': String(units) }, json: { ok: true } }),
})

function refunding(name: string, refundWhen: Mount['refundWhen'], path: string, other: string): HttpCase {
  return {
    name,
    app: (fixture) => ({ use: [fixture.limits({ limits: [minute(5)], refundWhen })], routes: [fail] }),
    async run(t) {
      t.is(remainingOf(await t.get(path)), 4)
      await t.settled('refund 1')
      t.is(remainingOf(await t.get(other)), 4, 'it was refunded')
      t.is(remainingOf(await t.get(other)), 3, 'the other path was not refunded')
      t.is((await t.log()).changes, ['refund 1'])
    },
  }
}

/** An option function that fails after the response: the response and the charge stay, and there is a warning. */
function failing(name: string, options: Mount): HttpCase {
  return {
    name,
    app: (fixture) => ({ use: [fixture.limits({ limits: [minute(5)], ...options })] }),
    async run(t) {
      t.is([remainingOf(await t.get()), remainingOf(await t.get())], [4, 3])
      await t.until(async () => (await t.log()).warnings.length > 0)
      t.warnings('WARN_SETTLE_FAILED')
    },
  }
}

const throwing = () => {
  throw new Error('too late')
}
const rejecting = () => Promise.reject(new Error('too late'))

/** Refunds and settlements after the response. */
export const settlingCases: readonly HttpCase[] = [
  refunding('refundWhen: failures are refunded', (_, { status }) => status >= 400, '/fail', '/'),
  refunding('refundWhen: successes are refunded, async', async (_, { status }) => Promise.resolve(status < 400), '/', '/fail'),
  refunding('refundWhen: a 404 of the framework is refunded too', (_, { status }) => status === 404, '/nowhere', '/fail'),
  {
    name: 'refundWhen: a handler that throws is judged by the status that was sent',
    app: (fixture) => ({
      use: [fixture.limits({ limits: [minute(5)], refundWhen: (_, { status }) => status === 500 })],
      routes: [{ path: '/throw', answer: throwing }],
    }),
    async run(t) {
      t.is(remainingOf(await t.get('/throw')), 4)
      await t.settled('refund 1')
      t.is(remainingOf(await t.get()), 4)
      t.errors('too late')
    },
  },
  {
    name: 'trap: a refund after the window has ended frees nothing in the new window',
    app: (fixture) => ({
      use: [fixture.limits({ limits: [minute(2)], refundWhen: (_, { status }) => status >= 500 })],
      routes: [late(fixture, '/late', 500)],
    }),
    async run(t) {
      const pending = t.get('/late')
      await t.until(async () => (await t.log()).notes.includes('late'))
      await t.advance(60_000)
      t.is([remainingOf(await t.get()), remainingOf(await t.get())], [1, 0])
      await t.open('late')
      t.is((await pending).status, 500)
      await t.settled('refund 1')
      t.is((await t.get()).status, 429, 'the new window keeps its promise')
    },
  },
  {
    name: 'a refused request is not refunded, since it charged nothing',
    app: (fixture) => ({ use: [fixture.limits({ limits: [minute(1)], refundWhen: (_, { status }) => status >= 400 })] }),
    async run(t) {
      t.is([(await t.get()).status, (await t.get()).status, (await t.get()).status], [200, 429, 429])
      t.is((await t.log()).changes, [])
    },
  },
  {
    name: 'settle: a lower cost is refunded, a higher one charged past the limit, by number and by limit',
    app: (fixture) => ({
      use: [
        fixture.limits({
          limits: [minute(20)],
          cost: (c) => (fixture.read.path(c) === '/' ? 0 : 5),
          settle(_, { response }) {
            const units = fixture.read.responseHeader(response, 'x-used')
            if (units === 'record') return { minute: 1 }
            return units === undefined ? 0 : Number(units)
          },
        }),
      ],
      routes: [used(2), used(8), used(5), used(40), used('record'), used('NaN')],
    }),
    async run(t) {
      t.is(remainingOf(await t.get('/used/2')), 15)
      await t.settled('refund 3')
      t.is(remainingOf(await t.get()), 18)
      t.is(remainingOf(await t.get('/used/8')), 13)
      await t.settled('force 3')
      t.is(remainingOf(await t.get()), 10)
      t.is(remainingOf(await t.get('/used/record')), 5)
      await t.settled('refund 4')
      t.is(remainingOf(await t.get()), 9)
      t.is(remainingOf(await t.get('/used/NaN')), 4, 'an invalid cost leaves the charge as it is')
      t.is(remainingOf(await t.get()), 4)
      await t.until(async () => (await t.log()).warnings.length > 0)
      t.is((await t.get('/used/5')).status, 429)
      await t.advance(60_000)
      await t.get('/used/40')
      await t.settled('force 35')
      t.is(remainingOf(await t.get()), 0)
      t.is((await t.get('/used/5')).status, 429)
      t.warnings('WARN_VALUE_IGNORED')
    },
  },
  {
    name: 'settle together with refundWhen: a refund comes first',
    app: (fixture) => ({
      use: [fixture.limits({ limits: [minute(9)], cost: () => 3, refundWhen: (_, { status }) => status >= 400, settle: () => 2 })],
      routes: [fail],
    }),
    async run(t) {
      await t.get('/fail')
      await t.settled('refund 3')
      await t.get()
      await t.settled('refund 1')
      t.is(remainingOf(await t.get()), 4)
      await t.settled('refund 1', 2)
    },
  },
  failing('refundWhen that throws: one warning, and the charge stays', { refundWhen: throwing }),
  failing('refundWhen that rejects: one warning, and the charge stays', { refundWhen: rejecting }),
  failing('settle that throws: one warning, and the charge stays', { settle: throwing }),
  failing('settle that rejects: one warning, and the charge stays', { settle: rejecting }),
]
