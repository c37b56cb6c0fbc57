// A real Prometheus scrapes the check service: each query of its dashboard has an answer, and the rules that are shipped load beside it.
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { connect as connectHttp2 } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SERVER_INSTRUMENTS } from '@sluice/server'
import { startPrometheus } from '@sluice/testing/prometheus'
import { startRedis } from '@sluice/testing/redis'
import { expect, onTestFinished, test } from 'vitest'
import { queriesOf } from './support/metrics/dashboards.ts'
import { nodeProgram, runProgram } from './support/running-program.ts'
import { ROOT } from './support/workspace.ts'

const DOCUMENT = `
apiVersion: sluice/v1
namespace: shop
revision: 1
subjects: { user: { parts: [{ attribute: user }], missing: skip } }
policies:
  - name: api
    rules: [{ name: all, limits: [{ name: open, algorithm: concurrency, limit: 9, ttl: 1m, subject: user }] }]
`
/** A call of ShouldRateLimit: the domain `shop`, and a descriptor with the entry `user: ada`. */
const CALL = Buffer.from('00000000150a0473686f70120d0a0b0a04757365721203616461', 'hex')

test('every query of the dashboard of the service has an answer', { timeout: 240_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-server-metrics-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'sluice.yaml'), DOCUMENT)
  const redis = await startRedis()
  onTestFinished(() => redis.stop())
  const flags = ['--policies', join(folder, 'sluice.yaml'), '--redis', redis.url, '--workers', '2', '--http', '0', '--grpc', '0']
  const env = { SLUICE_HTTP_MAX_CONNECTIONS: '4', SLUICE_FAULTS: undefined, SLUICE_FUZZ: undefined, SLUICE_REDIS_SERVER: undefined }
  const program = runProgram([...nodeProgram('packages/cli/src/bin.ts'), 'serve', '--json', ...flags], { env })
  onTestFinished(() => program.stop())
  // Three processes that start at once on a busy machine take their time.
  const [line] = await program.waitFor(/^\{.*\}$/m, 100_000)
  const { http, grpc } = JSON.parse(line) as { readonly http: string; readonly grpc: string }

  const prometheus = await startPrometheus({ targets: [new URL(http).host], rules: join(ROOT, 'deploy/prometheus/rules.yml') })
  onTestFinished(() => prometheus.stop())
  const client = connectHttp2(grpc)
  onTestFinished(() => client.destroy())
  const unanswered = async (): Promise<readonly string[]> => {
    await Promise.all([askByGrpc(client), fetch(`${http}/check?user=ada`).then((response) => response.arrayBuffer())])
    await tooMany(http)
    const found: string[] = []
    for (const { title, runnable } of queriesOf(readFileSync(join(ROOT, 'deploy/grafana/server.json'), 'utf8')))
      if ((await prometheus.query(runnable)).length === 0) found.push(title)
    return found
  }
  await expect.poll(unanswered, { timeout: 60_000, interval: 500 }).toEqual([])
  const names = await prometheus.names()
  for (const { name, kind } of SERVER_INSTRUMENTS) expect(names).toContain(kind === 'histogram' ? `${name}_bucket` : name)
})

async function askByGrpc(client: ReturnType<typeof connectHttp2>): Promise<void> {
  const path = '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit'
  const stream = client.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' })
  stream.resume().end(CALL)
  await once(stream, 'close')
}

/** Opens more connections than the service takes. */
async function tooMany(url: string): Promise<void> {
  const { hostname, port } = new URL(url)
  const sockets = Array.from({ length: 16 }, (): Socket => connect(Number(port), hostname).on('error', () => undefined))
  await Promise.all(sockets.map((socket) => once(socket, 'connect').catch(() => undefined)))
  for (const socket of sockets) socket.destroy()
}
