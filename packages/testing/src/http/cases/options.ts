import { concurrency, fixedWindow, tokenBucket } from '@sluice/core'
import type { Mount, Fixture } from '../adapter.ts'
import { allowedLines, type HttpCase, neverBody, remainingOf, OK_BODY, refusedLines, statuses } from '../case.ts'

const minute = (limit: number) => fixedWindow({ name: 'minute', limit, window: '1m' })
const hour = (limit: number) => fixedWindow({ name: 'hour', limit, window: '1h' })
const lineOf = (limit: number, r: number) => allowedLines(`"minute";q=${limit};w=60`, `"minute";r=${r};t=60`, [limit, r, 60])

const ok = () => ({ json: { ok: true } })

const NONSENSE: readonly unknown[] = [Number.NaN, -1, 1.5, 'x', Number.POSITIVE_INFINITY, null, { nope: 1 }, { minute: -1 }]

function skipping(name: string, skip: (fixture: Fixture) => Mount['skip']): HttpCase {
  return {
    name,
    app: (fixture) => ({ use: [fixture.limits({ limits: [minute(1)], skip: skip(fixture) })] }),
    async run(t) {
      for (const _ of [1, 2, 3]) t.answers(await t.get('/', ['X-Skip', '1']), 200, [], OK_BODY)
      t.answers(await t.get(), 200, lineOf(1, 0), OK_BODY)
      t.is((await t.get()).status, 429)
    },
  }
}

