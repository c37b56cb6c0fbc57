import { systemClock } from '../clock.ts'
import type { Admission } from './outcome.ts'
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
  once(event: 'close', run: () => void): unknown
}

export interface NodeSocket {
  readonly remoteAddress?: string | undefined
  readonly destroyed?: boolean | undefined
  once?(event: 'close', run: () => void): unknown
}

/** Calls `run` once: after the last byte of the response, or when the client has left. Calls it at once if that has happened. */
export function whenClosed(res: NodeResponse, run: () => void): void {
  if (isClosed(res)) {
    run()
    return
  }
  const closing = res as { [CLOSING]?: (() => void)[] }
  if (closing[CLOSING] === undefined) listen(res, (closing[CLOSING] = []))
  closing[CLOSING].push(run)
  // Node 20 and 22 do not close a pipelined response whose connection ends before its turn. Its concurrency would not be released.
  if (res.socket === null && res.req?.socket) whenConnectionCloses(res.req.socket, res, run)
}

// One listener per response, however many limiters follow it: past ten, Node warns of a leak.
const CLOSING: unique symbol = Symbol('sluice.closing')

/** Apart, since V8 allocates the variables of a closure at every call of the function that contains it. */
function listen(res: NodeResponse, runs: readonly (() => void)[]): void {
  res.once('close', () => {
    for (const each of runs) each()
  })
}

/** The status of a response that was sent in full. On HTTP/2, a response that was cut off is `writableFinished` but not `writableEnded`. */
function sentStatus(res: NodeResponse): number | undefined {
  return res.writableEnded && res.writableFinished ? res.statusCode : undefined
}

/** Goes on with an admitted request: `next` at once, or after the delay of a queue. `response` is the framework's own. */
export function proceed<R>({ delay, done }: Admission<R>, res: NodeResponse, response: R, next: () => void): void {
  if (done !== undefined) followNodeResponse(res, done, response)
  if (delay > 0) continueAfter(delay, res, next)
  else next()
}

/** Calls `done` when the response has ended or its client has left. `response` is the framework's own. */
export function followNodeResponse<R>(res: NodeResponse, done: Done<R>, response: R): void {
  whenClosed(res, () => void done(sentStatus(res), response))
}

/** Calls `next` after the delay of a queued request. If the client leaves before that, `next` is not called. */
export function continueAfter(delay: number, res: NodeResponse, next: () => void): void {
  whenClosed(res, systemClock.after(delay, next))
}

function isClosed({ stream, destroyed, socket, req }: NodeResponse): boolean {
  // Over HTTP/2, only the stream shows it.
  if (stream !== undefined) return stream.destroyed
  return destroyed === true || (socket === null && req?.socket?.destroyed === true)
}

// One listener per connection, however many requests are pipelined on it: past ten, Node warns of a leak.
const waiting = new WeakMap<NodeSocket, Set<() => void>>()

function whenConnectionCloses(socket: NodeSocket, res: NodeResponse, run: () => void): void {
  let runs = waiting.get(socket)
  if (runs === undefined) {
    const all = new Set<() => void>()
    waiting.set(socket, (runs = all))
    socket.once?.('close', () => {
      for (const each of all) each()
    })
  }
  runs.add(run)
  const remove = () => void runs.delete(run)
  res.once('close', remove)
}
