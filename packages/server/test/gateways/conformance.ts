// One suite for all gateways: what a client of each sees, on the very samples of deploy/.
import { fileURLToPath } from 'node:url'
import { fileSource } from '@sluice/policies'
import { type GatewayName, type RunningGateway, startGateway } from '@sluice/testing/gateways'
import { waitUntil } from '@sluice/testing/processes'
import { freePort } from '@sluice/testing/redis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningService, serve } from '../../src/index.ts'
import { type App, type Behind, startApp, startFailure, startSilence } from './behind.ts'
import { type Received, send, type Sent, sendMany } from './gateway-client.ts'

/** How gateways differ. */
export interface Facts {
  /** How the gateway asks the service. Default: HTTP. */
  readonly protocol?: 'grpc'
  /** Whether an admitted client sees the headers of the limits. */
  readonly showsLimits: boolean
  /** The changes of the sample, as its comment says, that make the gateway refuse while the service is away; and the status then. */
  readonly closed: { readonly edit: readonly (readonly [from: string, to: string])[]; readonly status: readonly number[] }
  /** The statuses for the client where Sluice says 401 and 503. Default: these. */
  readonly others?: readonly [unnamed: 401 | 429, busy: 503 | 429]
  /** What becomes of a CORS preflight of a client above its limit. Default: 200. */
  readonly preflight?: 429
  /** What becomes of a client that names X-Forwarded-For in `Connection`. Default: 429, as it is above its limit. */
  readonly hopByHop?: 400
}

const DOCUMENT = fileURLToPath(new URL('./document.yaml', import.meta.url))
let clients = 1
/** A client that no test has used. */
const newClient = (): string => `127.0.1.${(clients += 1)}`

