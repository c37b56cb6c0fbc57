import { Agent, get as httpGet, type IncomingMessage } from 'node:http'
import { Agent as TlsAgent, get as httpsGet } from 'node:https'
import { createLimiter, slidingWindow } from '@sluice/core'
import type { NamedRedis } from '../redis/redis-option.ts'
import type { Result, Target, Unanswered } from './load.ts'

/** Something that is asked, until it is closed. */
export interface OpenTarget {
  readonly ask: Target
  close(): Promise<void>
}

/** Of the bench alone, so that its counts are not among others. They expire within two minutes. */
export const BENCH_PREFIX = 'sluice-bench'
const LIMIT = 100
/** ms */
const TIMEOUT = 5_000

/** `GET /check` of a service, by connections that stay open. */
export function serviceTarget(url: string, subjects: number, atOnce: number, token: string | undefined): OpenTarget {
  const isTls = url.startsWith('https:')
  const agent = new (isTls ? TlsAgent : Agent)({ keepAlive: true, maxSockets: atOnce })
  const send = isTls ? httpsGet : httpGet
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const ask: Target = (number) =>
    new Promise((resolve, reject) => {
      const request = send(`${url}/check?user_id=bench-${number % subjects}`, { agent, headers, timeout: TIMEOUT }, (response) => {
        response.resume()
        response.once('end', () => resolve(outcomeIn(response)))
        response.once('error', reject)
      })
      request.once('timeout', () => {
        resolve({ problem: `no answer in ${TIMEOUT} ms` })
        request.destroy()
      })
      request.once('error', reject)
    })
  return { ask, close: async () => agent.destroy() }
}

const RESULTS: ReadonlyMap<number | undefined, Result> = new Map([
  [200, 'admitted'],
  [429, 'refused'],
  [503, 'unavailable'],
])

function outcomeIn({ statusCode }: IncomingMessage): Result | Unanswered {
  return RESULTS.get(statusCode) ?? { problem: `status ${statusCode}` }
}

/** The store itself, by a limiter of 100 requests a minute for each subject. */
export async function redisTarget({ source }: NamedRedis, subjects: number): Promise<OpenTarget> {
  const { redisStore } = await import('@sluice/redis')
  const store = redisStore(source, { prefix: BENCH_PREFIX, failover: false })
  const limiter = createLimiter({ name: 'bench', limits: [slidingWindow({ name: 'minute', limit: LIMIT, window: '1m' })], store })
  return {
    ask: async (number) => ((await limiter.consume(`bench-${number % subjects}`)).allowed ? 'admitted' : 'refused'),
    async close() {
      await limiter.close()
      await store.close?.()
    },
  }
}
