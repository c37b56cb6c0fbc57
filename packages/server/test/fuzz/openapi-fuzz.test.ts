// Every endpoint of the OpenAPI document, with requests that fit it, nearly fit it, or do not. Nothing crashes, nothing is a 500, and each answer is
// one that the document describes.
import { request, Agent } from 'node:http'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { Documents, documentOf, post, started } from '../support.ts'
import { Answers, type FuzzedReply } from './answers.ts'
import { type FuzzedRequest, type OpenApi, requestsOf } from './requests.ts'

// 100,000 in `npm run test:all`.
const RUNS = process.env['SLUICE_FAULTS'] === 'full' ? 100_000 : 2_000

const LIMITS = `  - name: api
    rules:
      - { name: login, match: { paths: [/login], methods: [POST] }, limits: [{ name: login, algorithm: slidingLog, window: 1m, limit: 3, subject: address }] }
      - { name: mail, match: { paths: [/mail/*] }, limits: [{ name: mail, algorithm: tokenBucket, window: 1m, limit: 3, subject: email }] }
      - name: all
        limits:
          - { name: minute, algorithm: fixedWindow, window: 1m, limit: 50, subject: user }
          - { name: slots, algorithm: concurrency, ttl: 1s, limit: 20, subject: user }
          - { name: day, algorithm: fixedWindow, window: day, limit: 1000, subject: user, visible: false }`
const KEYS = `  - { name: keys, rules: [{ name: all, limits: [{ name: burst, algorithm: leakyBucket, window: 1m, limit: 9, subject: key }] }] }`

test(`${RUNS} requests from the OpenAPI document: no crash, no 500, every answer described`, { timeout: 60_000 + RUNS * 100 }, async () => {
  const { url } = await started({
    policies: new Documents(documentOf(LIMITS), documentOf(KEYS, { namespace: 'keys' })),
    trustProxy: ['loopback'],
  })
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as OpenApi
  const answers = new Answers(document)
  const unhandled: unknown[] = []
  const note = (error: unknown) => void unhandled.push(error)
  process.on('unhandledRejection', note)
  onTestFinished(() => void process.off('unhandledRejection', note))
  const taken = await Promise.all([1, 2, 3].map((user) => post(`${url}/v1/check`, { namespace: 'shop', attributes: { user } })))
  const decisions: string[] = taken.map(({ json }) => json.decision)
  const known = fc.nat().map((i) => decisions[i % decisions.length] ?? '')
  const agent = new Agent({ keepAlive: true, maxSockets: 16 })
  onTestFinished(() => agent.destroy())
  const statuses = new Map<string, number>()

  await fc.assert(
    fc.asyncProperty(fc.array(requestsOf(document, known), { minLength: 20, maxLength: 20 }), async (requests) => {
      for (const reply of await Promise.all(requests.map((each) => send(url, each, agent)))) {
        expect(answers.faultOf(reply)).toBeUndefined()
        const key = `${reply.request.template} ${reply.status}`
        statuses.set(key, (statuses.get(key) ?? 0) + 1)
        const decision = /"decision":"([^"]+)"/.exec(reply.body)?.[1]
        if (decision !== undefined && decisions.length < 50) decisions.push(decision)
      }
    }),
    { numRuns: RUNS / 20, endOnFailure: RUNS > 2_000 },
  )
  expect(unhandled).toEqual([])
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  expect((await fetch(`${url}/check?namespace=shop&user=fresh`)).status).toBe(200)
  // Both sides were asked: requests that are understood, and those that are not.
  for (const path of ['/check', '/v1/check', '/v1/peek', '/auth/forward', '/auth/nginx']) {
    const seen = [...statuses.keys()].filter((key) => key.startsWith(`${path} `)).map((key) => key.split(' ')[1])
    expect(seen, path).toContain(path.startsWith('/auth') ? '204' : '200')
    expect(seen, path).toContain('400')
  }
  expect([...statuses.keys()]).toContain('/v1/settle 200')
})

function send(url: string, fuzzed: FuzzedRequest, agent: Agent): Promise<FuzzedReply> {
  const { method, path, headers, body } = fuzzed
  return new Promise((resolve, reject) => {
    // Without a length, Node sends the body of a DELETE as if it were another request.
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const sent = request(url + path, { method, headers: { ...headers, ...length }, agent }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      response.once('end', () =>
        resolve({ request: fuzzed, status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', body: text }),
      )
      response.once('error', reject)
    })
    sent.once('error', reject)
    sent.end(body)
  })
}
