import { concurrency, fixedWindow, systemClock } from '@sluice/core'
import type { Route } from '../adapter.ts'
import { allowedLines, type HttpCase, problemBody, refusedLines } from '../case.ts'

const MINUTE = { name: 'minute', window: '1m' } as const
const shown: Route = { path: '/shown', answer: ({ decision }) => ({ json: { delay: decision?.delay } }) }

/** M3: a delay that grows with what is used, as express-slow-down's users have it. */
export const delayCases: readonly HttpCase[] = [
  {
    name: 'M3: requests are delayed longer and longer, and then refused',
    app: (fixture) => ({
      use: [fixture.limits({ limits: [fixedWindow({ ...MINUTE, limit: 4, delay: { after: 1, step: 30, max: 50 } })] })],
      routes: [shown],
    }),
    async run(t) {
      const policy = '"minute";q=4;w=60'
      for (const [i, delay] of [0, 30, 50, 50].entries()) {
        const before = systemClock.monotonic()
        t.answers(await t.get('/shown'), 200, allowedLines(policy, `"minute";r=${3 - i};t=60`, [4, 3 - i, 60]), `{"delay":${delay}}`)
        // Timers count whole milliseconds.
        t.is(systemClock.monotonic() - before >= delay - 1, true, 'the delay has passed')
      }
      const refused = refusedLines(policy, '"minute";r=0;t=60', [4, 0, 60], 60)
      t.answers(await t.get('/shown'), 429, refused, problemBody('minute', '4 units per 60 seconds', 60))
    },
  },
  {
    name: 'M3: a client that leaves during the delay: the handler never runs, the request counts, and its slot is free',
    app: (fixture) => ({
      use: [
        fixture.limits({
          limits: [
            fixedWindow({ ...MINUTE, limit: 9, delay: { after: 1, step: '30s' } }),
            concurrency({ name: 'slots', limit: 1, ttl: '1m' }),
          ],
          cost: (c) => {
            fixture.note(`cost ${fixture.read.path(c)}`)
            return 1
          },
        }),
      ],
      routes: [{ path: '/late', answer: () => (fixture.note('late'), { json: { ok: true } }) }, shown],
    }),
    async run(t) {
      t.is((await t.get('/shown')).body, '{"delay":0}')
      await t.settled('refund 1', 1)
      const abort = t.sendAbortable({ path: '/late' })
      await t.until(async () => (await t.log()).notes.includes('cost /late'))
      t.is((await t.get('/shown')).status, 429, 'the delayed request has the only slot')
      abort()
      await t.settled('refund 1', 2)
      t.is((await t.log()).notes.includes('late'), false)
    },
  },
]
