import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { Socket } from 'node:net'
import type { Address } from '../../listen.ts'
import type { Listening } from '../../listening.ts'
import type { EndpointMetrics } from '../../metrics/endpoint-metrics.ts'
import type { ProtocolMetrics, ServerMetrics } from '../../metrics/server-metrics.ts'
import { listenOn, urlOf } from '../../socket.ts'
import { Certificates } from '../../tls.ts'
import type { CallLimits } from './call-limits.ts'
import { Connection } from './connection.ts'
import { LongCall } from './long-call.ts'
import type { Method, Methods } from './method.ts'
import { refuse, refuseHttp } from './respond.ts'
import { nameOf, STATUS, StatusError } from './status.ts'
import { UnaryCall } from './unary-call.ts'

/** The longest message, in bytes. */
const MAX_MESSAGE = 65_536
/** Calls that are open at a time: of one connection, and of all. */
const MAX_STREAMS = 1_024
const MAX_CALLS = 20_000
const MAX_CONNECTIONS = 10_000

/** How a server is made. */
export interface GrpcServerParts extends Address {
  /** ms after which a connection ends, ± 10 %. Each client stays on the connection that it has, so new processes would get no calls. */
  readonly maxConnectionAge: number
  readonly methods: Methods
  readonly metrics: ServerMetrics
  /** What a caller gets to know of a failure that is not a `StatusError`. */
  statusOf(this: void, error: unknown): Pick<StatusError, 'status' | 'message'>
}

/** A method with what is counted of it. */
interface Served {
  readonly method: Method
  readonly metrics: EndpointMetrics
}

/** Serves methods of gRPC over HTTP/2. */
export class GrpcServer implements CallLimits, Listening {
  readonly maxMessage: number = MAX_MESSAGE
  url = ''
  private readonly parts: GrpcServerParts
  private readonly methods: ReadonlyMap<string, Served>
  private readonly unknown: EndpointMetrics
  private readonly server: Http2Server | Http2SecureServer
  private readonly certificates: Certificates | undefined
  private readonly connections = new Map<object, Connection>()
  private readonly counts: ProtocolMetrics
  private socket: Socket | undefined

  constructor(parts: GrpcServerParts) {
    const { tls, methods, metrics } = parts
    this.parts = parts
    this.counts = metrics.protocol('grpc')
    this.unknown = metrics.endpoint('grpc', 'none')
    this.methods = new Map(Object.entries(methods).map(([path, method]) => [path, { method, metrics: metrics.endpoint('grpc', path) }]))
    this.certificates = tls && new Certificates(tls)
    const settings = { maxConcurrentStreams: MAX_STREAMS, maxHeaderListSize: 16_384, enablePush: false }
    this.server =
      this.certificates === undefined ? createServer({ settings }) : createSecureServer({ ...this.certificates.options, settings })
    this.server.maxConnections = MAX_CONNECTIONS
    // Node makes the session of a socket within this event.
    this.server.prependListener(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      this.socket = socket
    })
    this.server.on('session', (session) => this.connect(session))
    this.server.on('stream', (stream, headers) => this.accept(stream, headers))
    this.server.on('drop', () => (this.counts.refused += 1))
  }

  /** Listens. Rejects with the error of a port that is taken. */
  async listen(): Promise<string> {
    const { server } = this
    await listenOn(server, this.parts)
    this.certificates?.follow(server as never)
    this.url = urlOf(server, this.parts, 'http')
    return this.url
  }

  reload(): void {
    this.certificates?.reload()
  }

  close(timeout: number): Promise<void> {
    this.certificates?.close()
    return new Promise((resolve) => {
      this.server.close(() => resolve())
      for (const connection of this.connections.values()) connection.end(timeout)
    })
  }

  statusOf = (error: unknown): Pick<StatusError, 'status' | 'message'> =>
    error instanceof StatusError ? error : this.parts.statusOf(error)

  private connect(session: ServerHttp2Session): void {
    const age = this.parts.maxConnectionAge * (0.9 + Math.random() * 0.2)
    this.connections.set(session, new Connection(session, this.socket as Socket, age))
    this.counts.connections += 1
    session.on('close', () => {
      this.counts.connections -= 1
      this.connections.delete(session)
    })
  }

  private accept(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    stream.on('error', ignore)
    if (headers[':method'] !== 'POST') return refuseHttp(stream, 405, { allow: 'POST' })
    const type = headers['content-type']
    if (type === undefined || !isGrpc(type)) return refuseHttp(stream, 415)
    const served = this.methods.get(headers[':path'] as string)
    if (served === undefined) {
      this.unknown.answered('UNIMPLEMENTED', 0)
      return refuse(stream, STATUS.UNIMPLEMENTED, `there is no method ${headers[':path']}`)
    }
    if (this.counts.inFlight >= MAX_CALLS) return refuse(stream, STATUS.RESOURCE_EXHAUSTED, `expected at most ${MAX_CALLS} calls at a time`)
    this.counts.inFlight += 1
    stream.on('close', this.count)
    this.begin(stream, headers, served)
  }

  private begin(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, { method, metrics }: Served): void {
    const origin = { stream, headers, limits: this, metrics }
    try {
      if ('unary' in method) new UnaryCall(origin, method).begin()
      else this.hold(stream, new LongCall(origin, method))
    } catch (error) {
      const { status, message } = this.statusOf(error)
      metrics.answered(nameOf(status), 0)
      refuse(stream, status, message)
    }
  }

  private hold(stream: ServerHttp2Stream, call: LongCall): void {
    const calls = this.connections.get(stream.session as object)?.calls
    calls?.add(call)
    stream.on('close', () => calls?.delete(call))
  }

  private readonly count = (): void => {
    this.counts.inFlight -= 1
  }
}

/** `application/grpc`, alone or with `+proto`. Another encoding of messages is not spoken. */
function isGrpc(type: string): boolean {
  return type === 'application/grpc' || type === 'application/grpc+proto' || type.startsWith('application/grpc;')
}

function ignore(): void {}
