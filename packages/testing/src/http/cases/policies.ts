import { allowedLines, bodyLines, type HttpCase, OK_BODY, refusedLines } from '../case.ts'
import { appOf, documentOf, MINUTE, mountOf, one, policiesOf } from './policy-documents.ts'

// Limits as a document. The same document must mean the same in every framework.

const named = '"api.all.minute";q=2;w=60'

function body(name: string, detail: string, retry: number | undefined, status = 429): string {
  const violated = name === '' ? '' : `"${name}"`
  const wait = retry === undefined ? '' : `,"retry_after":${retry}`
  return `{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded","title":"Quota Exceeded","status":${status},"detail":"${detail}","violated-policies":[${violated}]${wait}}`
}

const TWO = one(`${MINUTE}, limit: 2, subject: address`)
const used = (units: string) => ({ path: `/used/${units}`, answer: () => ({ headers: { 'x-used': units }, json: { ok: true } }) })
const CLIENT = (id: string) => ['X-Client', id] as const

/** `policies`: limits from a document. */
export const policyCases: readonly HttpCase[] = [
  {
    name: 'policies: headers, body and numbers are those of the document',
    app: (fixture) => appOf(fixture, TWO),
    async run(t) {
      t.answers(await t.get(), 200, allowedLines(named, '"api.all.minute";r=1;t=60', [2, 1, 60]), OK_BODY)
      await t.get()
      const detail = 'Limit \\"api.all.minute\\" allows 2 units per 60 seconds. Retry in 60 seconds.'
      t.answers(await t.get(), 429, refusedLines(named, '"api.all.minute";r=0;t=60', [2, 0, 60], 60), body('api.all.minute', detail, 60))
    },
  },
  {
    name: 'policies: a request that is exempt, or that no rule matches, has no headers',
    app: (fixture) =>
      appOf(
        fixture,
        `exempt: [{ paths: [/healthz] }]\n${one(`${MINUTE}, limit: 1, subject: address`).replace('limits:', 'match: { methods: [GET], paths: [/healthz, /a] }, limits:')}`,
        {
          routes: ['/healthz', '/a'].map((path) => ({ path, answer: () => ({ json: { ok: true } }) })),
        },
      ),
    async run(t) {
      for (const path of ['/healthz', '/', '/healthz', '/']) t.answers(await t.get(path), 200, [], OK_BODY)
      t.is((await t.get('/a')).status, 200)
      t.is((await t.get('/a')).status, 429)
    },
  },
  {
    name: 'policies: an exempt address does not exempt what an unknown proxy forwards',
    app: (fixture) => appOf(fixture, `exempt: [{ addresses: [127.0.0.0/8, '::1'] }]\n${TWO}`),
    async run(t) {
      t.answers(await t.get(), 200, [], OK_BODY)
      // The second header decides only on Cloudflare, which overwrites it.
      const forged = await t.get('/', ['X-Forwarded-For', '127.0.0.1'], ['CF-Connecting-IP', '127.0.0.1'])
      t.is(forged.status, 200)
      t.is(forged.lines.length > 0, true, 'it is limited')
      t.warnings('WARN_FORWARDED_UNTRUSTED')
    },
  },
  {
    name: 'policies: all policies make one decision, and a hidden limit is in no header',
    app: (fixture) =>
      appOf(
        fixture,
        `policies:
  - { name: all, rules: [{ name: any, limits: [{ ${MINUTE}, limit: 9, subject: address }] }] }
  - { name: login, status: 403, rules: [{ name: any, limits: [{ name: tries, algorithm: fixedWindow, window: 1h, limit: 2, subject: address, visible: false }] }] }`,
      ),
    async run(t) {
      const policy = '"api.all.minute";q=9;w=60'
      t.answers(await t.get(), 200, allowedLines(policy, '"api.all.minute";r=8;t=60', [9, 8, 60]), OK_BODY)
      await t.get()
      const lines = refusedLines(policy, '"api.all.minute";r=7;t=60', [9, 7, 60], 3_600)
      t.answers(await t.get(), 403, lines, body('', 'Retry in 3600 seconds.', 3_600, 403))
      await t.advance(3_600_000)
      t.answers(await t.get(), 200, allowedLines(policy, '"api.all.minute";r=8;t=60', [9, 8, 3_660]), OK_BODY)
    },
  },
  {
    name: 'policies: a new revision keeps the counts, and a request in flight settles in it',
    app(fixture) {
      const policies = policiesOf(fixture, one(`${MINUTE}, limit: 5, subject: address, refundOn: [4xx]`))
      const next = one(`${MINUTE}, limit: 3, subject: address`)
      return {
        use: [mountOf(fixture, policies)],
        routes: [
          {
            path: '/swap',
            async answer() {
              policies.use(documentOf(next, 2))
              fixture.note('swapped')
              await fixture.gate('end')
              return { status: 404, json: {} }
            },
          },
        ],
      }
    },
    async run(t) {
      t.answers(await t.get(), 200, allowedLines('"api.all.minute";q=5;w=60', '"api.all.minute";r=4;t=60', [5, 4, 60]), OK_BODY)
      const inFlight = t.send({ path: '/swap' })
      await t.until(async () => (await t.log()).notes.length === 1)
      const policy = '"api.all.minute";q=3;w=60'
      t.answers(await t.get(), 200, allowedLines(policy, '"api.all.minute";r=0;t=60', [3, 0, 60]), OK_BODY)
      await t.open('end')
      t.is((await inFlight).status, 404)
      await t.settled('refund 1')
      t.answers(await t.get(), 200, allowedLines(policy, '"api.all.minute";r=0;t=60', [3, 0, 60]), OK_BODY)
    },
  },
  {
    name: 'policies: tiers and subjects come from attributes, and a missing subject is refused or skipped',
    app: (fixture) =>
      appOf(
        fixture,
        `tier: { attribute: plan, default: free }
policies:
  - name: all
    rules:
      - name: clients
        match: { paths: [/c] }
        limits: [{ ${MINUTE}, limit: 1, subject: client }]
      - name: any
        tiers:
          free: [{ name: plan, algorithm: fixedWindow, window: 1m, limit: 1, subject: maybe }]
          pro: [{ name: plan, algorithm: fixedWindow, window: 1m, limit: 2, subject: maybe }]
          unlimited: []`,
        { routes: [{ path: '/c', answer: () => ({ json: { ok: true } }) }] },
      ),
    async run(t) {
      t.answers(
        await t.get('/c'),
        401,
        [...bodyLines(), 'www-authenticate: ApiKey'],
        '{"type":"about:blank","title":"Unauthorized","status":401,"detail":"The request lacks attribute:client, which its rate limit needs."}',
      )
      t.is((await t.get('/c', CLIENT('a'))).status, 200)
      t.is((await t.get('/c', CLIENT('a'))).status, 429)
      t.is((await t.get('/c', CLIENT('b'))).status, 200)
      for (const _ of [1, 2]) t.answers(await t.get(), 200, [], OK_BODY)
      t.is((await t.get('/', CLIENT('a'))).status, 200)
      t.is((await t.get('/', CLIENT('a'))).status, 429)
      t.is((await t.get('/', CLIENT('a'), ['X-Plan', 'pro'])).status, 200, 'one counter for all tiers')
      t.is((await t.get('/', CLIENT('a'), ['X-Plan', 'pro'])).status, 429)
      t.answers(await t.get('/', CLIENT('a'), ['X-Plan', 'unlimited']), 200, [], OK_BODY)
    },
  },
  {
    name: 'policies: refundOn gives back after the response, and settle corrects the cost',
    app: (fixture) =>
      appOf(
        fixture,
        `policies:
  - name: all
    rules:
      - name: failures
        match: { paths: [/fail, /ok] }
        limits: [{ ${MINUTE}, limit: 2, subject: address, refundOn: [2xx] }]
      - name: used
        match: { paths: ['/used/*'] }
        limits: [{ name: units, algorithm: fixedWindow, window: 1m, limit: 20, subject: address, cost: 5, settle: { responseHeader: x-used, max: 10 } }]`,
        {
          routes: [
            { path: '/ok', answer: () => ({ json: { ok: true } }) },
            { path: '/fail', answer: () => ({ status: 404, json: {} }) },
            used('2'),
            used('40'),
            used('none'),
          ],
        },
      ),
    async run(t) {
      for (const times of [1, 2, 3]) {
        t.is((await t.get('/ok')).status, 200)
        await t.settled('refund 1', times)
      }
      t.is([(await t.get('/fail')).status, (await t.get('/fail')).status, (await t.get('/fail')).status], [404, 404, 429])
      const left = async (path: string) =>
        (await t.get(path)).lines
          .find((line) => line.startsWith('x-ratelimit-remaining'))
          ?.slice(-2)
          .trim()
      t.is(await left('/used/2'), '15')
      await t.settled('refund 3')
      t.is(await left('/used/40'), '13')
      await t.settled('force 5')
      t.is(await left('/used/none'), '3', 'a header that is no number leaves the charge')
      t.is((await t.get('/used/2')).status, 429)
    },
  },
  {
    name: 'policies: a limit of 0 ends when its policy does',
    app: (fixture) => appOf(fixture, one(`${MINUTE}, limit: 0, subject: address`, "active: { until: '2027-01-15T08:00:30Z' },")),
    async run(t) {
      const lines = [
        'ratelimit-policy: "api.all.minute";q=0;w=60',
        'ratelimit: "api.all.minute";r=0',
        'x-ratelimit-limit: 0',
        'x-ratelimit-remaining: 0',
        'retry-after: 30',
        ...bodyLines(),
      ]
      t.answers(await t.get(), 429, lines, body('api.all.minute', 'Limit \\"api.all.minute\\" allows nothing. Retry in 30 seconds.', 30))
      await t.advance(30_000)
      t.answers(await t.get(), 200, [], OK_BODY)
    },
  },
  {
    name: 'policies: concurrency is released when the response has ended',
    app: (fixture) =>
      appOf(fixture, one('name: slots, algorithm: concurrency, limit: 1, ttl: 1m, subject: address'), {
        routes: [
          {
            path: '/slow',
            async answer() {
              fixture.note('slow')
              await fixture.gate('slow')
              return { json: { ok: true } }
            },
          },
        ],
      }),
    async run(t) {
      const slow = t.send({ path: '/slow' })
      await t.until(async () => (await t.log()).notes.includes('slow'))
      t.is((await t.get()).status, 429)
      await t.open('slow')
      t.is((await slow).status, 200)
      await t.until(async () => (await t.get()).status === 200)
    },
  },
  {
    name: 'policies: the limiter resets, blocks and peeks by the request, and by a subject',
    app(fixture) {
      const skip = async (context: unknown): Promise<boolean> => {
        const command = fixture.read.header(context, 'x-do')
        const limiter = fixture.limiterOf(mount)
        if (command === 'peek') fixture.note(`${(await limiter.peek(context)).remaining}`)
        if (command === 'reset') fixture.note(`reset ${await limiter.reset(context)}`)
        if (command === 'subject')
          fixture.note(`reset ${await limiter.reset('127.0.0.1')}, ${JSON.stringify(await limiter.subjectOf(context))}`)
        if (command === 'block') await limiter.block(context, '1h')
        return command !== undefined
      }
      const mount = mountOf(fixture, policiesOf(fixture, TWO), { skip })
      return { routes: ['/', '/b'].map((path) => ({ path, use: [mount], answer: () => ({ json: { ok: true } }) })) }
    },
    async run(t) {
      const doing = (what: string) => t.get('/', ['X-Do', what])
      await t.get()
      await t.get()
      t.is((await t.get()).status, 429)
      for (const what of ['peek', 'reset']) await doing(what)
      t.is((await t.get()).status, 200)
      await doing('subject')
      await doing('block')
      t.is((await t.get()).status, 429)
      t.is((await t.log()).notes, ['0', 'reset true', 'reset true, "127.0.0.1"'])
    },
  },
]
