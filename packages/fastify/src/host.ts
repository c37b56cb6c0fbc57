import type { Host } from '@sluice/core/adapter-kit'
import type { FastifyRequest } from 'fastify'

export const host: Host<FastifyRequest> = {
  id: (request) => request,
  method: (request) => request.method,
  path: ({ url }) => url.split('?', 1)[0] as string,
  address: (request) => request.ip,
  trust,
  header(request, name) {
    const value = request.headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  },
  route: (request) => (request.is404 ? undefined : request.routeOptions.url),
  body: (request) => request.body,
}

// With the option `trustProxy`, Sluice reads the forwarded headers itself, from the connection on: `request.ip` may be read
// from them already.
export const socketHost: Host<FastifyRequest> = { ...host, address: (request) => request.socket.remoteAddress }

type Trust = 'none' | 'some' | 'anyone'
const known = new WeakMap<object, Trust>()

// Fastify tells nobody what its `trustProxy` is. So it is asked about a request that came by way of strangers alone: documentation
// addresses, more of them than anybody has proxies.
const STRANGERS = {
  headers: { 'x-forwarded-for': Array.from({ length: 64 }, (_, i) => `198.51.100.${i}`).join(', ') },
  socket: { remoteAddress: '203.0.113.1' },
}

function trust(request: FastifyRequest): Trust {
  const kind = Object.getPrototypeOf(request) as object
  let found = known.get(kind)
  if (found === undefined) {
    const { ips } = Object.create(request, { raw: { value: STRANGERS } }) as FastifyRequest
    found = ips === undefined ? 'none' : ips.length > 64 ? 'anyone' : 'some'
    known.set(kind, found)
  }
  return found
}
