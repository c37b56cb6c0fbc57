// What an orchestrator asks: alive, ready, and why not. And what Prometheus reads.
import { startRedis } from '@sluice/testing/redis'
import { waitUntil } from '@sluice/testing/processes'
import { redisStore } from '@sluice/redis'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { type RunningService, serve, SERVER_INSTRUMENTS } from '../src/index.ts'

let service: RunningService | undefined
afterEach(() => service?.close())
const at = (path: string): Promise<Response> => fetch(`${service?.http?.url}${path}`)

test('a service in memory is alive and ready', async () => {
  service = await serve({ http: { port: 0 }, drain: { delay: 0 } })
  expect((await at('/healthz')).status).toBe(200)
  const ready = await at('/readyz')
  expect(ready.status).toBe(200)
  expect(await ready.json()).toEqual({
    ready: true,
    reasons: [],
    draining: false,
    store: { name: 'memory', state: 'up' },
    policies: { source: 'connected', problem: null, namespaces: [{ namespace: 'default', revision: 1, from: 'source', inSource: 'same' }] },
  })
})

test('a service that ends says so, and still answers', async () => {
  service = await serve({ http: { port: 0 }, drain: { delay: 1_000 } })
  const closed = service.close()
  const ready = await at('/readyz')
  expect(ready.status).toBe(503)
  expect(await ready.json()).toMatchObject({ ready: false, draining: true, reasons: ['The service is shutting down.'] })
  const check = await at('/check?user_id=ada')
  expect(check.status).toBe(200)
  expect(check.headers.get('connection')).toBe('close')
  await closed
  await expect(at('/check')).rejects.toThrow('fetch failed')
})

test('a store that is away is shown, and is no reason: the service answers from this process', async () => {
  const redis = await startRedis()
  onTestFinished(() => redis.stop())
  const store = redisStore({ url: redis.url }, { failover: { deadline: 10, instances: 1 } })
  onTestFinished(() => store.close?.())
  service = await serve({ http: { port: 0 }, store, drain: { delay: 0 } })
  expect((await at('/check?user_id=ada')).status).toBe(200)
  await redis.kill()
  await waitUntil('the breaker', async () => {
    await at('/check?user_id=ada')
    const { ready, store: shown } = (await (await at('/readyz')).json()) as { ready: boolean; store: { state: string } }
    return ready && shown.state === 'away'
  })
})

test('/metrics has the limiters and the service itself, by endpoint and status', async () => {
  service = await serve({ http: { port: 0 }, drain: { delay: 0 } })
  for (let i = 0; i < 101; i++) await at('/check?user_id=ada')
  await at('/nothing/of/that/name')
  const response = await at('/metrics')
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
  const text = await response.text()
  expect(text).toContain('sluice_server_requests_total{protocol="http",endpoint="/check",status="200"} 100')
  expect(text).toContain('sluice_server_requests_total{protocol="http",endpoint="/check",status="429"} 1')
  expect(text).toContain('sluice_server_requests_total{protocol="http",endpoint="none",status="404"} 1')
  expect(text).toContain('sluice_server_request_duration_seconds_count{protocol="http",endpoint="/check"} 101')
  expect(text).toContain('sluice_server_requests_in_flight{protocol="http"} 1')
  expect(text).toContain('rate_limit_exceeded_total{namespace="default",policy="api",limit="minute",tier="",mode="enforce"} 1')
  for (const { name } of SERVER_INSTRUMENTS) expect(text).toContain(`# TYPE ${name} `)
})

test('metrics: false serves none', async () => {
  service = await serve({ http: { port: 0 }, metrics: false, drain: { delay: 0 } })
  expect((await at('/metrics')).status).toBe(404)
})
