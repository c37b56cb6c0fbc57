import { body, cookie, fixedWindow, header, ip, type KeyOf, matchesAddress, type MissingRule, user } from '@sluice/core'
import type { Feature, Mount, AppParts, Fixture } from '../adapter.ts'
import { bodyLines, type HttpCase, remainingOf, OK_BODY } from '../case.ts'
import type { RequestSpec } from '../client.ts'

const one = fixedWindow({ name: 'minute', limit: 1, window: '1m' })
const quiet = { standard: false, legacy: false } as const

/**
 * Sends groups of requests under a limit of 1. Requests of one group share a subject, so only the first passes. Requests of
 * different groups do not.
 */
export async function grouped(
  send: (request: RequestSpec) => Promise<{ readonly status: number }>,
  groups: readonly (readonly RequestSpec[])[],
): Promise<{ readonly found: readonly (readonly number[])[]; readonly expected: readonly (readonly number[])[] }> {
  const found: (readonly number[])[] = []
  for (const group of groups) {
    const row: number[] = []
    for (const request of group) row.push((await send(request)).status)
    found.push(row)
  }
  return { found, expected: groups.map((group) => group.map((_, i) => (i === 0 ? 200 : 429))) }
}

function keyed(
  name: string,
  key: (fixture: Fixture) => KeyOf<any>,
  groups: readonly (readonly RequestSpec[])[],
  parts: AppParts = {},
  requires?: readonly Feature[],
): HttpCase {
  return {
    name,
    requires,
    app: (fixture) => ({ use: [fixture.limits({ limits: [one], key: key(fixture) })], ...parts }),
    async run(t) {
      const { found, expected } = await grouped((request) => t.send(request), groups)
      t.is(found, expected)
    },
  }
}

const with_ = (...headers: readonly (readonly [string, string])[]): RequestSpec => ({ headers })
const post = (value: unknown): RequestSpec => ({ method: 'POST', body: JSON.stringify(value) })
const posting = { parse: true, routes: [{ method: 'POST', path: '/', answer: () => ({ json: { ok: true } }) }] } as const

/** `missing: 'reject'`: the status and body for each missing part. */
function rejecting(name: string, key: KeyOf<any>, status: 400 | 401, part: string, challenge?: string): HttpCase {
  return {
    name,
    app: (fixture) => ({ use: [fixture.limits({ limits: [one], key, missing: 'reject' })] }),
    async run(t) {
      const title = status === 401 ? 'Unauthorized' : 'Bad Request'
      const text = `{"type":"about:blank","title":"${title}","status":${status},"detail":"The request lacks ${part}, which its rate limit needs."}`
      const lines = [...bodyLines(), ...(challenge === undefined ? [] : [`www-authenticate: ${challenge}`])]
      for (const _ of [1, 2]) t.answers(await t.get(), status, lines, text)
    },
  }
}

const apiKey = (missing: MissingRule | undefined): Mount => ({ limits: [one], key: header('x-api-key'), missing, ...quiet })

