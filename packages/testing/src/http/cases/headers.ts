import { fixedWindow } from '@sluice/core'
import { allowedLines, bodyLines, type HttpCase, OK_BODY, problemBody, refusedLines, retryAfterLines } from '../case.ts'
import type { Answer, AppParts, Fixture, Mount, Route } from '../adapter.ts'

const minute = (limit: number) => fixedWindow({ name: 'minute', limit, window: '1m' })

/** Asserts the header lines of an allowed and of a refused request, under a limit of 1 a minute. */
function dialect(name: string, options: Mount, first: readonly string[], second: readonly string[]): HttpCase {
  return {
    name,
    app: (fixture) => ({ use: [fixture.limits({ limits: [minute(1)], ...options })] }),
    async run(t) {
      t.answers(await t.get(), 200, first, OK_BODY)
      t.answers(await t.get(), 429, [...second, ...retryAfterLines(60), ...bodyLines()], problemBody('minute', '1 unit per 60 seconds', 60))
    },
  }
}

const structured = ['ratelimit-policy: "minute";q=1;w=60', 'ratelimit: "minute";r=0;t=60']
const legacy = ['x-ratelimit-limit: 1', 'x-ratelimit-remaining: 0', 'x-ratelimit-reset: 1800000060']
const delta = ['x-ratelimit-limit: 1', 'x-ratelimit-remaining: 0', 'x-ratelimit-reset: 60']
const draft7 = ['ratelimit-policy: 1;w=60', 'ratelimit: limit=1, remaining=0, reset=60']
const draft6 = ['ratelimit-policy: 1;w=60', 'ratelimit-limit: 1', 'ratelimit-remaining: 0', 'ratelimit-reset: 60']

const OURS = 'RateLimit-Policy, RateLimit, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset'

/** Names that others expose stay beside those of the limiter. `read` are the statuses and values of two requests. */
function exposing(
  name: string,
  requires: HttpCase['requires'],
  { app, path }: { readonly app: (fixture: Fixture, use: Mount) => AppParts; readonly path?: string },
  read: readonly (readonly [number, string])[],
): HttpCase {
  return {
    name,
    requires,
    app: (fixture) => app(fixture, fixture.limits({ limits: [minute(1)], exposeHeaders: true })),
    async run(t) {
      const found: (readonly [number, string])[] = []
      for (let i = 0; i < read.length; i++) {
        const { status, lines } = await t.get(path)
        found.push([status, lines.filter((line) => line.startsWith('access-control-expose-headers: ')).join(' | ')])
      }
      t.is(
        found,
        read.map(([status, value]) => [status, `access-control-expose-headers: ${value}`]),
      )
    },
  }
}

const after = (answer: Answer): readonly Route[] => [
  { path: '/after', answer: () => ({ headers: { 'Access-Control-Expose-Headers': 'X-Total, ratelimit' }, ...answer }) },
]
const AFTER = 'X-Total, ratelimit, RateLimit-Policy, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset'
const before = { 'Access-Control-Expose-Headers': 'X-Total' }

