// Several processes on one port: one limit, one /metrics, and a new process for each that dies.
import { createServer } from 'node:net'
import { request } from 'node:http'
import { readFileSync, writeFileSync } from 'node:fs'
import { type RedisServer, startRedis } from '@sluice/testing/redis'
import { waitUntil } from '@sluice/testing/processes'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { Load } from './load.ts'
import { type RunningProgram, runProgram } from './running-program.ts'
import { makeTemporary } from './temporary.ts'

// It starts processes.
vi.setConfig({ testTimeout: 180_000 })

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.stop())

const DOCUMENT = `apiVersion: sluice/v1
namespace: shop
revision: 1
subjects: { user: { parts: [{ attribute: user_id }] } }
policies:
  - name: api
    rules: [{ name: all, limits: [{ name: hour, algorithm: fixedWindow, limit: 50, window: 1h, subject: user }] }]
`
const started = (flags: Readonly<Record<string, string>> = {}): Promise<RunningProgram> => {
  const file = `${makeTemporary()}/sluice.yaml`
  writeFileSync(file, DOCUMENT)
  // A busy machine must not make a worker decide by itself, nor end it before its clients see that it is not ready.
  return runProgram({ workers: '2', redis: redis.url, policies: file, ...flags }, { SLUICE_REDIS_DEADLINE: '5s', SLUICE_DRAIN_DELAY: '3s' })
}
/** On a connection of its own, so that the next one may reach the other worker. */
const statusOf = (url: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    request(url, { agent: false }, (response) => resolve(response.resume().statusCode))
      .once('error', reject)
      .end()
  })
const metricsOf = async (url: string): Promise<string> => (await fetch(`${url}/metrics`, { headers: { connection: 'close' } })).text()
const workersOf = async (url: string): Promise<string | undefined> => /^sluice_server_workers (\d+)$/m.exec(await metricsOf(url))?.[1]

test('two workers admit exactly the limit together, and /metrics of either has both', async () => {
  const { url, output } = await started()
  expect(output()).toContain('Workers   2')
  const statuses = await Promise.all(Array.from({ length: 80 }, () => statusOf(`${url}/check?user_id=ada`)))
  expect(statuses.filter((status) => status === 200)).toHaveLength(50)
  expect(statuses.filter((status) => status === 429)).toHaveLength(30)
  for (let i = 0; i < 4; i++) {
    const text = await metricsOf(url)
    expect(text).toContain('sluice_server_workers 2')
    expect(text).toContain('sluice_server_requests_total{protocol="http",endpoint="/check",status="200"} 50')
    expect(text).toContain('sluice_server_requests_total{protocol="http",endpoint="/check",status="429"} 30')
    expect(text).toContain('sluice_policy_revision{namespace="shop"} 1')
  }
})

test('a worker that dies is replaced, and the other one answers meanwhile', async () => {
  const { url, output, process: primary } = await started()
  const children = workerPids(primary.pid)
  expect(children).toHaveLength(2)
  process.kill(children[0] as number, 'SIGKILL')
  await waitUntil('its end', () => output().includes(`worker ${children[0]} ended (SIGKILL); another one starts in 100 ms`))
  expect(await statusOf(`${url}/check?user_id=bob`)).toBe(200)
  await waitUntil('the new worker', async () => (await workersOf(url)) === '2')
  expect(workerPids(primary.pid)).not.toContain(children[0])
})

test('SIGTERM drains all workers: no accepted request is lost', async () => {
  const [one, two] = await Promise.all([started(), started()])
  const load = new Load([one.url, two.url], 16)
  onTestFinished(() => load.stop())
  await waitUntil('answers of both', () => load.answeredBy(one.url) > 200 && load.answeredBy(two.url) > 200)
  await one.process.signal('SIGTERM')
  expect(await one.ended()).toBe('code 0')
  await load.stop()
  expect(load.lost).toEqual([])
})

test('workers that cannot start end the service with 2 and the reason', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => taken.once('listening', resolve))
  onTestFinished(() => void taken.close())
  const { port } = taken.address() as { readonly port: number }
  const program = await started({ http: String(port) })
  expect(await program.ended()).toBe('code 2')
  expect(program.output()).toContain('EADDRINUSE')
})

/** The processes whose parent is this one. */
function workerPids(parent: number): readonly number[] {
  return readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter((pid) => pid !== '')
    .map(Number)
}
