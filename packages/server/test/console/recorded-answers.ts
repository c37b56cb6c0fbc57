import type { IncomingMessage } from 'node:http'
import POLICY_SCHEMA from '@sluice/policies/schema/sluice-v1.json' with { type: 'json' }
import { sampleAt } from './recorded-samples.ts'

/** What is out of the ordinary. */
export interface Recorded {
  /** `false`: the service has no token. */
  readonly isOn?: boolean
  readonly scopes?: readonly string[]
  readonly store?: 'up' | 'degraded' | 'away'
  /** How many namespaces there are besides. */
  readonly namespaces?: number
  /** No namespace is switched off. */
  readonly isCalm?: boolean
  /** Nothing was decided, blocked or changed yet. */
  readonly isEmpty?: boolean
  /** Endpoints that fail, such as `GET violators`. */
  readonly failing?: readonly string[]
}

interface Answered {
  readonly status: number
  readonly value: unknown
}

export const TOKEN = 'recorded-token'
const DOCUMENT = `# Limits of the shop.
apiVersion: sluice/v1
namespace: shop
revision: 12
subjects:
  address: { parts: [{ ip: true }] }
  client: { parts: [{ attribute: client }], missing: address }
tier: { attribute: plan, default: free }
exempt: [{ paths: [/healthz] }]
policies:
  - name: login
    failMode: closed
    rules:
      - name: login
        match: { methods: [POST], paths: [/login] }
        limits:
          - { name: address, algorithm: slidingWindow, limit: 5, window: 15m, subject: address, visible: false }
  - name: api
    rules:
      - name: orders
        match: { paths: ['/orders/*'] }
        tiers:
          free: [{ name: minute, algorithm: fixedWindow, limit: 60, window: 1m, subject: client }]
          pro: [{ name: minute, algorithm: fixedWindow, limit: 600, window: 1m, subject: client }]
    overrides:
      - { subject: client, is: acme, limits: { minute: { limit: 2000 } }, until: '2027-06-01T00:00:00Z' }
`
/** 20,000 lines. */
const LONG = Array.from({ length: 20_000 }, (_, i) => `# line ${i + 1}`).join('\n')
const MINUTE = 60_000
const NAMES = ['chat', 'edge', 'shop']

export function answers(
  options: Recorded,
  incoming: IncomingMessage | undefined,
  what: string,
  query: URLSearchParams,
  body: Readonly<Record<string, unknown>>,
): Answered {
  if (options.isOn === false) return problem(404, 'There is no such endpoint.')
  if (incoming !== undefined && incoming.headers.authorization !== `Bearer ${TOKEN}`) return problem(401, 'The token is not known.')
  if (options.failing?.includes(what) === true) return problem(500, 'The service failed. Its log says why.')
  const now = Date.now()
  const rows = (list: readonly unknown[]): Answered => ok({ rows: options.isEmpty === true ? [] : list })
  switch (what.replace(/(policies|subjects)\/[^/]+/, '$1/:ns').replace(/history\/\d+/, 'history/:rev')) {
    case 'GET whoami':
      return ok({ name: 'ada', scopes: options.scopes ?? ['admin:*'], by: 'token' })
    case 'GET overview':
      return ok(overview(options, now))
    case 'GET live/history':
      return ok({
        samples: options.isEmpty === true ? [] : Array.from({ length: 899 }, (_, i) => sampleAt((Math.floor(now / 1000) - 899 + i) * 1000)),
      })
    case 'GET violators':
      return rows(violators(now).slice(0, Number(query.get('limit') ?? 50)))
    case 'GET nearest':
      return rows(nearest(now).slice(0, Number(query.get('limit') ?? 50)))
    case 'GET subjects/:ns':
      return ok(subject(query.get('subject') ?? '', now))
    case 'POST subjects/:ns/reset':
      return ok({})
    case 'POST subjects/:ns/override':
      return ok({ revision: 13 })
    case 'GET policies':
      return ok({ rows: policyRows(options, now, query.get('after') ?? '', Number(query.get('limit') ?? 100)) })
    case 'GET policies/:ns':
    case 'GET policies/:ns/history/:rev':
      return ok({
        namespace: what.split('/')[1],
        revision: 12,
        text: what.endsWith('/edge') ? LONG : DOCUMENT,
        format: 'yaml',
        etag: '"12"',
      })
    case 'GET policies/:ns/history':
      return rows([
        { revision: 12, at: now - 3 * MINUTE, by: 'ada', note: 'Orders of the pro plan: 600' },
        { revision: 11, at: now - 90 * MINUTE, by: 'grace', note: 'Roll back: checkout was refused', rollbackOf: 9 },
        { revision: 10, at: now - 95 * MINUTE, by: 'ada', note: 'Halve every limit' },
        { revision: 9, at: now - 3000 * MINUTE, by: 'ci', note: null },
      ])
    case 'POST policies/:ns/validate':
      return ok(validated(String(body['text'])))
    case 'POST policies/:ns/diff':
      return ok({
        changes: [
          { effect: 'tighter', policy: 'login', who: 'POST /login', message: 'login.address: the limit was 5 and is 3' },
          { effect: 'looser', policy: 'api', who: 'tier free', message: 'api.minute: the limit was 60 and is 90' },
        ],
      })
    case 'POST policies/:ns/impact':
      return ok({
        requests: 48_210,
        refusedBefore: 1412,
        refusedAfter: 1893,
        limits: [
          { limit: 'login.address', refusedBefore: 212, refusedAfter: 731 },
          { limit: 'api.minute', refusedBefore: 1200, refusedAfter: 1162 },
        ],
        subjects: [{ subject: '203.0.113.7', refusedBefore: 88, refusedAfter: 141 }],
      })
    case 'PUT policies/:ns':
      return body['expected'] === 12
        ? ok({ revision: 13, waitedMs: 420, laggards: [] })
        : { status: 409, value: { detail: 'Revision 13 is in force.', current: 13 } }
    case 'POST policies/:ns/rollback':
      return ok({ revision: 13, waitedMs: 380, laggards: ['i-3'] })
    case 'GET schema':
      return ok(POLICY_SCHEMA)
    case 'GET blocks':
      return ok(options.isEmpty === true ? { rows: [], total: 0, isOn: true } : blocks(now))
    case 'GET blocks/why':
      return ok({
        target: { kind: 'address', name: query.get('target') },
        blocked: byRule('203.0.113.7/32', now),
        allowed: null,
        counting: null,
        level: 2,
      })
    case 'GET audit':
      return query.has('before') ? ok({ rows: [] }) : rows(audit(now))
    case 'GET kill-switch':
      return rows(options.isCalm === true ? [] : [{ namespace: 'chat', ...switchedOff(now) }])
    default:
      return what.startsWith('GET') ? problem(404, 'There is no such endpoint.') : ok({})
  }
}