/** Limits, tiers, costs and modes that are chosen for each request. */
export const optionCases: readonly HttpCase[] = [
  skipping(
    'skip: no headers, not counted',
    ({ read }) =>
      (c) =>
        read.header(c, 'x-skip') === '1',
  ),
  skipping(
    'skip: async',
    ({ read }) =>
      async (c) =>
        (await Promise.resolve(read.header(c, 'x-skip'))) === '1',
  ),
  {
    name: 'tiers: known, unknown, none, and [] for unlimited',
    app: (fixture) => ({
      use: [
        fixture.limits({
          limits: [minute(2)],
          tiers: { free: [minute(3)], premium: [minute(9), hour(99)], gold: [] },
          tier: (c) => fixture.read.header(c, 'x-plan'),
          key: (c) => fixture.read.header(c, 'x-plan') ?? 'nobody',
        }),
      ],
      routes: [{ path: '/tier', answer: ({ decision }) => ({ json: [decision?.tier ?? null, decision?.binding?.name ?? null] }) }],
    }),
    async run(t) {
      t.answers(await t.get('/tier', ['X-Plan', 'free']), 200, lineOf(3, 2), '["free","minute"]')
      const premium = allowedLines('"minute";q=9;w=60, "hour";q=99;w=3600', '"minute";r=8;t=60, "hour";r=98;t=3600', [9, 8, 60])
      t.answers(await t.get('/tier', ['X-Plan', 'premium']), 200, premium, '["premium","minute"]')
      t.answers(await t.get('/tier', ['X-Plan', 'martian']), 200, lineOf(2, 1), '[null,"minute"]')
      t.answers(await t.get('/tier'), 200, lineOf(2, 1), '[null,"minute"]')
      for (const _ of [1, 2, 3]) t.answers(await t.get('/tier', ['X-Plan', 'gold']), 200, [], '["gold",null]')
      t.warnings('WARN_TIER_DEFAULTED')
    },
  },
  {
    name: 'tiers without limits: an unknown tier gets the first listed one, with one warning',
    app: (fixture) => ({
      use: [fixture.limits({ tiers: { free: [minute(5)], premium: [minute(9)] }, tier: (c) => fixture.read.header(c, 'x-plan') })],
    }),
    async run(t) {
      t.is([remainingOf(await t.get()), remainingOf(await t.get('/', ['X-Plan', 'martian']))], [4, 3])
      t.warnings('WARN_TIER_DEFAULTED')
    },
  },
  {
    name: 'cost: a number is charged to every limit but concurrency, or to none when one refuses',
    app: (fixture) => ({
      use: [
        fixture.limits({
          limits: [minute(5), hour(9), concurrency({ name: 'slots', limit: 3, ttl: '1m' })],
          cost: (c) => Number(fixture.read.header(c, 'x-cost') ?? 1),
        }),
      ],
    }),
    async run(t) {
      const ratelimitLine = async (cost: number) =>
        (await t.get('/', ['X-Cost', `${cost}`])).lines.find((line) => line.startsWith('ratelimit: '))
      t.is(await ratelimitLine(3), 'ratelimit: "minute";r=2;t=60, "hour";r=6;t=3600, "slots";r=2')
      await t.settled('refund 1')
      t.is((await t.get('/', ['X-Cost', '3'])).status, 429)
      t.is(await ratelimitLine(2), 'ratelimit: "minute";r=0;t=60, "hour";r=4;t=3600, "slots";r=2')
      await t.settled('refund 1', 2)
    },
  },
  {
    name: 'cost: 0 charges nothing and passes a full limit',
    app: (fixture) => ({ use: [fixture.limits({ limits: [minute(1)], cost: (c) => Number(fixture.read.header(c, 'x-cost') ?? 1) })] }),
    async run(t) {
      t.is([(await t.get()).status, (await t.get()).status], [200, 429])
      t.answers(await t.get('/', ['X-Cost', '0']), 200, lineOf(1, 0), OK_BODY)
    },
  },
  {
    name: 'cost: a record by limit; a limit that it leaves out is charged 1',
    app: (fixture) => ({ use: [fixture.limits({ limits: [minute(5), hour(9)], cost: () => ({ hour: 4 }) })] }),
    async run(t) {
      const policy = '"minute";q=5;w=60, "hour";q=9;w=3600'
      t.answers(await t.get(), 200, allowedLines(policy, '"minute";r=4;t=60, "hour";r=5;t=3600', [5, 4, 60]), OK_BODY)
      t.answers(await t.get(), 200, allowedLines(policy, '"minute";r=3;t=60, "hour";r=1;t=3600', [9, 1, 3600]), OK_BODY)
    },
  },
  {
    name: 'cost: an invalid value counts as 1, with one warning',
    app: (fixture) => ({
      use: [fixture.limits({ limits: [minute(20)], cost: (c) => NONSENSE[Number(fixture.read.header(c, 'x-index'))] as number })],
    }),
    async run(t) {
      for (const [i] of NONSENSE.entries()) t.is(remainingOf(await t.get('/', ['X-Index', `${i}`])), 19 - i)
      t.warnings('WARN_VALUE_IGNORED')
    },
  },
  {
    name: 'newcomer 7: cost: an entry with an unknown name is reported by its name, and the other entries are charged',
    app: (fixture) => ({
      use: [fixture.limits({ limits: [minute(20), hour(9)], cost: () => ({ minute: 5, huor: 3 }) })],
      routes: [{ path: '/left', answer: ({ decision }) => ({ json: decision?.outcomes.map((outcome) => outcome?.remaining) }) }],
    }),
    async run(t) {
      t.is((await t.get('/left')).body, '[15,8]')
      t.warnings('WARN_VALUE_IGNORED')
    },
  },
  {
    name: 'every option function may be async, and is called once per request',
    app(fixture) {
      const later = async <T>(name: string, value: T): Promise<T> => {
        await Promise.resolve()
        fixture.note(name)
        return value
      }
      return {
        use: [
          fixture.limits({
            tiers: { free: [minute(5), hour(9)] },
            skip: () => later('skip', false),
            tier: () => later('tier', 'free'),
            key: () => later('key', 'ann'),
            cost: () => later('cost', 2),
            refundWhen: () => later('refundWhen', false),
            settle: () => later('settle', 1),
          }),
        ],
      }
    },
    async run(t) {
      const policy = '"minute";q=5;w=60, "hour";q=9;w=3600'
      t.answers(await t.get(), 200, allowedLines(policy, '"minute";r=3;t=60, "hour";r=7;t=3600', [5, 3, 60]), OK_BODY)
      await t.settled('refund 1', 2)
      t.is((await t.log()).notes.toSorted(), ['cost', 'key', 'refundWhen', 'settle', 'skip', 'tier'])
    },
  },
  {
    name: 'F05: limit: a function; 0 refuses, Infinity does not limit; an invalid value gives the default, not that of another client',
    app: (fixture) => ({ use: [fixture.limits({ limit: (c) => Number(fixture.read.header(c, 'x-limit')), window: '1m' })] }),
    async run(t) {
      const get = (limit: string) => t.get('/', ['X-Limit', limit])
      t.answers(await get('3'), 200, allowedLines('"default";q=3;w=60', '"default";r=2;t=120', [3, 2, 120]), OK_BODY)
      for (const nonsense of ['NaN', '-1', '1.5']) {
        const { status, lines } = await get(nonsense)
        t.is([status, lines.includes('ratelimit-policy: "default";q=100;w=60')], [200, true], nonsense)
      }
      t.answers(await get('Infinity'), 200, [], OK_BODY)
      t.answers(await get('0'), 429, refusedLines('"default";q=0;w=60', '"default";r=0', [0, 0], undefined), neverBody('default'))
      t.is((await get('9')).status, 200, 'the refusal took nothing')
      t.warnings('WARN_VALUE_IGNORED')
    },
  },
  {
    name: 'Pb: limit: 0 refuses every request, names no time, and is valid in the shorthand, in a factory and in a tier',
    app: (fixture) => ({
      routes: [
        { path: '/short', use: [fixture.limits({ name: 'short', limit: 0 })], answer: ok },
        {
          path: '/slots',
          use: [fixture.limits({ name: 'slots', limits: [concurrency({ name: 'all', limit: 0, ttl: '1m' })] })],
          answer: ok,
        },
        {
          path: '/tier',
          use: [
            fixture.limits({
              name: 'plan',
              tiers: { paid: [minute(9)], suspended: [tokenBucket({ name: 'none', limit: 0, window: '1m' })] },
              tier: (c) => fixture.read.header(c, 'x-plan'),
            }),
          ],
          answer: ok,
        },
      ],
    }),
    async run(t) {
      for (const _ of [1, 2]) {
        t.answers(await t.get('/short'), 429, refusedLines('"short";q=0;w=60', '"short";r=0', [0, 0], undefined), neverBody('short'))
        const suspended = await t.get('/tier', ['X-Plan', 'suspended'])
        t.answers(suspended, 429, refusedLines('"plan.none";q=0;w=60', '"plan.none";r=0', [0, 0], undefined), neverBody('plan.none'))
        const slots = '"slots.all";q=0;qu="concurrent-requests"'
        t.answers(await t.get('/slots'), 429, refusedLines(slots, '"slots.all";r=0', [0, 0], undefined), neverBody('slots.all'))
      }
      t.is((await t.get('/tier', ['X-Plan', 'paid'])).status, 200)
    },
  },
  {
    name: 'limit: an invalid value at the first request is replaced by 100',
    app: (fixture) => ({ use: [fixture.limits({ limit: () => Number.NaN })] }),
    async run(t) {
      t.answers(await t.get(), 200, allowedLines('"default";q=100;w=60', '"default";r=99;t=120', [100, 99, 120]), OK_BODY)
      t.warnings('WARN_VALUE_IGNORED')
    },
  },
  {
    name: 'F27: skip and refundWhen obey true only, and report another value once',
    app: (fixture) => ({
      use: [
        fixture.limits({
          limits: [minute(2)],
          skip: (c) => fixture.read.header(c, 'x-internal') as never,
          refundWhen: (() => 'yes') as never,
        }),
      ],
    }),
    async run(t) {
      t.is(await statuses(3, () => t.get('/', ['X-Internal', 'yes'])), [200, 200, 429])
      await t.until(async () => (await t.log()).warnings.length >= 2)
      t.warnings('WARN_VALUE_IGNORED', 'WARN_VALUE_IGNORED')
    },
  },
  {
    name: 'limit and window: async functions; each window has its own state',
    app: (fixture) => ({
      use: [
        fixture.limits({
          limit: async () => Promise.resolve(2),
          window: async (c) => Promise.resolve(fixture.read.header(c, 'x-window') as '10s'),
        }),
      ],
    }),
    async run(t) {
      const get = (window: string) => t.get('/', ['X-Window', window])
      t.answers(await get('10s'), 200, allowedLines('"default";q=2;w=10', '"default";r=1;t=20', [2, 1, 20]), OK_BODY)
      t.answers(await get('1m'), 200, allowedLines('"default";q=2;w=60', '"default";r=1;t=120', [2, 1, 120]), OK_BODY)
      t.is((await get('1 m')).lines.includes('ratelimit-policy: "default";q=100;w=60'), true, 'an invalid window is that of the definition')
      t.is(await statuses(2, () => get('10s')), [200, 429])
      t.warnings('WARN_VALUE_IGNORED')
    },
  },
  {
    name: 'mode shadow: everything passes without headers, and the verdict of the decision says what enforce would do',
    app: (fixture) => ({
      use: [fixture.limits({ limits: [minute(1)], mode: 'shadow' })],
      routes: [{ path: '/shadow', answer: ({ decision }) => ({ json: [decision?.allowed, decision?.verdict, decision?.mode] }) }],
    }),
    async run(t) {
      t.answers(await t.get('/shadow'), 200, [], '[true,"allowed","shadow"]')
      t.answers(await t.get('/shadow'), 200, [], '[true,"refused","shadow"]')
    },
  },
  {
    name: 'mode off: everything passes without headers, and the store is not called',
    app: (fixture) => ({
      use: [
        fixture.limits({
          limits: [minute(1)],
          mode: 'off',
          store: {
            name: 'none',
            consume() {
              throw new Error('the store was called')
            },
            reset: () => undefined,
          },
        }),
      ],
      routes: [{ path: '/off', answer: ({ decision }) => ({ json: [decision?.allowed, decision?.verdict, decision?.mode] }) }],
    }),
    async run(t) {
      for (const _ of [1, 2]) t.answers(await t.get('/off'), 200, [], '[true,"allowed","off"]')
    },
  },
]
