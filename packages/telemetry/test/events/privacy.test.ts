// All that events write is searched for what clients have sent.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type Host, createPipeline } from '@sluice/core/adapter-kit'
import { header, ip, slidingWindow } from '@sluice/core'
import { documentPolicies, parseDocument } from '@sluice/policies'
import { decisionEvents, httpSink, jsonLines } from '@sluice/telemetry'
import { expect, onTestFinished, test } from 'vitest'
import { SECRET } from './support.ts'

interface Request {
  readonly path: string
  readonly address: string
  readonly headers: Readonly<Record<string, string>>
}

const host: Host<Request> = {
  id: (request) => request,
  method: () => 'POST',
  target: ({ path }) => path,
  address: ({ address }) => address,
  header: ({ headers }, name) => headers[name],
  route: () => '/orders/:id',
}
const requests: readonly Request[] = [
  {
    path: '/orders/order-of-alice?token=secret-token',
    address: '203.0.113.77',
    headers: { 'x-api-key': 'live-key-0815', cookie: 'session=abc123' },
  },
  { path: '/orders/order-of-bob', address: '2001:db8:1:2::17', headers: { 'x-api-key': 'live-key-4711', 'user-agent': 'agent-of-bob' } },
]
const SENT = ['order-of', 'secret-token', '203.0.113', '2001:db8', 'live-key', 'abc123', 'agent-of-bob', SECRET]

test('no subject, address, key, path or secret is in events, rows or warnings', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-privacy-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const written: string[] = []
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      written.push(`${request.url} ${JSON.stringify(request.headers)} ${body}`)
      // The first batch fails, so that there is a warning.
      response.writeHead(written.length === 1 ? 500 : 200).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const on = { warning: (warning: object) => void written.push(JSON.stringify(warning)) }
  const options = { secret: SECRET, sample: 1, on }
  const all = [
    decisionEvents({ ...options, sink: httpSink({ url, gzip: false }) }),
    decisionEvents({ ...options, sink: jsonLines(join(folder, 'events.jsonl')) }),
  ]
  const limits = [
    slidingWindow({ name: 'address', limit: 1, window: '1h', key: ip() }),
    slidingWindow({ name: 'key', limit: 1, window: '1h', key: header('x-api-key') }),
  ]
  const policies = documentPolicies(
    parseDocument(`
apiVersion: sluice/v1
namespace: private
revision: 1
subjects: { client: { parts: [{ header: x-api-key }, { ip: true }] } }
policies:
  - name: api
    rules: [{ name: all, match: { paths: ['/orders/:id'] }, limits: [{ name: hour, algorithm: fixedWindow, limit: 1, window: 1h, subject: client }] }]
`),
  )
  for (const decide of [createPipeline(host, { limits, trustProxy: 0 }), createPipeline(host, { policies, trustProxy: 0 })])
    for (const request of [...requests, ...requests]) await decide({ ...request })
  for (const events of all) await events.flush()
  for (const events of all) await events.close()
  await policies.close()
  written.push(readFileSync(join(folder, 'events.jsonl'), 'utf8'))
  const everything = written.join('\n')
  expect(everything).toContain('WARN_SINK_AWAY')
  for (const name of ['"verdict":"refused"', '"endpoint":"/orders/:id"', '"policy":"api"', 'sluice.usage.v1'])
    expect(everything).toContain(name)
  expect(SENT.filter((value) => everything.includes(value))).toEqual([])
})
