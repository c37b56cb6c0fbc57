import { concurrency, createLimiter, fixedWindow } from '@sluice/core'
import type { Mount, Route, AppParts, Fixture } from '../adapter.ts'
import { allowedLines, type HttpCase, remainingOf, OK_BODY, problemBody, refusedLines, statuses } from '../case.ts'

const minute = (limit: number) => fixedWindow({ name: 'minute', limit, window: '1m' })
const hour = (limit: number) => fixedWindow({ name: 'hour', limit, window: '1h' })

function guarded(path: string, ...use: readonly Mount[]): Route {
  return { path, use, answer: () => ({ json: { ok: true } }) }
}

function stack(fixture: Fixture, ofApp: number, ofRoute: number) {
  return {
    use: [fixture.limits({ name: 'app', limits: [minute(ofApp)] })],
    routes: [guarded('/login', fixture.limits({ name: 'login', limits: [hour(ofRoute)] }))],
  }
}

function again(fixture: Fixture): AppParts {
  const twice = fixture.limits({ limits: [minute(5)] })
  return { use: [twice], routes: [guarded('/again', twice)] }
}

/** Several limiters on one request: one set of headers, several decisions. */
export const stackCases: readonly HttpCase[] = [
  {
    name: 'two limiters write one line per field; when the second refuses, the first stays charged',
    app: (fixture) => stack(fixture, 5, 2),
    async run(t) {
      const policy = '"app.minute";q=5;w=60, "login.hour";q=2;w=3600'
      const line = (a: number, b: number, t60 = 60) => `"app.minute";r=${a};t=${t60}, "login.hour";r=${b};t=3600`
      t.answers(await t.get('/login'), 200, allowedLines(policy, line(4, 1), [2, 1, 3600]), OK_BODY)
      t.answers(await t.get('/login'), 200, allowedLines(policy, line(3, 0), [2, 0, 3600]), OK_BODY)
      const lines = refusedLines(policy, line(2, 0), [2, 0, 3600], 3600)
      t.answers(await t.get('/login'), 429, lines, problemBody('login.hour', '2 units per 3600 seconds', 3600))
      t.answers(await t.get(), 200, allowedLines('"app.minute";q=5;w=60', '"app.minute";r=1;t=60', [5, 1, 60]), OK_BODY)
    },
  },
  {
    name: "trap: the last limiter's headers overwrite the binding one's",
    app: (fixture) => stack(fixture, 2, 5),
    async run(t) {
      const policy = '"app.minute";q=2;w=60, "login.hour";q=5;w=3600'
      const line = '"app.minute";r=1;t=60, "login.hour";r=4;t=3600'
      t.answers(await t.get('/login'), 200, allowedLines(policy, line, [2, 1, 60]), OK_BODY)
    },
  },
  {
    name: 'a limiter that skips a request does not hide the decision of the limiter before it',
    app: (fixture) => ({
      use: [
        fixture.limits({ name: 'app', limits: [minute(5)] }),
        fixture.limits({ name: 'skipping', limits: [hour(5)], skip: () => true }),
        fixture.limits({ name: 'anonymous', limits: [hour(5)], key: () => undefined, missing: 'skip' }),
      ],
      routes: [{ path: '/policy', answer: ({ decision }) => ({ json: [decision?.policy] }) }],
    }),
    async run(t) {
      t.is((await t.get('/policy')).body, '["app"]')
    },
  },
  {
    name: 'when the first of two refuses, the second is not called and not in the headers',
    app: (fixture) => stack(fixture, 1, 5),
    async run(t) {
      await t.get('/login')
      const lines = refusedLines('"app.minute";q=1;w=60', '"app.minute";r=0;t=60', [1, 0, 60], 60)
      t.answers(await t.get('/login'), 429, lines, problemBody('app.minute', '1 unit per 60 seconds', 60))
      await t.advance(60_000)
      const line = '"app.minute";r=0;t=60, "login.hour";r=3;t=3540'
      t.answers(await t.get('/login'), 200, allowedLines('"app.minute";q=1;w=60, "login.hour";q=5;w=3600', line, [1, 0, 120]), OK_BODY)
    },
  },
  {
    name: 'three limiters: the legacy lines are of the tightest one',
    app: (fixture) => ({
      use: [
        fixture.limits({ name: 'app', limits: [minute(5)] }),
        fixture.limits({ name: 'busy', limits: [concurrency({ name: 'slots', limit: 9, ttl: '1m' })] }),
      ],
      routes: [guarded('/login', fixture.limits({ name: 'login', limit: 3, window: '1m' }))],
    }),
    async run(t) {
      const policy = '"app.minute";q=5;w=60, "busy.slots";q=9;qu="concurrent-requests", "login";q=3;w=60'
      const line = '"app.minute";r=4;t=60, "busy.slots";r=8, "login";r=2;t=120'
      t.answers(await t.get('/login'), 200, allowedLines(policy, line, [3, 2, 120]), OK_BODY)
      await t.settled('refund 1')
    },
  },
  {
    name: 'each of two limiters uses its own dialect, and no line is written twice',
    app: (fixture) => ({
      use: [fixture.limits({ name: 'app', limits: [minute(5)] })],
      routes: [guarded('/login', fixture.limits({ name: 'login', limits: [hour(2)], exposeHeaders: true }))],
    }),
    async run(t) {
      const { lines } = await t.get('/login')
      const names = lines.map((line) => line.slice(0, line.indexOf(':')))
      t.is(names, [...new Set(names)])
      t.is(names.includes('access-control-expose-headers'), true)
    },
  },
  {
    name: 'F07: one limiter mounted twice on a request charges once, and is in the headers once',
    app: again,
    async run(t) {
      const policy = '"minute";q=5;w=60'
      for (const r of [4, 3, 2, 1, 0])
        t.answers(await t.get('/again'), 200, allowedLines(policy, `"minute";r=${r};t=60`, [5, r, 60]), OK_BODY)
      const lines = refusedLines(policy, '"minute";r=0;t=60', [5, 0, 60], 60)
      t.answers(await t.get('/again'), 429, lines, problemBody('minute', '5 units per 60 seconds', 60))
    },
  },
  {
    name: 'F07: a concurrency limit that is mounted twice takes one slot, and frees it',
    app: (fixture) => {
      const twice = fixture.limits({ limits: [concurrency({ name: 'slots', limit: 1, ttl: '1m' })] })
      return { use: [twice], routes: [guarded('/again', twice)] }
    },
    async run(t) {
      for (let i = 1; i <= 3; i++) {
        t.is((await t.get('/again')).status, 200)
        await t.settled('refund 1', i)
      }
    },
  },
  {
    name: 'F07: one limiter in shadow that is mounted twice charges once',
    app(fixture) {
      const twice = fixture.limits({ limits: [minute(2)], mode: 'shadow' })
      return {
        use: [twice],
        routes: [{ path: '/again', use: [twice], answer: ({ decision }) => ({ json: [decision?.verdict, decision?.remaining] }) }],
      }
    },
    async run(t) {
      t.is((await t.get('/again')).body, '["allowed",1]')
      t.is((await t.get('/again')).body, '["allowed",0]')
      t.is((await t.get('/again')).body, '["refused",0]')
    },
  },
  {
    name: 'one limiter in two places shares its state; each place has its own status code',
    app(fixture) {
      const limiter = createLimiter({ name: 'shared', limits: [minute(2)], store: fixture.store })
      return { routes: [guarded('/a', { limiter }), guarded('/b', { limiter, statusCode: 420 })] }
    },
    async run(t) {
      t.is([remainingOf(await t.get('/a')), remainingOf(await t.get('/b'))], [1, 0])
      t.is((await t.get('/b')).status, 420)
      const lines = refusedLines('"shared.minute";q=2;w=60', '"shared.minute";r=0;t=60', [2, 0, 60], 60)
      t.answers(await t.get('/a'), 429, lines, problemBody('shared.minute', '2 units per 60 seconds', 60))
    },
  },
  {
    name: 'limiters of different names share no state in one store',
    app: (fixture) => ({
      routes: ['one', 'two'].map((name) => guarded(`/${name}`, fixture.limits({ name, limits: [minute(1)] }))),
    }),
    async run(t) {
      t.is(await statuses(4, (i) => t.get(i < 2 ? '/one' : '/two')), [200, 429, 200, 429])
    },
  },
  {
    name: 'a limiter in shadow or off adds nothing to the headers of the others',
    app: (fixture) => ({
      use: [
        fixture.limits({ name: 'trial', limits: [minute(1)], mode: 'shadow' }),
        fixture.limits({ name: 'none', limits: [minute(1)], mode: 'off' }),
        fixture.limits({ limits: [minute(2)] }),
      ],
    }),
    async run(t) {
      t.answers(await t.get(), 200, allowedLines('"minute";q=2;w=60', '"minute";r=1;t=60', [2, 1, 60]), OK_BODY)
      t.answers(await t.get(), 200, allowedLines('"minute";q=2;w=60', '"minute";r=0;t=60', [2, 0, 60]), OK_BODY)
    },
  },
]
