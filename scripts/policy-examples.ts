/** An example of each object of the format, by its title in the schema. A test checks them. */
export const EXAMPLES: Readonly<Record<string, string>> = {
  Document: `
apiVersion: sluice/v1
namespace: payments
revision: 42
subjects:
  client: { parts: [{ attribute: client }], missing: address }
tier: { attribute: plan, table: clients, default: free }
columns: { rpm_limit: api.minute }
exempt: [{ paths: [/healthz] }]
policies:
  - name: api
    rules:
      - name: all
        tiers:
          free: [{ name: minute, algorithm: tokenBucket, limit: 100, window: 1m, subject: client }]
          enterprise: []
tests: [{ request: { path: /, attributes: { client: acme } }, times: 101, expect: { refusedBy: api.minute, at: 101 } }]`,
  Subject: `{ parts: [{ attribute: tenant }, { attribute: user.id }], missing: skip }`,
  Part: `
- { ip: true }
- { route: true }
- { header: x-api-key }
- { cookie: session }
- { attribute: user.id }
- { body: email, normalize: lower }`,
  Tier: `{ attribute: plan, table: clients, by: client, default: free }`,
  Match: `
methods: [GET]
paths: [/v1/search, '/v1/users/:id', '/v1/files/*']
attributes: { user.role: [member, guest] }
addresses: [203.0.113.0/24]`,
  Policy: `
name: api
mode: enforce
failMode: closed
rollout: { percent: 10, by: client }
rules:
  - name: all
    limits: [{ name: minute, algorithm: slidingWindow, limit: 100, window: 1m, subject: client }]
overrides: [{ subject: client, is: acme, limits: { minute: { limit: 5000 } } }]`,
  Active: `
from: '2026-11-27T00:00:00Z'
until: '2026-12-01T00:00:00Z'
weekly: [{ days: [fri, sat], from: '22:00', to: '06:00', timeZone: Europe/Berlin }]`,
  'Weekly range': `{ days: [mon, tue, wed, thu, fri], from: '09:00', to: '17:00', timeZone: America/New_York }`,
  Rollout: `{ percent: 25, by: client }`,
  Rule: `
name: search
match: { methods: [GET], paths: [/search] }
tiers:
  free: [{ name: minute, algorithm: slidingWindow, limit: 20, window: 1m, subject: client }]
  enterprise: []`,
  Limit: `
- { name: second, algorithm: slidingWindow, limit: 10, window: 1s, subject: client, delay: { after: 5, step: 100ms } }
- { name: account, algorithm: slidingLog, limit: 10, window: 30m, subject: account, visible: false, refundOn: [2xx] }
- { name: month, algorithm: fixedWindow, limit: 100000, window: month, timeZone: Europe/Berlin, anchor: { day: 15 }, subject: client }
- { name: tokens, algorithm: tokenBucket, limit: 60000, window: 1m, burst: 90000, subject: client, cost: { body: max_tokens, default: 1000, max: 8000 } }
- { name: mail, algorithm: leakyBucket, limit: 5, window: 1s, queue: true, maxDelay: 10s, subject: client, label: 5 a second }
- { name: exports, algorithm: concurrency, limit: 2, ttl: 5m, subject: client }`,
  Cost: `
- 5
- { attribute: batch.size, default: 1, max: 100 }
- { body: max_tokens, default: 1000, max: 8000 }
- { header: x-cost, default: 1, max: 10 }`,
  Settle: `
- { attribute: usage.tokens, max: 20000 }
- { responseHeader: x-tokens-used, max: 20000 }`,
  Delay: `{ after: 5, step: 500ms, max: 10s }`,
  Anchor: `{ month: 4, day: 6, hour: 6, minute: 30 }`,
  Override: `
- { subject: client, is: acme, limits: { minute: { limit: 20000 } }, until: '2027-01-01T00:00:00Z' }
- { subject: client, startsWith: internal-, tier: enterprise }
- { subject: client, percent: 5, limits: { minute: { limit: 200 } } }
- { subject: key, is: 'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08', exempt: true }`,
  Numbers: `{ limit: 20000, burst: 40000 }`,
  Test: `
name: the sixth login is refused
at: '2026-11-30T12:00:00Z'
request: { method: POST, path: /login, ip: 203.0.113.7 }
times: 6
expect: { refusedBy: login.address, at: 6, status: 429, retryAfter: 900 }`,
  Request: `
method: POST
path: /login
host: api.example.org
ip: 203.0.113.7
headers: { user-agent: curl }
body: { email: ann@example.org }
attributes: { plan: pro }`,
  Expectation: `
- { limited: false }
- { refusedBy: login.address, at: 6, retryAfter: 900 }`,
  Ceilings: `
apiVersion: sluice/v1
kind: ceilings
revision: 3
namespaces:
  payments: { rates: [{ limit: 50, window: 1s }, { limit: 1000, window: 1m }], failMode: local, overrides: 500 }
  '*': { rates: [{ limit: 100, window: 1m }], concurrency: 10, unlimited: false, policies: 20 }`,
  Ceiling: `
rates: [{ limit: 50, window: 1s }, { limit: 1000, window: 1m }, { limit: 100000, window: 1d }]
concurrency: 20
failMode: closed
unlimited: false
policies: 10
rules: 50
overrides: 1000`,
  Rate: `{ limit: 1000, window: 1m }`,
}