function switchedOff(now: number): object {
  const until = new Date(now + 40 * MINUTE).toISOString()
  return { revision: 5, previous: 4, until, by: 'grace', reason: 'Incident 4711: paying clients were refused' }
}

function overview({ store = 'up', isEmpty = false, isCalm = false }: Recorded, now: number): unknown {
  const revisions = { chat: 4, edge: 31, shop: 12 }
  const instance = (id: string, host: string, seen: number, others = {}): unknown => ({
    id,
    host,
    version: '1.0.0',
    startedAt: now - 3 * 3_600_000,
    seenAt: now - seen,
    revisions: { ...revisions, ...others },
  })
  return {
    instance: { id: 'i-1', host: 'edge-fra-1', version: '1.0.0', startedAt: now - 3 * 3_600_000 },
    store: {
      name: 'Redis 7.4, 3 shards',
      state: store,
      shards: ['10.0.4.11:6379', '10.0.4.12:6379', '10.0.4.13:6379'].map((name, i) => ({
        name,
        state: store !== 'up' && i < 2 ? 'open' : 'closed',
      })),
    },
    instances: isEmpty
      ? []
      : [instance('i-1', 'edge-fra-1', 800), instance('i-2', 'edge-fra-2', 1900), instance('i-3', 'edge-ams-1', 2400, { shop: 11 })],
    namespaces: NAMES.map((namespace) => ({
      namespace,
      revision: revisions[namespace as 'shop'],
      from: 'etcd://10.0.3.2/sluice',
      inSource: true,
      confirmedAt: now - 900,
      mode: 'enforce',
    })),
    regions: isEmpty
      ? []
      : [
          { name: 'us-east', lagMs: 184, heardAt: now - 900, isSilent: false },
          { name: 'ap-south', lagMs: 231, heardAt: now - (isCalm ? 1_200 : 42_000), isSilent: !isCalm },
        ],
    region: isEmpty
      ? null
      : {
          self: 'eu-central',
          unpublished: 120,
          sent: 18_422,
          applied: 35_107,
          late: 12,
          over: 431,
          forgiven: 0,
          transfers: 64,
          cause: isCalm ? null : 'streamTransport: ETIMEDOUT',
        },
  }
}

function violators(now: number): readonly unknown[] {
  const subjects = [
    '203.0.113.7',
    'client:acme-import',
    '198.51.100.24',
    'user:8812',
    'client:nightly-sync',
    'user:1190',
    '2001:db8:7::/64',
    'user:77',
  ]
  return subjects.map((name, i) => ({
    namespace: i % 3 === 0 ? 'shop' : 'chat',
    policy: i % 3 === 0 ? 'login' : 'messages',
    limit: i % 3 === 0 ? 'address' : 'burst',
    subject: name,
    refused: Math.round(4200 / (i + 1) ** 1.3),
    lastAt: now - i * i * 4000,
  }))
}

function nearest(now: number): readonly unknown[] {
  return ['client:northwind', 'user:501', 'client:acme-import', 'user:61', 'client:globex', 'user:8', 'user:12'].map((name, i) => ({
    namespace: 'shop',
    policy: 'api',
    limit: 'minute',
    subject: name,
    used: 60 - i * 4,
    max: 60,
    remaining: i * 4,
    resetAt: now + 1000 * (12 + i * 5),
  }))
}

