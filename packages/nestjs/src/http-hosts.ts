import type { Host } from '@sluice/core/adapter-kit'
import type { HttpRequest } from './execution-context.ts'

type Facts = Required<Omit<Host<HttpRequest>, 'ends' | 'body'>>

/** Express's request, 4 or 5; also Node's own, which a subscription over WebSocket was upgraded from. */
export const expressHost: Facts = {
  id: (request) => request,
  method: (request) => request.method ?? 'GET',
  path: (request) => (request.path === undefined ? pathOf(request.url) : `${request.baseUrl ?? ''}${request.path}`),
  address: (request) => request.ip ?? socketAddress(request),
  trust(request) {
    const setting = request.app?.get?.('trust proxy')
    return setting === true ? 'anyone' : setting ? 'some' : 'none'
  },
  header: (request, name) => {
    const value = request.headers?.[name]
    return typeof value === 'string' || value === undefined ? value : value.join(', ')
  },
  route: (request) => (request.route === undefined ? undefined : `${request.baseUrl ?? ''}${String(request.route.path)}`),
}

/** Fastify's request. */
export const fastifyHost: Facts = {
  ...expressHost,
  path: (request) => pathOf(request.url),
  trust(request) {
    // `ips` is there only where the server was told to trust somebody.
    if (request.ips === undefined) return 'none'
    return request.server?.initialConfig?.trustProxy === true ? 'anyone' : 'some'
  },
  route: (request) => request.routeOptions?.url,
}

export function socketAddress(request: HttpRequest): string | undefined {
  return (request.raw ?? request).socket?.remoteAddress
}

function pathOf(url: string | undefined): string {
  const query = url?.indexOf('?') ?? -1
  return (query < 0 ? url : url?.slice(0, query)) ?? '/'
}
