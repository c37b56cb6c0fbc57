import { expressRoute } from './express-route.ts'
import type { Host } from './host.ts'
import { dropNodeRequest, type NodeSocket } from './node.ts'

// How core reads the requests of frameworks on Node. Types are structural, since core is compiled without the types of a framework.

/** As much of a request of Express 4 and 5 as core reads; also of Node's own request, which has no `ip` or `app`. */
export interface ExpressLikeRequest {
  readonly method?: string | undefined
  readonly url?: string | undefined
  /** As the request came: a router of Express removes the path at which it is mounted from `url`. */
  readonly originalUrl?: string | undefined
  readonly headers?: NodeHeaders | undefined
  readonly ip?: string | undefined
  readonly socket?: NodeSocket | null | undefined
  readonly app?: ({ get?(setting: string): unknown } & object) | undefined
  readonly route?: unknown
  readonly body?: unknown
}

/** As much of a request of Fastify as core reads. */
export interface FastifyLikeRequest {
  readonly method: string
  readonly url: string
  /** As the request came: an application may rewrite `url`. */
  readonly originalUrl?: string | undefined
  readonly headers: NodeHeaders
  readonly ip: string
  readonly ips?: readonly string[] | undefined
  readonly is404: boolean
  readonly routeOptions: { readonly url?: string | undefined }
  readonly raw: object
  readonly socket?: NodeSocket | null | undefined
  readonly body: unknown
}

export type NodeHeaders = Readonly<Record<string, string | readonly string[] | undefined>>

/** A header of Node's request, by its name in lower case. Joins a header that Node keeps as a list, as HTTP allows. */
export function nodeHeader(headers: NodeHeaders, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' || value === undefined ? value : value.join(', ')
}

/** How core reads a request of Express. Its `address` is Express's own, by the setting `trust proxy`. */
export const expressHost: Required<Omit<Host<ExpressLikeRequest>, 'ends' | 'call' | 'responseHeader' | 'platformAddress'>> = {
  id: (req) => req,
  method: (req) => req.method ?? 'GET',
  target: (req) => req.originalUrl ?? req.url,
  address: (req) => req.ip ?? req.socket?.remoteAddress,
  addressHint: () => NODE_HINT,
  socketAddress: (req) => req.socket?.remoteAddress,
  trust(req) {
    const setting = req.app?.get?.('trust proxy')
    return setting === true ? 'anyone' : setting ? 'some' : 'none'
  },
  header: (req, name) => req.headers && nodeHeader(req.headers, name),
  route: (req) => (typeof req.route === 'object' && req.route !== null ? expressRoute(req.route, req.app) : undefined),
  body: (req) => req.body,
  drop: (req) => dropNodeRequest(req),
  // A parser sets `body`, to `undefined` where it leaves a body to another parser.
  unparsedHint: (req) => ('body' in req ? undefined : 'add the parser before the limiter, such as app.use(express.json())'),
}

/** How core reads a request of Fastify. Its `address` is Fastify's own, by the option `trustProxy`. */
export const fastifyHost: Required<Omit<Host<FastifyLikeRequest>, 'ends' | 'call' | 'responseHeader' | 'platformAddress'>> = {
  id: (request) => request,
  method: (request) => request.method,
  target: (request) => request.originalUrl ?? request.url,
  address: (request) => request.ip,
  addressHint: () => NODE_HINT,
  socketAddress: (request) => request.socket?.remoteAddress,
  trust: fastifyTrust,
  header: (request, name) => nodeHeader(request.headers, name),
  route: (request) => (request.is404 ? '*' : request.routeOptions.url),
  body: (request) => request.body,
  drop: ({ raw }) => dropNodeRequest(raw),
  unparsedHint: () => "decide after the body is parsed: hook: 'preValidation', or add the hook there",
}

/** For a server of Node, where only a Unix socket has no address. */
const NODE_HINT =
  'behind a proxy on a Unix socket, set trustProxy to the number of proxies; in a test, send requests over a port, or give the made-up request an address; otherwise limit by another key'

type Trust = 'none' | 'some' | 'anyone'
const trustByServer = new WeakMap<object, Trust>()

// Fastify removes `trustProxy` from `initialConfig`, so a made-up request finds the setting. It claims to come through more proxies than
// anyone has, with addresses reserved for documentation. Only a server that trusts every proxy accepts them all.
const CLAIMED_PROXIES = 64
const CLAIMING_REQUEST = {
  headers: { 'x-forwarded-for': Array.from({ length: CLAIMED_PROXIES }, (_, i) => `198.51.100.${i}`).join(', ') },
  socket: { remoteAddress: '203.0.113.1' },
}

function fastifyTrust(request: FastifyLikeRequest): Trust {
  // One class of requests per server.
  const kind = Object.getPrototypeOf(request) as object
  let trust = trustByServer.get(kind)
  if (trust === undefined) {
    const { ips } = Object.create(request, { raw: { value: CLAIMING_REQUEST } }) as FastifyLikeRequest
    trust = ips === undefined ? 'none' : ips.length > CLAIMED_PROXIES ? 'anyone' : 'some'
    trustByServer.set(kind, trust)
  }
  return trust
}
