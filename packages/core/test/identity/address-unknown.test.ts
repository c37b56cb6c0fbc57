import { describe, expect, test } from 'vitest'
import { createPipeline } from '../../src/http/pipeline.ts'
import { expressHost, type ExpressLikeRequest, fastifyHost } from '../../src/http/node-hosts.ts'
import type { RateLimitOptions } from '../../src/http/options.ts'

/** A request over a Unix socket. */
const request: ExpressLikeRequest = { method: 'GET', headers: {}, socket: {} }

describe('newcomer 16: an unknown address is an error that says what to do', () => {
  const messageOf = (options: RateLimitOptions<ExpressLikeRequest>) => {
    try {
      void createPipeline(expressHost, options)(request)
    } catch (error) {
      return (error as Error).message
    }
    return undefined
  }

  test.each<[string, RateLimitOptions<ExpressLikeRequest>, string]>([
    [
      'in a server of Node',
      {},
      'behind a proxy on a Unix socket, set trustProxy to the number of proxies; in a test, send requests over a port, ',
    ],
    ['with trustProxy: 0', { trustProxy: 0 }, 'behind a proxy on a Unix socket, set trustProxy'],
    ['past the proxy', { trustProxy: 1 }, 'the request has no x-forwarded-for, which trustProxy reads, so it came past the proxy: '],
    [
      'past the proxy, with another header',
      { trustProxy: 1, forwardedHeader: 'CF-Connecting-IP' },
      'the request has no cf-connecting-ip, which trustProxy reads, so it came past the proxy: let the proxy send the header, or exempt such requests with skip',
    ],
    [
      'with a list of proxies',
      { trustProxy: ['10.0.0.0/8'] },
      'trustProxy lists addresses, and the connection has none: set it to the number of proxies',
    ],
  ])('%s', (_where, options, advice) => {
    expect(messageOf(options)).toContain(`expected the client's address, got none; ${advice}`)
  })

  test('Fastify gives the advice of a server of Node', () => {
    expect(fastifyHost.addressHint({} as never)).toBe(expressHost.addressHint({}))
  })
})