function subject(name: string, now: number): unknown {
  const limit = (policy: string, limit: string, used: number, max: number, more = {}): unknown => ({
    policy,
    limit,
    algorithm: 'slidingWindow',
    used,
    max,
    remaining: Math.max(0, max - used),
    resetAt: now + 34_000,
    windowMs: MINUTE,
    mode: 'enforce',
    subjectName: 'client',
    source: 'store',
    ...more,
  })
  return {
    namespace: 'shop',
    subject: name,
    limits: [
      limit('api', 'minute', 57, 60),
      limit('search', 'second', 10, 10, { windowMs: 1000, resetAt: now + 600 }),
      limit('login', 'address', 1, 5, { mode: 'shadow' }),
    ],
    block: name === '203.0.113.7' ? byRule('203.0.113.7/32', now) : null,
    overrides: [{ policy: 'api', subject: 'client', is: name, limits: { minute: { limit: 2000 } }, until: '2027-06-01T00:00:00Z' }],
    history: Array.from({ length: 15 }, (_, i) => ({
      at: now - (15 - i) * MINUTE,
      allowed: 40 + Math.round(15 * Math.sin(i / 5)),
      refused: i > 6 && i < 12 ? (i - 6) * 4 : 0,
    })),
  }
}

function policyRows({ namespaces = 0 }: Recorded, now: number, after: string, limit: number): readonly unknown[] {
  const names = [...NAMES, ...Array.from({ length: namespaces }, (_, i) => `tenant-${String(i).padStart(5, '0')}`)].toSorted()
  return names
    .filter((name) => name > after)
    .slice(0, limit)
    .map((namespace, i) => ({
      namespace,
      revision: 12,
      policies: 3,
      from: 'etcd://10.0.3.2/sluice',
      inSource: namespace !== 'edge',
      publishedAt: now - (i + 1) * 11 * MINUTE,
      by: 'ada',
      killSwitch: namespace === 'chat' ? switchedOff(now) : null,
    }))
}

function validated(document: string): unknown {
  const line = document.split('\n').findIndex((each) => each.includes('windw')) + 1
  if (line > 0)
    return {
      ok: false,
      problems: [{ path: 'policies[0].rules[0].limits[0].windw', message: 'unknown field; did you mean window?', line }],
      findings: [],
    }
  return {
    ok: true,
    problems: [],
    findings: [{ rule: 'hidden-limit', path: 'policies[0].rules[0].limits[0]', message: 'clients do not see this limit', line: 17 }],
  }
}

function byRule(name: string, now: number): object {
  const evidence = { since: now - 19 * MINUTE, strikes: 40, refused: 212, requests: 240, endpoints: 12, limits: ['shop/login.address'] }
  return {
    kind: 'address',
    name,
    effect: 'refuse',
    rule: 'strikes',
    since: now - 9 * MINUTE,
    until: now + 51 * MINUTE,
    level: 2,
    evidence,
    reason: '',
  }
}

function blocks(now: number): unknown {
  const byHand = (kind: string, name: string, effect: string, reason: string, minutes: number | null): object => {
    const until = minutes === null ? null : now + minutes * MINUTE
    return { kind, name, effect, rule: 'manual', since: now - 99 * MINUTE, until, level: 0, evidence: null, reason }
  }
  const rows = [
    byRule('203.0.113.7/32', now),
    byHand('subject', 'user:8812', 'refuse', 'Card testing, ticket 4699', 12),
    byHand('address', '198.51.100.0/24', 'drop', 'Scraper, ticket 4702', 1200),
    byHand('address', '192.0.2.0/28', 'allow', 'Monitoring', null),
  ]
  return { rows, total: rows.length, isOn: true }
}

function audit(now: number): readonly unknown[] {
  const row = (id: number, minutes: number, who: string, action: string, others: object): unknown => ({
    id,
    at: now - minutes * MINUTE,
    who,
    action,
    outcome: 'done',
    ip: '10.0.9.4',
    ...others,
  })
  return [
    row(9, 3, 'ada', 'policies.publish', {
      namespace: 'shop',
      target: 'revision 12',
      before: { revision: 11 },
      after: { revision: 12, note: 'Orders of the pro plan: 600' },
    }),
    row(8, 20, 'grace', 'kill-switch.off', {
      namespace: 'chat',
      target: null,
      before: { mode: 'on' },
      after: { mode: 'off', reason: 'Incident 4711: paying clients were refused' },
    }),
    row(7, 44, 'ada', 'subjects.reset', { namespace: 'shop', target: 'client:acme-import', before: null, after: null }),
    row(6, 90, 'grace', 'policies.rollback', {
      namespace: 'shop',
      target: 'revision 11',
      before: { revision: 10 },
      after: { revision: 11, rollbackOf: 9 },
    }),
    row(5, 99, 'ops-bot', 'blocks.add', { target: '198.51.100.0/24', before: null, after: { for: '24h', reason: 'Scraper, ticket 4702' } }),
  ]
}

function ok(value: unknown): Answered {
  return { status: 200, value }
}

function problem(status: number, detail: string): Answered {
  return { status, value: { type: 'about:blank', status, detail } }
}