/** Which requests share a subject. */
export const subjectCases: readonly HttpCase[] = [
  {
    name: 'newcomer 14: body() of a request that no usual parser would read is not reported',
    app: (fixture) => ({
      use: [fixture.limits({ limits: [fixedWindow({ name: 'minute', limit: 9, window: '1m' })], key: body('email') })],
      routes: ['GET', 'POST', 'DELETE'].map((method) => ({ method, path: '/', answer: () => ({ json: { ok: true } }) })),
    }),
    async run(t) {
      t.is(remainingOf(await t.get()), 8)
      t.is(remainingOf(await t.send({ method: 'POST', headers: [['Content-Length', '0']] })), 7)
      t.is(remainingOf(await t.send({ method: 'POST', headers: [['Content-Type', 'text/plain']], body: 'hello' })), 6)
      t.is(remainingOf(await t.send({ method: 'DELETE' })), 5)
    },
  },
  keyed('the default subject is the address of the connection', () => ip(), [[{}, with_(['X-Api-Key', 'a']), { path: '/nowhere' }]]),
  keyed('key: header', () => header('X-Api-Key'), [
    [with_(['X-Api-Key', 'a']), with_(['x-api-key', 'a'])],
    [with_(['X-Api-Key', 'b']), with_(['X-Api-Key', 'b'])],
    [{}, {}],
  ]),
  keyed('key: cookie', () => cookie('session'), [
    [with_(['Cookie', 'theme=dark; session=a']), with_(['Cookie', 'session=a']), with_(['Cookie', 'session="a"; session=b'])],
    [with_(['Cookie', 'session=b; xsession=a'])],
    [with_(['Cookie', 'xsession=a']), {}],
  ]),
  keyed(
    'key: body, by path; own properties only',
    () => body('user.email'),
    [
      [post({ user: { email: 'a@x' } }), post({ user: { email: 'a@x' }, more: 1 })],
      [post({ user: { email: 'b@x' } })],
      [post({ user: {} }), post({ user: { email: ['a@x'] } }), post({})],
    ],
    posting,
  ),
  keyed('key: user, as set by authentication', ({ read }) => user(async (c) => Promise.resolve(read.header(c, 'x-user'))), [
    [with_(['X-User', 'ann']), with_(['X-User', 'ann'])],
    [with_(['X-User', 'bob'])],
  ]),
  keyed(
    'key: a function',
    ({ read }) =>
      (c: unknown) =>
        read.header(c, 'x-user'),
    [[with_(['X-User', 'ann']), with_(['X-User', 'ann'])], [with_(['X-User', 'bob'])]],
  ),
  keyed('newcomer 21: key: a list of parts and functions', ({ read }) => [header('x-a'), async (c: unknown) => read.header(c, 'x-b')], [
    [with_(['X-A', 'a'], ['X-B', 'b']), with_(['X-A', 'a'], ['X-B', 'b'])],
    [with_(['X-A', 'a'], ['X-B', 'c'])],
    [with_(['X-A', 'a:b'], ['X-B', 'c'])],
  ]),
  keyed(
    'newcomer 22: key: body with lower: other spellings of an account are one quota',
    () => body('email', { lower: true }),
    [
      [post({ email: 'bob@x.de' }), post({ email: ' Bob@X.de\n' }), post({ email: '\uff22ob@x.de' })],
      [post({ email: 'ann@x.de' })],
      [post({ email: '  ' }), post({})],
    ],
    posting,
  ),
  {
    name: 'M2: skip: matchesAddress is asked for the address that the limiter sees',
    app: (fixture) => ({
      use: [
        fixture.limits({
          limits: [one],
          trustProxy: 1,
          ...quiet,
          skip: matchesAddress(['203.0.113.0/24', '2001:db8:5:ff::/64', 'loopback']),
        }),
      ],
    }),
    async run(t) {
      const twice = async (address: string) => {
        const request = { headers: [['X-Forwarded-For', address] as const] }
        return [(await t.send(request)).status, (await t.send(request)).status]
      }
      for (const address of ['203.0.113.9', '::ffff:203.0.113.10', '6.6.6.6, 203.0.113.9', '2001:db8:5:ff::1', '64:ff9b::203.0.113.9'])
        t.is(await twice(address), [200, 200], address)
      // The connection is one of the list, but not the client.
      for (const address of ['198.51.100.4', '2001:db8:5:fe::1', '203.0.113.9, 198.51.100.5', '64:ff9b::127.0.0.1'])
        t.is(await twice(address), [200, 429], address)
    },
  },
  keyed('key: several parts make one subject without collisions', () => [header('x-a'), header('x-b')], [
    [with_(['X-A', 'a:b'], ['X-B', 'c']), with_(['X-A', 'a:b'], ['X-B', 'c'])],
    [with_(['X-A', 'a'], ['X-B', 'b:c'])],
    [with_(['X-A', 'a\\'], ['X-B', 'b:c'])],
    [with_(['X-A', 'a\\:b'], ['X-B', 'c'])],
  ]),
  keyed('key: a value that looks like an address does not share the state of that address', () => header('x-api-key'), [
    [with_(['X-Api-Key', '127.0.0.1'])],
    [{}, {}],
    [with_(['X-Api-Key', '~ip:127.0.0.1'])],
  ]),
  {
    name: 'trap: one bucket for all anonymous clients: by default the address replaces a missing subject',
    app: (fixture) => ({ use: [fixture.limits({ ...apiKey(undefined), trustProxy: 1 })] }),
    async run(t) {
      const { found, expected } = await grouped(
        (request) => t.send(request),
        [
          [with_(['X-Forwarded-For', '1.1.1.1']), with_(['X-Forwarded-For', '1.1.1.1'], ['X-Api-Key', ''])],
          [with_(['X-Forwarded-For', '2.2.2.2'])],
          [with_(['X-Forwarded-For', '1.1.1.1'], ['X-Api-Key', 'a'])],
        ],
      )
      t.is(found, expected)
    },
  },
  {
    name: 'missing: skip passes the request without counting it',
    app: (fixture) => ({ use: [fixture.limits({ limits: [one], key: header('x-api-key'), missing: 'skip' })] }),
    async run(t) {
      for (const _ of [1, 2]) t.answers(await t.get(), 200, [], OK_BODY)
      t.is([(await t.get('/', ['X-Api-Key', 'a'])).status, (await t.get('/', ['X-Api-Key', 'a'])).status], [200, 429])
    },
  },
  rejecting('missing: reject sends 401 for a credential', header('x-api-key'), 401, 'header:x-api-key', 'ApiKey'),
  rejecting(
    'missing: reject sends 401 with a Bearer challenge for Authorization',
    header('authorization'),
    401,
    'header:authorization',
    'Bearer',
  ),
  rejecting('missing: reject sends 400 for any other part', header('x-tenant'), 400, 'header:x-tenant'),
  rejecting('missing: reject names the first missing part', [ip(), body('email')], 400, 'body:email'),
  {
    name: 'limits with different keys are one decision: all are charged, or none',
    app: (fixture) => ({
      use: [
        fixture.limits({
          limits: [
            fixedWindow({ name: 'address', limit: 3, window: '1m', key: ip() }),
            fixedWindow({ name: 'account', limit: 1, window: '1h', key: header('x-account') }),
          ],
          missing: 'skip',
        }),
      ],
    }),
    async run(t) {
      const line = ({ lines }: { readonly lines: readonly string[] }) => lines.find((each) => each.startsWith('ratelimit: '))
      const ann = ['X-Account', 'ann'] as const
      t.is(line(await t.get('/', ann)), 'ratelimit: "address";r=2;t=60, "account";r=0;t=3600')
      // Refused by the account, so the address still has 2.
      t.is(line(await t.get('/', ann)), 'ratelimit: "address";r=2;t=60, "account";r=0;t=3600')
      t.is(line(await t.get('/', ['X-Account', 'bob'])), 'ratelimit: "address";r=1;t=60, "account";r=0;t=3600')
      t.is(remainingOf(await t.get()), 0, 'without an account, only the address is limited')
      t.is((await t.get('/', ['X-Account', 'cyd'])).status, 429)
      await t.advance(60_000)
      t.is((await t.get('/', ['X-Account', 'cyd'])).status, 200, 'was refused by the address, so the account still had 1')
    },
  },
]
