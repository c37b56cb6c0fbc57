// How httpConformance() drives code of requests and responses, on any runtime: no node: import here.
import type { Answer, AppSpec, Feature, Mount, ContextReader, Route } from '@sluice/testing/http'
import { decisionOf, type FetchHandler, type FetchOptions, type Limiter, rateLimit } from '../src/index.ts'

export const read: ContextReader = {
  method: (request: Request) => request.method,
  path: (request: Request) => new URL(request.url).pathname,
  header: (request: Request, name) => request.headers.get(name) ?? undefined,
  decision: (request: Request) => decisionOf(request),
  responseHeader: (response: Response, name) => response.headers.get(name) ?? undefined,
  reply: (_request: Request, status, text) => new Response(text, { status }),
}

/** There is no framework to have them. */
export const unsupported: readonly Feature[] = [
  'framework proxy trust',
  'route pattern',
  'early response head',
  'headers before',
  'HTTP/2',
  'dropped connections',
]

/** The app of a case, for any server of requests and responses. */
export function appOf(spec: AppSpec): FetchHandler {
  const made = new Map<Mount, Limiter>()
  const error: FetchOptions['error'] = (_request, { error: thrown }) => {
    spec.onError(thrown)
    return new Response('failed', { status: (thrown as { readonly status?: number }).status ?? 500 })
  }
  const limited = (handler: FetchHandler, mount: Mount): FetchHandler => {
    const limiter = made.get(mount)
    const wrapped = rateLimit(handler, {
      ...(mount as FetchOptions),
      // All mounts of policies share one limiter.
      ...(limiter === undefined || mount.policies !== undefined ? {} : { ...DEFINED, ...CHOSEN, limiter }),
      error,
    })
    made.set(mount, wrapped.limiter)
    spec.onLimiter(mount, wrapped.limiter)
    return wrapped
  }
  const stacked = (handler: FetchHandler, mounts: readonly Mount[]) => mounts.reduceRight(limited, handler)

  const routes = spec.routes.map((route) => ({ route, handler: stacked(handlerOf(route), route.use ?? []) }))
  const routed: FetchHandler = (request, ...rest: readonly unknown[]) => {
    const found = routes.find(({ route }) => matches(route, request))
    return found === undefined ? new Response('Not Found', { status: 404 }) : found.handler(request, ...rest)
  }
  return stacked(routed, spec.use)
}

// What defines a limiter is not to be said again in its second place.
const DEFINED = { name: undefined, limit: undefined, window: undefined, limits: undefined, tiers: undefined } as const
const CHOSEN = { store: undefined, mode: undefined, failMode: undefined, on: undefined } as const

function matches({ method = 'GET', path }: Route, request: Request): boolean {
  const asked = request.method === 'HEAD' ? 'GET' : request.method
  const parts = new URL(request.url).pathname.split('/')
  const pattern = path.split('/')
  return method === asked && parts.length === pattern.length && pattern.every((part, i) => part.startsWith(':') || part === parts[i])
}

function handlerOf(route: Route): FetchHandler {
  return (request) => {
    const answer = route.answer({ decision: decisionOf(request) })
    return answer instanceof Promise ? answer.then(responseOf) : responseOf(answer)
  }
}

function responseOf({ status = 200, headers = {}, json, stream, raw }: Answer): Response {
  if (raw !== undefined) return new Response(raw, { status, headers })
  if (stream !== undefined) return new Response(bodyOf(stream), { status, headers })
  return Response.json(json, { status, headers })
}

function bodyOf(parts: AsyncIterable<string>): ReadableStream<Uint8Array<ArrayBuffer>> {
  const iterator = parts[Symbol.asyncIterator]()
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await iterator.next()
      if (done === true) controller.close()
      else controller.enqueue(new TextEncoder().encode(value))
    },
  })
}
