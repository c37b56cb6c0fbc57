// Popular HTTP clients with their default settings wait as long as a refusal says. Measured by the clock of the server.
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type DialectOptions, fixedWindow, rateLimit } from '@sluice/express'
import axios from 'axios'
import axiosRetry from 'axios-retry'
import express, { type Response } from 'express'
import got from 'got'
import ky from 'ky'
import { Agent, interceptors, request, RetryAgent } from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

interface Visit {
  /** Arrival of the request by the server's clock, in ms. */
  readonly at: number
  readonly res: Response
}

/** Each client with its defaults, and retries enabled. */
const CLIENTS: Readonly<Record<string, (url: string) => Promise<number>>> = {
  ky: async (url) => (await ky(url)).status,
  got: async (url) => (await got(url)).statusCode,
  async 'axios with axios-retry'(url) {
    const client = axios.create()
    axiosRetry(client)
    return (await client.get(url)).status
  },
  "undici's RetryAgent": (url) => statusBy(new RetryAgent(new Agent()), url),
  "undici's retry interceptor": (url) => statusBy(new Agent().compose(interceptors.retry()), url),
}

/** The default headers, the fewest, and those with a Reset in seconds, which a client could read differently. */
const HEADERS: Readonly<Record<string, DialectOptions>> = {
  default: {},
  'Retry-After alone': { standard: false, legacy: false },
  'Reset in seconds': { legacy: 'delta' },
}

const visits = new Map<string, Visit[]>()
let server: Server
let url: string

beforeAll(async () => {
  const app = express()
  app.use((req, res, next) => {
    visits.set(req.path, [...(visits.get(req.path) ?? []), { at: Date.now(), res }])
    next()
  })
  for (const [i, dialect] of Object.values(HEADERS).entries()) {
    // Longer than the first retry delay of any client without Retry-After.
    const window = fixedWindow({ name: 'window', limit: 1, window: '2s', anchor: 'first' })
    const limited = rateLimit({ name: `limiter-${i}`, limits: [window], key: (req) => req.path, ...dialect })
    app.get(`/${i}/:client`, async (req, _res, next) => {
      // Right before the first request of a client, the only unit is taken.
      if (visits.get(req.path)?.length === 1) await limited.limiter.consume(req.path)
      next()
    })
    app.get(`/${i}/:client`, limited, (_req, res) => res.json('ok'))
  }
  server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.close()
  server.closeAllConnections()
})

describe.each(Object.keys(HEADERS).map((name, i) => [name, i] as const))('headers: %s', (_name, headers) => {
  test.concurrent.each(Object.entries(CLIENTS))('%s waits for Retry-After, and is admitted at its first retry', async (client, get) => {
    const path = `/${headers}/${encodeURIComponent(client)}`
    expect(await get(url + path)).toBe(200)
    const seen = visits.get(path) ?? []
    expect(seen.map(({ res }) => [res.statusCode, res.get('retry-after')])).toEqual([
      [429, '2'],
      [200, undefined],
    ])
    expect(seen[1]!.at - seen[0]!.at).toBeGreaterThanOrEqual(2_000)
  })
})

async function statusBy(dispatcher: RetryAgent | ReturnType<Agent['compose']>, url: string): Promise<number> {
  const { statusCode, body } = await request(url, { dispatcher })
  await body.dump()
  await dispatcher.close()
  return statusCode
}
