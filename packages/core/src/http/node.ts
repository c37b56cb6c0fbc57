import { systemClock } from '../clock.ts'
import type { HttpOutcome } from './outcome.ts'
import type { Done } from './settlement.ts'

// The end of a response, for the adapters of frameworks on Node: Express, Koa, Fastify, Nest. Types are structural, since core is
// compiled without the types of Node.

/** As much of Node's `http.ServerResponse` and `http2.Http2ServerResponse` as the adapters read. */
export interface NodeResponse {
  statusCode: number
  readonly headersSent: boolean
  readonly writableEnded: boolean
  readonly writableFinished: boolean
  /** HTTP/1.1 only. */
  readonly destroyed?: boolean | undefined
  /** HTTP/1.1: `null` before a pipelined request's turn has come, and after the response. */
  readonly socket?: NodeSocket | null | undefined
  readonly req?: { readonly socket?: NodeSocket | null | undefined } | undefined
  /** HTTP/2 only. */
  readonly stream?: { readonly destroyed: boolean } | undefined
  setHeader(name: string, value: string): unknown
  getHeader?(name: string): string | number | string[] | undefined
  writeHead?(status: number, ...rest: any[]): unknown
  once(event: 'close', run: () => void): unknown
}

export interface NodeSocket {
  readonly remoteAddress?: string | undefined
  readonly destroyed?: boolean | undefined
  once?(event: 'close' | 'finish', run: () => void): unknown
  destroy?(): unknown
}

/**
 * Calls `run` once: after the last byte of the response, or when its connection has closed. Calls it at once if that has happened.
 */
export function whenClosed(res: NodeResponse, run: () => void): void {
  if (isClosed(res)) {
    run()
    return
  }
  const followed = res as { [RUNS]?: (() => void)[] }
  const runs = (followed[RUNS] ??= follow(res))
  runs.push(run)
}

// One listener per response, however many limiters follow it: past ten, Node warns of a leak.
const RUNS: unique symbol = Symbol('sluice.closing')

/** Apart, since V8 allocates the variables of a closure at every call of the function that contains it. */
function follow(res: NodeResponse): (() => void)[] {
  const runs: (() => void)[] = []
  // Not every response emits `close` with its connection: not the one that express-ws makes for a WebSocket, not one that was detached, and
  // on Node 20 and 22 not a pipelined one whose turn has not come. Over HTTP/2, the stream closes with its connection.
  const open = res.stream === undefined && res.req?.socket ? openOn(res.req.socket) : undefined
  const end = (): void => {
    open?.delete(end)
    for (const run of runs.splice(0)) run()
  }
  res.once('close', end)
  open?.add(end)
  return runs
}

const OPEN: unique symbol = Symbol('sluice.open')

/** What ends with a connection. `undefined` for an object that is no socket. */
function openOn(socket: NodeSocket & { [OPEN]?: Set<() => void> }): Set<() => void> | undefined {
  if (socket.once === undefined) return undefined
  const known = socket[OPEN]
  if (known !== undefined) return known
  // One listener per connection, however many requests it carries.
  const open = new Set<() => void>()
  socket[OPEN] = open
  socket.once('close', () => {
    for (const end of open) end()
  })
  return open
}

/**
 * Calls `run` when the server has ended an upgraded connection, and when it has closed; at once if it has. A client that keeps its side
 * open must not hold anything.
 */
export function whenUpgradeEnds(socket: NodeSocket, run: () => void): void {
  if (socket.destroyed === true) {
    run()
    return
  }
  socket.once?.('finish', run)
  openOn(socket)?.add(run)
}

/**
 * The status of a response that was sent in full. On HTTP/2, a response that was cut off is `writableFinished` but not `writableEnded`. A
 * simulated response, such as that of Fastify's `inject()`, is closed before it is `writableFinished`.
 */
export function sentStatus(res: NodeResponse): number | undefined {
  return res.writableEnded && (res.writableFinished || isSimulated(res)) ? res.statusCode : undefined
}

/** Whether no network is behind the response: tests, and adapters of serverless platforms, give it an object that is no socket. */
function isSimulated({ socket }: NodeResponse): boolean {
  return typeof socket === 'object' && socket !== null && !('remoteAddress' in socket)
}

/**
 * Settles an admitted request when its response has ended or its connection has closed. Adapters call it before all else: whatever fails
 * afterwards, the end of the response releases what the request holds. `response` is the framework's own.
 */
export function followNodeResponse<R>(res: NodeResponse, outcome: HttpOutcome<R>, response: R): void {
  if (outcome.pass && outcome.done !== undefined) settleWhenClosed(res, outcome.done, response)
}

function settleWhenClosed<R>(res: NodeResponse, done: Done<R>, response: R): void {
  whenClosed(res, () => void done(sentStatus(res), response))
}

/** As much of Node's request as is needed to close its connection. */
export interface DroppableRequest {
  readonly socket?: NodeSocket | null | undefined
  /** HTTP/2 only. */
  readonly stream?: { readonly destroyed: boolean; close?(code: number): void } | null | undefined
}

/** An error code of HTTP/2. Node emits an error for most others, which frameworks log, and clients repeat a `REFUSED_STREAM` by themselves. */
const CANCEL = 8

/**
 * Closes the connection of a request; over HTTP/2 only its stream, since a proxy sends the requests of many clients over one connection.
 * Returns whether it is closed: a simulated request has no connection.
 */
export function dropNodeRequest(request: DroppableRequest): boolean {
  const { stream, socket } = request
  if (typeof stream?.close === 'function') {
    stream.close(CANCEL)
    return true
  }
  socket?.destroy?.()
  return socket?.destroyed === true
}

/** Calls `next` at once, or after the delay of a queued request. If the client leaves during the delay, `next` is not called. */
export function continueAfter(delay: number, res: NodeResponse, next: () => void): void {
  if (delay > 0) whenClosed(res, systemClock.after(delay, next))
  else next()
}

/** Whether the connection of a request is closed. A simulated request has none. */
export function isGone({ socket }: { readonly socket?: NodeSocket | null | undefined }): boolean {
  return socket?.destroyed === true
}

function isClosed({ stream, destroyed, req }: NodeResponse): boolean {
  // Over HTTP/2, only the stream shows it.
  if (stream !== undefined) return stream.destroyed
  return destroyed === true || (req !== undefined && isGone(req))
}
