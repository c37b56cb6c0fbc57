import { Evaluator, parseDocument } from '@sluice/policies'
import { beforeAll, describe, expect, test } from 'vitest'
import { documentText, newFolder, type Ran, sluice } from './sluice.ts'

const folder = newFolder()
const AT = Date.parse('2026-11-30T12:00:00Z')
let files = 0
const imported = (text: string, ...args: string[]) => sluice(['policies', 'import', folder.file(`import-${++files}`, text), ...args])

/** Who refuses the last of several equal requests; `undefined` if nobody does. */
function refusedBy(
  document: string,
  request: { path?: string; ip?: string; attributes?: object; headers?: Record<string, string>; host?: string },
  times: number,
) {
  const evaluator = new Evaluator(parseDocument(document))
  const full = { path: '/', ip: '203.0.113.7', ...request, attributes: { ...request.attributes } }
  let verdict = evaluator.decide(full, AT)
  for (let i = 1; i < times; i++) verdict = evaluator.decide(full, AT)
  return verdict.isAdmitted ? undefined : verdict.refusedBy
}

describe('envoyproxy/ratelimit', () => {
  const CONFIG = `---
domain: rl
descriptors:
  - key: source_cluster
    value: proxy
    descriptors:
      - key: destination_cluster
        value: mock
        rate_limit: { unit: minute, requests_per_unit: 1 }
  - key: plan
    rate_limit: { unit: minute, requests_per_unit: 2 }
    descriptors:
      - { key: user, rate_limit: { unit: hour, requests_per_unit: 3, unit_multiplier: 2 } }
      - { key: user, value: banned, rate_limit: { unit: minute, requests_per_unit: 0 } }
      - { key: user, value: tried, rate_limit: { unit: minute, requests_per_unit: 1 }, shadow_mode: true }
  - { key: plan, value: gold, rate_limit: { unit: MONTH, requests_per_unit: 5 } }
  - { key: plan, value: staff }
  - { key: free, rate_limit: { unlimited: true } }
`
  /** A descriptor with these entries, as the service of Envoy gives it. */
  const descriptor = (entries: Readonly<Record<string, string>>) => ({
    attributes: { ...entries, descriptor_keys: Object.keys(entries).join(',') },
  })
  let status: Ran['status']
  let out = ''
  let err = ''
  beforeAll(async () => {
    ;({ status, out, err } = await imported(CONFIG))
  })

  test('the document is valid, and nothing is left out', async () => {
    expect({ status, err }).toEqual({ status: 0, err: '' })
    expect(parseDocument(out)).toMatchObject({ namespace: 'rl', revision: 1 })
    expect(out).toMatch(/^# Imported from .*, a configuration of envoyproxy\/ratelimit\.\n/)
  })

  test.each([
    ['both keys', { source_cluster: 'proxy', destination_cluster: 'mock' }, 2, 'source_cluster-destination_clus.minute'],
    ['another value', { source_cluster: 'proxy', destination_cluster: 'other' }, 9, undefined],
    ['one key of two', { source_cluster: 'proxy' }, 9, undefined],
    ['a value of a key without values', { plan: 'silver' }, 3, 'plan.minute'],
    ['a value that is named', { plan: 'gold' }, 5, undefined],
    ['a value that is named, above its limit', { plan: 'gold' }, 6, 'plan.month'],
    ['a value without a limit', { plan: 'staff' }, 9, undefined],
    ['a value that is refused', { plan: 'gold', user: 'banned' }, 1, undefined],
    ['unlimited', { free: 'x' }, 99, undefined],
    ['more keys', { plan: 'silver', other: 'x' }, 9, undefined],
    ['the keys in another order', { destination_cluster: 'mock', source_cluster: 'proxy' }, 9, undefined],
  ])('%s', async (_, entries, times, refusing) => {
    expect(refusedBy(out, descriptor(entries), times)).toBe(refusing)
  })

  test('a value in shadow is refused by nothing, and the limit of other values is not for it', async () => {
    const document = parseDocument(out)
    expect(document.policies?.map(({ name, mode }) => [name, mode])).toContainEqual(['plan-user-shadow', 'shadow'])
    const silver = (user: string) => descriptor({ plan: 'silver', user })
    expect(refusedBy(out, silver('banned'), 1)).toBe('plan-user.minute')
    const enforced = document.policies?.find(({ name }) => name === 'plan-user')
    expect(enforced?.rules.find(({ match }) => match?.attributes?.['user'] === 'tried')?.limits).toEqual([])
    expect(enforced?.rules.at(-1)?.limits).toEqual([
      { name: 'hour2', algorithm: 'fixedWindow', limit: 3, window: '2h', subject: 'plan-user' },
    ])
  })

  test.each([
    [
      '- { key: a, value: "b*", rate_limit: { unit: minute, requests_per_unit: 1 } }',
      '3: a: b* is left out: a match has whole values, no patterns',
    ],
    [
      '- { key: a.b, rate_limit: { unit: minute, requests_per_unit: 1 } }',
      '3: the descriptor is left out: its key cannot be the name of an attribute',
    ],
    ['- { key: a, rate_limit: { unit: fortnight, requests_per_unit: 1 } }', '3: the limit is left out: expected unit'],
    ['- { key: a, rate_limit: { unit: minute, requests_per_unit: 1, replaces: [{ name: x }] } }', '3: replaces is left out'],
    ['- { key: a, quota_mode: true, rate_limit: { unit: minute, requests_per_unit: 1 } }', '3: quota_mode is a policy in shadow'],
    [
      '- { key: a, descriptors: [{ key: a, rate_limit: { unit: minute, requests_per_unit: 1 } }] }',
      '3: a is left out: it is in its own path',
    ],
    ['- { key: "a,b", rate_limit: { unit: minute, requests_per_unit: 1 } }', '3: the descriptor is left out'],
    ['- { key: a, hits: 2, rate_limit: { unit: minute, requests_per_unit: 1 } }', '3: hits is left out: Sluice has no such setting'],
  ])('%s is named with its line', async (descriptor, message) => {
    expect(await imported(`domain: a\ndescriptors:\n  ${descriptor}\n`)).toMatchObject({ status: 1, err: expect.stringContaining(message) })
  })

  test('values are texts as they are written, and only the end of one is a pattern', async () => {
    const values = ['1.0', '"1"', 'true', 'a*b', '""'].map(
      (value) => `{ key: a, value: ${value}, rate_limit: { unit: day, requests_per_unit: 1 } }`,
    )
    const { status: code, out: document } = await imported(`domain: a\ndescriptors: [${values.join(', ')}]\n`)
    expect(code).toBe(0)
    expect(parseDocument(document).policies?.[0]?.rules.map(({ match }) => match?.attributes?.['a'])).toEqual([
      '1.0',
      '1',
      'true',
      'a*b',
      undefined,
    ])
  })

  test('a namespace of ours', async () => {
    expect(await imported('domain: "7 sins/x"\ndescriptors: [{ key: a, rate_limit: { unit: day, requests_per_unit: 1 } }]')).toMatchObject({
      status: 1,
      out: expect.stringContaining('namespace: sins-x\n'),
      err: expect.stringContaining('1: the domain cannot be a namespace: set domain: sins-x in Envoy'),
    })
    expect((await imported(CONFIG, '--namespace', 'edge')).out).toContain('namespace: edge\n')
  })

  test('what is no configuration', async () => {
    expect(await imported('domain: [')).toMatchObject({ status: 2, err: expect.stringContaining('line 1: expected YAML') })
    expect(await imported('a: 1', '--from', 'envoy')).toMatchObject({
      status: 2,
      err: expect.stringContaining('with domain and descriptors'),
    })
  })
})

describe('a table of clients', () => {
  const into = folder.file(
    'into.yaml',
    `# keep me
apiVersion: sluice/v1
namespace: shop
revision: 4
subjects: { client: { parts: [{ attribute: client }], missing: address } }
tier: { attribute: plan, default: free }
columns: { rps_limit: api.second, rpm_limit: api.minute }
policies:
  - name: api
    rules:
      - name: all
        tiers:
          free: &never []
          pro: []
    overrides: [{ subject: client, is: acme, tier: pro }, { subject: client, is: old, exempt: true }]
`.replace(
      'free: &never []',
      'free: [{ name: second, algorithm: tokenBucket, limit: 10, window: 1s, subject: client }, { name: minute, algorithm: slidingWindow, limit: 100, window: 1m, subject: client }]',
    ),
  )

  test('each client becomes an override', async () => {
    const { status, out, err } = await imported(
      'client_id,tier,rps_limit,rpm_limit\nacme,,50,5000\r\n"glo,bex",pro,,\ninitech,,0,null\numbrella,,,\n',
      '--into',
      into,
    )
    expect({ status, err }).toEqual({ status: 0, err: '' })
    expect(out).toMatch(/^# keep me\n/)
    const document = parseDocument(out)
    expect(document.revision).toBe(5)
    expect(document.policies?.[0]?.overrides).toEqual([
      { subject: 'client', is: 'old', exempt: true },
      { subject: 'client', is: 'acme', limits: { second: { limit: 50 }, minute: { limit: 5000 } } },
      { subject: 'client', is: 'glo,bex', tier: 'pro' },
      { subject: 'client', is: 'initech', limits: { second: { limit: 0 } } },
    ])
  })

  test.each([
    ['client_id,tier\nacme,gold\n', '2: the tier of acme is left out: no rule has a tier "gold"'],
    ['client_id,tier,rps_limit\nacme,pro,5\n', '2: the tier of acme is left out in policy api'],
    ['client_id,rps_limit\nacme,many\nb,1\n', '2: rps_limit of acme is left out: expected a whole number, got "many"'],
    ['client_id,rps_limit\n,5\nb,1\n', '2: the client is left out: it has no client_id'],
  ])('%j is named with its line', async (text, message) => {
    expect(await imported(text, '--into', into)).toMatchObject({ status: 1, err: expect.stringContaining(message) })
  })

  test.each([
    ['client_id,speed\na,1\n', 'the column speed is not in columns of'],
    ['id,rps_limit\na,1\n', 'expected the column client_id'],
    ['client_id,rps_limit\na\n', 'line 2: expected 2 fields, got 1'],
    ['client_id,rps_limit\n"a,1\n', 'line 2: a quote is not closed'],
    ['client_id,rps_limit\n', 'has no client'],
  ])('%j is refused', async (text, message) => {
    expect(await imported(text, '--from', 'csv', '--into', into)).toMatchObject({ status: 2, err: expect.stringContaining(message) })
  })

  test('the document must be named, and have the subject', async () => {
    expect(await imported('client_id\na\n')).toMatchObject({ status: 2, err: expect.stringContaining('needs --into FILE') })
    expect(await imported('client_id\na\n', '--into', into, '--subject', 'user')).toMatchObject({
      status: 2,
      err: expect.stringContaining('has no subject "user"'),
    })
  })
})

describe('limit_req of nginx', () => {
  const CONFIG = String.raw`
http {
  limit_req_zone $binary_remote_addr zone=one:10m rate=2r/s; # by address
  limit_req_zone $http_x_api_key zone=keys:10m rate=30r/m;
  limit_req_zone $request_id zone=odd:1m rate=1r/s;
  limit_req_status 429;
  log_format main '$remote_addr - "$request" { }';
  server {
    server_name example.org .example.net;
    limit_req zone=one burst=4 nodelay;
    location / { proxy_pass http://app; }
    location /login { limit_req zone=one; limit_req zone=keys burst=2; }
    location = /healthz { limit_req_dry_run on; limit_req zone=one burst=9 nodelay; }
    location ~ \.php$ { limit_req zone=one; }
    location /odd { limit_req zone=odd; }
  }
  server { listen 81; location /any/ { limit_req zone=keys burst=1 delay=1; limit_req_status 503; } }
}
`
  let status: Ran['status']
  let out = ''
  let err = ''
  beforeAll(async () => {
    ;({ status, out, err } = await imported(CONFIG))
  })

  test('what cannot be taken over is named with its line', async () => {
    expect(status).toBe(1)
    expect(err.split('\n').map((line) => line.replace(/^\S*import-\d+/, ''))).toEqual([
      ':5: the zone odd is left out: Sluice has no value for $request_id; give it as an attribute',
      String.raw`:14: location ~ \.php$ is left out: a match has no regular expression`,
      ':15: limit_req is left out: the zone odd is not known here',
      ':17: delay=1 is left out: all requests above the rate are delayed',
      ': the zone one has 2 counters instead of one: its places differ in limit_req_status or limit_req_dry_run',
      ': the zone keys has 2 counters instead of one: its places differ in limit_req_status or limit_req_dry_run',
      '',
    ])
  })

  const on = (path: string, headers: Record<string, string> = {}) => ({ path, host: 'example.org', headers })
  test.each([
    ['the server, as nginx: one and four more at once', on('/a'), 5, undefined],
    ['the server, above it', on('/a'), 6, 'nginx.one'],
    ['a location with limits of its own', on('/login'), 2, 'nginx.one'],
    ['the same, below it', on('/login/x', { 'x-api-key': 'k' }), 2, 'nginx.one'],
    ['another host', { ...on('/a'), host: 'example.com' }, 99, undefined],
    ['a name below', { ...on('/a'), host: 'a.example.net' }, 6, 'nginx.one'],
    ['a dry run', on('/healthz'), 99, undefined],
    ['a location without a limit that is known', on('/odd/x'), 99, undefined],
    ['the default server', { path: '/any/x', host: 'example.com', headers: { 'x-api-key': 'k' } }, 3, 'nginx-2.keys'],
    ['another server has its own locations', { path: '/any/x', host: 'a.example.net', headers: { 'x-api-key': 'k' } }, 5, undefined],
  ])('%s', async (_, request, times, refusing) => {
    expect(refusedBy(out, request, times)).toBe(refusing)
  })

  test('statuses, dry runs and queues', async () => {
    const { namespace, policies = [] } = parseDocument(out)
    expect(namespace).toBe('nginx')
    expect(policies.map(({ name, mode, status: code, rules }) => [name, mode, code, rules.map((rule) => rule.name)])).toEqual([
      ['nginx-dry-run', 'shadow', 429, ['example-org-healthz-exact']],
      ['nginx', undefined, 429, ['example-org-healthz-exact', 'example-org-login', 'example-org-odd', 'example-org-all']],
      ['nginx-2', undefined, 503, ['example-org-healthz-exact', 'example-org-login', 'example-org-odd', 'example-org-all', 'any']],
    ])
    expect(policies[1]?.rules[1]?.limits).toMatchObject([
      { name: 'one', algorithm: 'leakyBucket', limit: 2, window: '1s', burst: 1, subject: 'address', shared: true },
      { name: 'keys', limit: 30, window: '1m', burst: 3, queue: true, subject: 'x-api-key' },
    ])
  })

  test.each([
    ['limit_req zone=a', 'line 1: expected ; at the end of limit_req'],
    ['http {\n limit_req zone=a;', 'expected } at the end'],
    ['limit_req zone=a; }', 'line 1: expected a directive, got }'],
  ])('%j is no configuration', async (text, message) => {
    expect(await imported(text)).toMatchObject({ status: 2, err: expect.stringContaining(message) })
  })
})

test('a file of none of the formats', async () => {
  expect(await imported(documentText(1))).toMatchObject({
    status: 2,
    err: expect.stringContaining('--from: expected envoy, csv, nginx, got a file of none of them'),
  })
  expect(await imported(documentText(1), '--from', 'haproxy')).toMatchObject({ status: 2, err: expect.stringContaining('got haproxy') })
})
