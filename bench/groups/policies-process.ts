// One contender of policies.ts: `policies-process.ts <contender>` decides requests through the pipeline that all adapters use.
import { memoryStore, slidingWindow } from '@sluice/core'
import { createPipeline, type Host } from '@sluice/core/adapter-kit'
import { documentPolicies, parseDocument } from '@sluice/policies'
import { answerParent, namedContender, type Order } from '../measure/process.ts'
import { uniform } from '../measure/subjects.ts'
import { inTurns, type Run } from './memory-contenders.ts'

class Request {
  readonly client: string
  readonly operation = 'orders'
  constructor(client: string) {
    this.client = client
  }
}

const host: Host<Request> = {
  id: (request) => request,
  method: () => 'GET',
  target: () => '/v1/orders/17?expand=items',
  address: () => '203.0.113.7',
  header: () => undefined,
}

const LIMIT = 100_000_000
const store = memoryStore({ maxSubjects: 1_000_000 })
const OPTIONS = {
  store,
  trustProxy: 0,
  limits: [slidingWindow({ name: 'a', limit: LIMIT, window: '1h', key: ({ client }: Request) => client })],
}

const CONTENDERS: Readonly<Record<string, () => ReturnType<typeof createPipeline<Request>>>> = {
  options: () => createPipeline(host, OPTIONS),
  one: () => mounted(1, 0),
  many: () => mounted(200, 0),
  attributes: () => mounted(200, 0, (rule) => `attributes: { operation: ${rule} }`),
  overrides: () => mounted(200, 10_000),
}

const byPath = (rule: string): string => `paths: [${rule === 'orders' ? "'/v1/orders/:id'" : `/v1/${rule}/*`}]`

/** A document whose last rule is the one for these requests. */
function mounted(rules: number, overrides: number, matchOf = byPath): ReturnType<typeof createPipeline<Request>> {
  const limits = `limits: [{ name: a, algorithm: slidingWindow, limit: ${LIMIT}, window: 1h, subject: client, shared: true }]`
  const others = Array.from({ length: rules - 1 }, (_, i) => `      - { name: r${i}, match: { ${matchOf(`other${i}`)} }, ${limits} }`)
  const listed = Array.from({ length: overrides }, (_, i) => `{ subject: client, is: other${i}, limits: { a: { limit: ${LIMIT - i} } } }`)
  const document = parseDocument(`
apiVersion: sluice/v1
namespace: shop
revision: 1
subjects: { client: { parts: [{ attribute: client }] } }
policies:
  - name: api
    rules:
${others.join('\n')}
      - { name: orders, match: { ${matchOf('orders')} }, ${rules === 1 ? limits.replace(', shared: true', '') : limits} }
    overrides: [${listed.join(', ')}]`)
  const policies = documentPolicies(document, { store })
  return createPipeline(host, { policies, trustProxy: 0, attributes: (request) => request as never })
}

const decide = namedContender(CONTENDERS)()
const run: Run = (subjects, from, count) => {
  for (let i = from; i < from + count; i++) {
    const outcome = decide(new Request(subjects.at(i)))
    if (outcome instanceof Promise || !outcome.pass || outcome.headers.length === 0) throw new Error('the limit was reached')
  }
}
const obey = inTurns(run, uniform(10_000))
answerParent((message) => obey(message as Order))