export function gatewayConformance(name: GatewayName, facts: Facts): void {
  describe(name, () => {
    let app: App
    let service: RunningService
    let gateway: RunningGateway
    beforeAll(async () => {
      app = await startApp()
      service = await startService(facts, 0)
      const port = portOf(service)
      gateway = await startGateway(name, { ports: { app: app.port, http: port, grpc: port }, edit: withPatience })
    })
    afterAll(async () => {
      await gateway?.stop()
      await service?.close()
      await app?.close()
    })
    const ask = (from: string, path: string, sent: Partial<Sent> = {}): Promise<Received> =>
      send({ port: gateway.port, from, path, ...sent })

    const expectLimits = (headers: Received['headers'], remaining: number) => {
      if (facts.showsLimits) expect(headers).toMatchObject(limits(remaining))
      else expect(headers).not.toHaveProperty('ratelimit')
    }

    test('an admitted request reaches the application as it was sent', async () => {
      const from = newClient()
      const body = 'a body '.repeat(2000)
      const { status, headers, body: answer } = await ask(from, '/few?page=2', { method: 'POST', body, headers: { 'x-own': 'mine' } })
      expect(status).toBe(200)
      expect(JSON.parse(answer)).toMatchObject({ method: 'POST', url: '/few?page=2', headers: { 'x-own': 'mine' }, body })
      expectLimits(headers, 1)
    })

    test('a client above its limit is refused, and the application does not see the request', async () => {
      const from = newClient()
      expect((await ask(from, '/few')).status).toBe(200)
      expectLimits((await ask(from, '/few')).headers, 0)
      const before = app.seen.length
      const { status, headers, body } = await ask(from, '/few')
      expect(status).toBe(429)
      expect(headers).toMatchObject({ ...limits(0), 'content-type': 'application/problem+json' })
      const wait = Number(headers['retry-after'])
      expect(wait).toBeGreaterThan(3590)
      expect(wait).toBeLessThanOrEqual(3600)
      expect(JSON.parse(body)).toMatchObject({ title: 'Quota Exceeded', status: 429, retry_after: wait })
      expect(app.seen.length).toBe(before)
      expect((await ask(newClient(), '/few')).status).toBe(200)
    })

    test('policies see the method, the path and the host', async () => {
      const from = newClient()
      const post = (id: number) => ask(from, `/posts/${id}?draft=1`, { method: 'POST', body: 'x' })
      expect([(await post(1)).status, (await post(2)).status]).toEqual([200, 429])
      expect((await ask(from, '/posts/3')).status).toBe(200)
      const host = () => ask(from, '/', { headers: { host: 'limited.example' } })
      expect([(await host()).status, (await host()).status]).toEqual([200, 429])
      expect((await ask(from, '/')).status).toBe(200)
    })

    test('policies see a header that the sample names', async () => {
      const ofKey = async (key: string) => (await ask(newClient(), '/keys', { headers: { 'x-api-key': key } })).status
      expect([await ofKey('ada'), await ofKey('ada'), await ofKey('bob')]).toEqual([200, 429, 200])
    })

    test('a CORS preflight passes, whatever its client has used', async () => {
      const from = newClient()
      for (const status of [200, 200, 429]) expect((await ask(from, '/few')).status).toBe(status)
      const preflight = { method: 'OPTIONS', headers: { origin: 'https://shop.example', 'access-control-request-method': 'GET' } }
      expect((await ask(from, '/few', preflight)).status).toBe(facts.preflight ?? 200)
      expect((await ask(from, '/few', { method: 'OPTIONS' })).status).toBe(429)
    })

    test('a refusal of another status reaches the client', async () => {
      const [unnamed, busy] = facts.others ?? [401, 503]
      const named = await ask(newClient(), '/named')
      expect([named.status, named.headers['www-authenticate']]).toEqual([unnamed, unnamed === 401 ? 'ApiKey' : undefined])
      const { status, headers, body } = await ask(newClient(), '/busy')
      expect([status, headers['content-type']]).toEqual([busy, 'application/problem+json'])
      expect(JSON.parse(body)).toMatchObject({ status })
    })

    test('a client cannot choose what it is counted as', async () => {
      const [from, victim] = [newClient(), newClient()]
      const statuses: number[] = []
      for (const headers of forgeries(victim))
        statuses.push((await ask(from, '/few?cost=0&namespace=other&attribute.user_id=value:eve', { headers })).status)
      expect(statuses).toEqual([200, 200, 429, 429, 429, 429, 429, facts.hopByHop ?? 429])
      expectLimits((await ask(victim, '/few')).headers, 1)
    })

    test('of 1,000 requests at 32 in flight, exactly the limit is admitted', async () => {
      const answers = await sendMany(1000, 32, { port: gateway.port, from: newClient(), path: '/many' })
      const count = (status: number) => answers.filter((answer) => answer.status === status).length
      expect([count(200), count(429)]).toEqual([300, 700])
    })

    describe('while the service', () => {
      const awayPort = freePort
      const others: Behind[] = []
      afterAll(() => Promise.all(others.map((other) => other.close())))
      const portOfOther = async (start: () => Promise<Behind>) => {
        const other = await start()
        others.push(other)
        return other.port
      }
      test.for([
        ['is away', awayPort],
        ['does not answer', () => portOfOther(startSilence)],
        ['fails', () => portOfOther(startFailure)],
      ] as const)('%s, requests pass', async ([, portWithout]) => {
        const status = await without(name, app, await portWithout())
        expect(status).toEqual([200, 200, 200, 200])
      })

      test('is away, the change that the sample names refuses instead', async () => {
        const { edit, status } = facts.closed
        for (const each of await without(name, app, await freePort(), (text) => changed(text, edit))) expect(status).toContain(each)
      })

      test('is away, its limits hold again once it is back', async () => {
        const port = await freePort()
        const alone = await startGateway(name, { ports: { app: app.port, http: port, grpc: port } })
        const request = () => send({ port: alone.port, from: '127.0.0.9', path: '/few' })
        let back: RunningService | undefined
        try {
          expect((await request()).status).toBe(200)
          back = await startService(facts, port)
          await waitUntil('a refusal', async () => (await request()).status === 429)
        } finally {
          await alone.stop()
          await back?.close()
        }
      })
    })
  })
}