/** The header lines of every dialect. */
export const headerCases: readonly HttpCase[] = [
  exposing(
    'F24: exposeHeaders adds to the names of middleware before the limiter',
    ['headers before'],
    { app: (_fixture, use) => ({ before, use: [use] }) },
    [
      [200, `X-Total, ${OURS}`],
      [429, `X-Total, ${OURS}, Retry-After`],
    ],
  ),
  exposing(
    'F24: exposeHeaders adds to the names of middleware before the limiter, whose handler answers a refusal',
    ['headers before'],
    {
      app: (fixture, use) => ({
        before,
        use: [{ ...use, handler: (c, { response }) => fixture.read.reply(c, 418, 'busy', response) }],
      }),
    },
    [
      [200, `X-Total, ${OURS}`],
      [418, `X-Total, ${OURS}, Retry-After`],
    ],
  ),
  exposing(
    'F24: exposeHeaders adds to the names that are set after the limiter',
    [],
    { app: (_fixture, use) => ({ use: [use], routes: after({ json: { ok: true } }) }), path: '/after' },
    [
      [200, AFTER],
      [429, `${OURS}, Retry-After`],
    ],
  ),
  exposing(
    'F24: exposeHeaders adds to the names of a response without the framework',
    [],
    { app: (_fixture, use) => ({ use: [use], routes: after({ raw: 'raw' }) }), path: '/after' },
    [[200, AFTER]],
  ),
  {
    name: 'an allowed response has every header line and its own body; a refused one has every header line and the problem body',
    app: (fixture) => ({ use: [fixture.limits({ limits: [minute(2)] })] }),
    async run(t) {
      const policy = '"minute";q=2;w=60'
      t.answers(await t.get(), 200, allowedLines(policy, '"minute";r=1;t=60', [2, 1, 60]), OK_BODY)
      t.answers(await t.get(), 200, allowedLines(policy, '"minute";r=0;t=60', [2, 0, 60]), OK_BODY)
      const body = problemBody('minute', '2 units per 60 seconds', 60)
      t.answers(await t.get(), 429, refusedLines(policy, '"minute";r=0;t=60', [2, 0, 60], 60), body)
      await t.advance(60_000)
      t.answers(await t.get(), 200, allowedLines(policy, '"minute";r=1;t=60', [2, 1, 120]), OK_BODY)
    },
  },
  {
    name: 'the shorthand is one sliding window, with the name of the limiter',
    app: (fixture) => ({
      use: [fixture.limits({ limit: 2, window: '1m' })],
      routes: [
        {
          path: '/named',
          use: [fixture.limits({ name: 'api', limit: 2, window: '1m' })],
          answer: () => ({ json: { ok: true } }),
        },
      ],
    }),
    async run(t) {
      t.answers(await t.get(), 200, allowedLines('"default";q=2;w=60', '"default";r=1;t=120', [2, 1, 120]), OK_BODY)
      const policy = '"default";q=2;w=60, "api";q=2;w=60'
      t.answers(await t.get('/named'), 200, allowedLines(policy, '"default";r=0;t=90, "api";r=1;t=120', [2, 0, 120]), OK_BODY)
      const lines = refusedLines('"default";q=2;w=60', '"default";r=0;t=90', [2, 0, 90], 90)
      t.answers(await t.get(), 429, lines, problemBody('default', '2 units per 60 seconds', 90))
    },
  },
  {
    name: 'several limits: all in configured order, prefixed by the name of the limiter; the legacy lines are of the binding one',
    app: (fixture) => ({
      use: [fixture.limits({ name: 'api', limits: [minute(2), fixedWindow({ name: 'day', limit: 5_000, window: 'day' })] })],
    }),
    async run(t) {
      const policy = '"api.minute";q=2;w=60, "api.day";q=5000;w=86400'
      t.answers(await t.get(), 200, allowedLines(policy, '"api.minute";r=1;t=60, "api.day";r=4999;t=57600', [2, 1, 60]), OK_BODY)
      await t.get()
      const lines = refusedLines(policy, '"api.minute";r=0;t=60, "api.day";r=4998;t=57600', [2, 0, 60], 60)
      t.answers(await t.get(), 429, lines, problemBody('api.minute', '2 units per 60 seconds', 60))
    },
  },
  {
    name: 'Pj: a label is shown in place of the name, in headers and bodies, and the state does not depend on it',
    app: (fixture) => {
      const quoted = fixedWindow({ name: 'minute', label: '1 "hit" in 60 s \\', limit: 1, window: '1m' })
      const shared = (path: string, label?: string) => ({
        path,
        use: [fixture.limits({ name: 'shared', limit: 2, window: '1m', label, legacy: false })],
        answer: () => ({ json: { ok: true } }),
      })
      return {
        routes: [
          { path: '/', use: [fixture.limits({ name: 'api', limits: [quoted] })], answer: () => ({ json: { ok: true } }) },
          {
            path: '/draft-7',
            use: [fixture.limits({ name: 'old', limits: [quoted], standard: 'draft-7', legacy: false })],
            answer: () => ({ json: { ok: true } }),
          },
          shared('/one', '2-in-1min'),
          shared('/two', 'Two'),
          shared('/plain'),
        ],
      }
    },
    async run(t) {
      const item = String.raw`"1 \"hit\" in 60 s \\"`
      t.answers(await t.get(), 200, allowedLines(`${item};q=1;w=60`, `${item};r=0;t=60`, [1, 0, 60]), OK_BODY)
      const body = problemBody(String.raw`1 \"hit\" in 60 s \\`, '1 unit per 60 seconds', 60)
      t.answers(await t.get(), 429, refusedLines(`${item};q=1;w=60`, `${item};r=0;t=60`, [1, 0, 60], 60), body)
      t.answers(await t.get('/draft-7'), 200, draft7, OK_BODY)
      const lines = (name: string, left: string) => [`ratelimit-policy: "${name}";q=2;w=60`, `ratelimit: "${name}";${left}`]
      t.answers(await t.get('/one'), 200, lines('2-in-1min', 'r=1;t=120'), OK_BODY)
      t.answers(await t.get('/two'), 200, lines('Two', 'r=0;t=90'), OK_BODY)
      t.is((await t.get('/plain')).status, 429, 'three labels, one state')
      t.warnings('WARN_NAME_SHARED')
    },
  },
  dialect('standard: draft-11', { standard: 'draft-11' }, [...structured, ...legacy], [...structured, ...legacy]),
  dialect('standard: draft-10', { standard: 'draft-10' }, [...structured, ...legacy], [...structured, ...legacy]),
  dialect('standard: draft-9', { standard: 'draft-9' }, [...structured, ...legacy], [...structured, ...legacy]),
  dialect('standard: draft-8', { standard: 'draft-8' }, [...structured, ...legacy], [...structured, ...legacy]),
  dialect('standard: draft-7', { standard: 'draft-7' }, [...draft7, ...legacy], [...draft7, ...legacy]),
  dialect('standard: draft-6', { standard: 'draft-6' }, [...draft6, ...legacy], [...draft6, ...legacy]),
  dialect('legacy: delta', { legacy: 'delta' }, [...structured, ...delta], [...structured, ...delta]),
  dialect('legacy: false', { legacy: false }, structured, structured),
  dialect('standard: false', { standard: false }, legacy, legacy),
  dialect('standard and legacy false: a refusal still has Retry-After', { standard: false, legacy: false }, [], []),
  dialect(
    'exposeHeaders lists the headers that were sent',
    { exposeHeaders: true, legacy: false },
    [...structured, 'access-control-expose-headers: RateLimit-Policy, RateLimit'],
    [...structured, 'access-control-expose-headers: RateLimit-Policy, RateLimit, Retry-After'],
  ),
  {
    name: 'trap: Reset in seconds on one path and epoch on another',
    app: (fixture) => ({
      routes: (['epoch', 'delta'] as const).map((legacy) => ({
        path: `/${legacy}`,
        use: [fixture.limits({ name: legacy, limits: [minute(1)], legacy, standard: false })],
        answer: () => ({ json: { ok: true } }),
      })),
    }),
    async run(t) {
      const reset = ({ lines }: { readonly lines: readonly string[] }) => lines.find((line) => line.startsWith('x-ratelimit-reset'))
      t.is([reset(await t.get('/epoch')), reset(await t.get('/epoch'))], Array(2).fill('x-ratelimit-reset: 1800000060'))
      t.is([reset(await t.get('/delta')), reset(await t.get('/delta'))], Array(2).fill('x-ratelimit-reset: 60'))
    },
  },
  {
    name: 'trap: Retry-After of 0, fractional, suffixed or twice: one line of whole seconds, rounded up',
    app: (fixture) => ({ use: [fixture.limits({ limits: [minute(1)], legacy: false, standard: false })] }),
    async run(t) {
      await t.get()
      for (const [ms, seconds] of [
        [30_500, 30],
        [29_499, 1],
      ] as const) {
        await t.advance(ms)
        const body = problemBody('minute', '1 unit per 60 seconds', seconds)
        t.answers(await t.get(), 429, [...retryAfterLines(seconds), ...bodyLines()], body)
      }
      await t.advance(1)
      t.is((await t.get()).status, 200, 'admitted after Retry-After')
    },
  },
  {
    name: 'F10: t, Reset and the body name the end of the window; Retry-After is at most a week',
    app: (fixture) => ({ use: [fixture.limits({ limits: [fixedWindow({ name: 'month', limit: 1, window: '30d' })] })] }),
    async run(t) {
      // 1,800,000,000 s since the epoch are 694 windows and 1,152,000 s.
      t.answers(await t.get(), 200, allowedLines('"month";q=1;w=2592000', '"month";r=0;t=1440000', [1, 0, 1_440_000]), OK_BODY)
      const lines = refusedLines('"month";q=1;w=2592000', '"month";r=0;t=1440000', [1, 0, 1_440_000], 604_800)
      t.answers(await t.get(), 429, lines, problemBody('month', '1 unit per 2592000 seconds', 1_440_000))
    },
  },
  {
    name: 'a cost above the limit: no Retry-After, an explanation in the detail, and no charge',
    app: (fixture) => ({ use: [fixture.limits({ limits: [minute(2)], cost: (c) => Number(fixture.read.header(c, 'x-cost') ?? 1) })] }),
    async run(t) {
      const policy = '"minute";q=2;w=60'
      const body =
        '{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded","title":"Quota Exceeded","status":429,"detail":"Limit \\"minute\\" allows 2 units per 60 seconds. This request costs 3, more than the limit ever allows: retrying does not help.","violated-policies":["minute"]}'
      const lines = refusedLines(policy, '"minute";r=2;t=60', [2, 0], undefined)
      t.answers(await t.get('/', ['X-Cost', '3']), 429, lines, body)
      t.answers(await t.get('/', ['X-Cost', '2']), 200, allowedLines(policy, '"minute";r=0;t=60', [2, 0, 60]))
      t.warnings('WARN_COST_NEVER')
    },
  },
  {
    name: 'partitionKey: an HMAC of the subject, never the subject',
    app: (fixture) => ({
      use: [
        fixture.limits({
          limits: [minute(9)],
          key: (c) => fixture.read.header(c, 'x-name'),
          partitionKey: { secret: 'a secret of the server' },
        }),
      ],
    }),
    async run(t) {
      // printf alice | openssl dgst -sha256 -hmac 'a secret of the server' -binary | head -c 16 | base64
      const pk = ';pk=:JYSLfeBaNouN6dBOdjivDw==:'
      const alice = await t.get('/', ['X-Name', 'alice'])
      t.answers(alice, 200, allowedLines(`"minute";q=9;w=60${pk}`, `"minute";r=8;t=60${pk}`, [9, 8, 60]), OK_BODY)
      const bob = await t.get('/', ['X-Name', 'bob'])
      t.is(bob.lines.filter((line) => /pk=:[A-Za-z0-9+/]{22}==:$/.test(line)).length, 2, 'both fields have a key of 16 bytes')
      t.is(
        [...alice.lines, ...bob.lines].some((line) => /alice|bob|127\.0\.0\.1/.test(line)),
        false,
        'no subject',
      )
      t.is(
        bob.lines.some((line) => line.includes(pk)),
        false,
        'another subject, another key',
      )
    },
  },
]
