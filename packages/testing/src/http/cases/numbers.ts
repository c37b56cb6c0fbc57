import { concurrency, fixedWindow, leakyBucket, slidingLog, slidingWindow, tokenBucket } from '@sluice/core'
import type { Fixture } from '../adapter.ts'
import { allowedLines, type HttpCase, neverBody, OK_BODY, refusedLines, statuses } from '../case.ts'

/** Reads a number that the client of the case chose, as a look-up of a customer would return it. */
const read =
  ({ read: { header } }: Fixture, name: string) =>
  (c: any): number | undefined => {
    const text = header(c, name)
    return text === undefined ? undefined : Number(text)
  }
const later = async <T>(value: T): Promise<T> => {
  await Promise.resolve()
  return value
}
const policyOf = (lines: readonly string[]) =>
  lines.find((line) => line.startsWith('ratelimit-policy: '))?.slice('ratelimit-policy: '.length)

/** Limits whose numbers differ from request to request. */
export const numberCases: readonly HttpCase[] = [
  {
    name: 'M1: every limit has the numbers of its request, in one decision: all are charged, or none',
    app(fixture) {
      const limit = read(fixture, 'x-limit')
      return {
        use: [
          fixture.limits({
            limits: [
              fixedWindow({ name: 'fixed', limit, window: '1m', defaults: { limit: 9 } }),
              slidingWindow({ name: 'sliding', limit: (c) => later(limit(c)), window: '1m', defaults: { limit: 9 } }),
              slidingLog({ name: 'log', limit, window: '1m', defaults: { limit: 9 } }),
              tokenBucket({ name: 'token', limit: 60, window: '1m', burst: (c) => later(limit(c)), defaults: { burst: 9 } }),
              leakyBucket({ name: 'leaky', limit: 60, window: '1m', burst: limit, defaults: { burst: 9 } }),
              concurrency({ name: 'slots', limit: (c) => later(limit(c)), ttl: () => '1m', defaults: { limit: 9, ttl: '5s' } }),
            ],
          }),
        ],
        routes: [{ path: '/left', answer: ({ decision }) => ({ json: decision?.outcomes.map((outcome) => outcome?.remaining) }) }],
      }
    },
    async run(t) {
      const left = async (...headers: readonly (readonly [string, string])[]) => (await t.get('/left', ...headers)).body
      const windows = (q: number) => ['fixed', 'sliding', 'log'].map((name) => `"${name}";q=${q};w=60`)
      const rest = (q: number) => [`"token";q=${q};w=${q}`, `"leaky";q=${q};w=${q}`, `"slots";q=${q};qu="concurrent-requests"`]
      const first = await t.get('/left', ['X-Limit', '5'])
      t.is([policyOf(first.lines), first.body], [[...windows(5), ...rest(5)].join(', '), '[4,4,4,4,4,4]'])
      await t.settled('refund 1')
      t.is(await left(['X-Limit', '7']), '[5,5,5,5,5,6]', 'what was used stays used')
      await t.settled('refund 1', 2)
      t.is((await t.get('/left', ['X-Limit', '2'])).status, 429, 'the windows are spent for a limit of 2, so nothing is charged')
      t.is(await left(), '[6,6,6,6,6,8]', 'the defaults')
      await t.settled('refund 1', 3)
    },
  },
  {
    name: 'M1: tiers: the numbers of a customer in one plan, and those of the plan in another',
    app(fixture) {
      const { header } = fixture.read
      return {
        use: [
          fixture.limits({
            tiers: {
              free: [fixedWindow({ name: 'minute', limit: 2, window: '1m' })],
              custom: [fixedWindow({ name: 'minute', limit: read(fixture, 'x-limit'), window: (c) => header(c, 'x-window') as 'day' })],
            },
            tier: (c) => later(header(c, 'x-plan') ?? 'free'),
            key: (c) => header(c, 'x-plan') ?? 'nobody',
          }),
        ],
      }
    },
    async run(t) {
      const custom = (limit: string, window: string) => t.get('/', ['X-Plan', 'custom'], ['X-Limit', limit], ['X-Window', window])
      t.is(await statuses(3, () => t.get()), [200, 200, 429])
      t.answers(await custom('3', '1m'), 200, allowedLines('"minute";q=3;w=60', '"minute";r=2;t=60', [3, 2, 60]), OK_BODY)
      // From START, at 8 o'clock, to midnight.
      t.answers(await custom('8', 'day'), 200, allowedLines('"minute";q=8;w=86400', '"minute";r=7;t=57600', [8, 7, 57_600]), OK_BODY)
      t.answers(await custom('3', '1m'), 200, allowedLines('"minute";q=3;w=60', '"minute";r=1;t=60', [3, 1, 60]), OK_BODY)
      t.is([(await custom('Infinity', 'day')).lines, (await custom('Infinity', 'day')).status], [[], 200])
      t.answers(await custom('0', 'day'), 429, refusedLines('"minute";q=0;w=86400', '"minute";r=0', [0, 0], undefined), neverBody('minute'))
    },
  },
  {
    name: 'F05: M1: an invalid number of one limit leaves the others alone, and is reported once for each limit',
    app: (fixture) => ({
      use: [
        fixture.limits({
          limits: [
            slidingLog({ name: 'log', limit: read(fixture, 'x-log'), window: '1m', defaults: { limit: 4 } }),
            tokenBucket({ name: 'token', limit: 60, window: '1m', burst: read(fixture, 'x-burst'), defaults: { burst: 6 } }),
          ],
        }),
      ],
    }),
    async run(t) {
      const policy = async (log: string, burst: string) => policyOf((await t.get('/', ['X-Log', log], ['X-Burst', burst])).lines)
      t.is(await policy('7', '8'), '"log";q=7;w=60, "token";q=8;w=8')
      for (const nonsense of ['NaN', '-1', '0.5', '1001']) t.is(await policy(nonsense, '8'), '"log";q=4;w=60, "token";q=8;w=8')
      for (const nonsense of ['NaN', '0', '1e300', 'Infinity']) t.is(await policy('9', nonsense), '"log";q=9;w=60, "token";q=6;w=6')
      t.warnings('WARN_VALUE_IGNORED', 'WARN_VALUE_IGNORED')
    },
  },
  {
    name: 'M1: the limiter sees the numbers of the request that it is called with',
    app(fixture) {
      const mount = fixture.limits({
        limits: [slidingWindow({ name: 'minute', limit: (c) => later(read(fixture, 'x-limit')(c)), window: '1m', defaults: { limit: 4 } })],
        skip: async (c) => {
          if (fixture.read.header(c, 'x-peek') === undefined) return false
          const limiter = fixture.limiterOf(mount)
          const peeked = await limiter.peek(c, { cost: 0 })
          const raised = await limiter.peek(c, { cost: 0, numbers: { minute: { limit: 50 } } })
          fixture.note([peeked, raised].map(({ binding, remaining }) => `${remaining} of ${binding?.limit}`).join(', '))
          return true
        },
      })
      return { routes: ['/a', '/b'].map((path) => ({ path, use: [mount], answer: () => ({ json: { ok: true } }) })) }
    },
    async run(t) {
      await t.get('/a', ['X-Limit', '20'])
      await t.get('/a', ['X-Limit', '20'], ['X-Peek', '1'])
      await t.get('/a')
      await t.get('/a', ['X-Peek', '1'])
      t.is((await t.log()).notes, ['19 of 20, 49 of 50', '2 of 4, 48 of 50'])
    },
  },
  {
    name: 'M1: a look-up that fails is an error of the application, and takes nothing',
    app(fixture) {
      const failing = async (c: any) => {
        if (fixture.read.header(c, 'x-fail') !== undefined) throw new Error('no database')
        return later(3)
      }
      return { use: [fixture.limits({ limits: [fixedWindow({ name: 'minute', limit: failing, window: '1m' })] })] }
    },
    async run(t) {
      t.is((await t.get('/', ['X-Fail', '1'])).status, 500)
      t.answers(await t.get(), 200, allowedLines('"minute";q=3;w=60', '"minute";r=2;t=60', [3, 2, 60]), OK_BODY)
      t.errors('no database')
    },
  },
]