/** The service at one port. @param port 0 takes a free one */
function startService({ protocol }: Pick<Facts, 'protocol'>, port: number): Promise<RunningService> {
  const listen =
    protocol === 'grpc' ? { http: false as const, grpc: { port, headers: 'all' as const } } : { http: { port }, grpc: false as const }
  return serve({ ...listen, policies: fileSource(DOCUMENT), trustProxy: ['127.0.0.1'], drain: { delay: 0 } })
}

/**
 * For a gateway whose sample can pass on the user whom it has authenticated.
 * @param changes of the sample, as its comment says
 */
export function gatewayUsers(name: GatewayName, changes: Facts['closed']['edit']): void {
  test(`${name}: policies see the user whom the gateway has authenticated, and no other one`, async () => {
    const app = await startApp()
    const service = await startService({}, 0)
    const ports = { app: app.port, http: portOf(service), grpc: 0 }
    const gateway = await startGateway(name, { ports, edit: (text) => withPatience(changed(text, changes)) })
    try {
      const statusOf = async (user: string, claimed: string) => {
        const authorization = `Basic ${Buffer.from(`${user}:secret`).toString('base64')}`
        const headers = { authorization, 'x-user-id': claimed }
        return (await send({ port: gateway.port, from: newClient(), path: '/users', headers })).status
      }
      expect([await statusOf('ada', 'ada'), await statusOf('ada', 'eve'), await statusOf('bob', 'ada')]).toEqual([200, 429, 200])
    } finally {
      await gateway.stop()
      await service.close()
      await app.close()
    }
  })
}

/** The statuses of four requests through a gateway whose service is at a port without one. */
async function without(name: GatewayName, app: App, port: number, edit?: (text: string) => string): Promise<readonly number[]> {
  const gateway = await startGateway(name, { ports: { app: app.port, http: port, grpc: port }, edit })
  try {
    const statuses: number[] = []
    const before = app.seen.length
    for (let i = 0; i < 4; i += 1)
      statuses.push((await send({ port: gateway.port, from: newClient(), path: '/few', method: 'POST', body: 'x' })).status)
    // No request is sent twice.
    expect(app.seen.length - before).toBe(statuses.filter((status) => status === 200).length)
    return statuses
  } finally {
    await gateway.stop()
  }
}

/** What a client may send to be counted as another one, or not at all. */
function forgeries(victim: string): readonly Readonly<Record<string, string>>[] {
  return [
    { 'x-forwarded-for': '203.0.113.1' },
    { 'x-forwarded-for': victim },
    { 'x-forwarded-for': '127.0.0.1' },
    { 'x-forwarded-uri': '/', 'x-original-uri': '/', 'x-forwarded-method': 'PUT', 'x-original-method': 'PUT' },
    { 'x-forwarded-host': 'other.example', forwarded: 'for=203.0.113.4;host=other.example', 'x-real-ip': '203.0.113.4' },
    { 'x-sluice-user-id': 'eve', 'x-sluice-cost': '0', 'x-sluice-namespace': 'other' },
    { 'x-envoy-original-path': '/', 'x-envoy-external-address': '203.0.113.6', 'x-sluice-ip': '203.0.113.6' },
    { connection: 'x-forwarded-for, x-forwarded-uri', 'x-forwarded-for': '203.0.113.7' },
  ]
}

/** The fields of a limit of 2 an hour. */
function limits(remaining: number): Readonly<Record<string, unknown>> {
  return {
    'ratelimit-policy': '"api.hour";q=2;w=3600',
    ratelimit: expect.stringMatching(new RegExp(`^"api.hour";r=${remaining};t=3(600|59\\d)$`)) as unknown,
  }
}

function changed(text: string, changes: Facts['closed']['edit']): string {
  return changes.reduce((before, [from, to]) => before.replace(from, to), text)
}

/** A busy machine may need longer than the limits of the samples, and would pass requests without a check. */
function withPatience(text: string): string {
  return text.replaceAll(/\b(0\.25s|250ms)\b/g, '20s').replaceAll(/\b250\b/g, '20000')
}

function portOf({ http, grpc }: RunningService): number {
  return Number(new URL((http ?? grpc)!.url).port)
}
