import { systemClock } from '../clock.ts'
import { chain, runtime, type WebReader, type WebResponse, type WebSignal } from '../runtime.ts'
import { nodeConnection } from './connection.ts'
import { sentStatus, whenClosed, whenUpgradeEnds } from './node.ts'
import type { Done } from './settlement.ts'
import { EXPOSE, joinNames } from './headers/exposed-names.ts'
import { type HeaderLine, lowerCase } from './headers/headers.ts'

// The end of a response, for adapters of frameworks on the web's `Request` and `Response`, which have no event for it.

/**
 * The response with these headers: the same one, or a copy where its headers are immutable, such as those of a fetched response. Names to
 * expose are added to those that the response exposes.
 */
export function withHeaders<R extends WebResponse>(response: R, lines: Iterable<HeaderLine>): R {
  try {
    return setHeaders(response, lines)
  } catch (error) {
    // A WebSocket upgrade (101) and `Response.error()` (0) cannot be copied: they are sent without the headers.
    if (!(error instanceof TypeError) || response.status < 200) return response
    return setHeaders(new runtime.Response(response.body, response) as R, lines)
  }
}

/** As much of a web request as is needed to follow it. */
export interface FollowedRequest {
  readonly method: string
  readonly signal?: WebSignal | undefined
}

/**
 * Calls `done` when an admitted request has ended, whatever happens to its response from now on. On Node, that is the end of Node's own
 * response or of a WebSocket's connection; elsewhere the end of the body, or the abort of the request. Returns a function that returns
 * the response to send.
 * @param given what the runtime passes after the request
 * @param responseOf the response so far, where there is one
 */
export function followRequest<R extends WebResponse>(
  request: FollowedRequest,
  given: unknown,
  done: Done<R>,
  responseOf: () => R | undefined,
): (response: R) => R {
  const { response: outgoing, upgraded } = nodeConnection(request, given)
  if (outgoing !== undefined) {
    whenClosed(outgoing, () => void done(sentStatus(outgoing), responseOf()))
    return unchanged
  }
  if (upgraded !== undefined) {
    whenUpgradeEnds(upgraded, () => {
      const response = responseOf()
      void done(response?.status, response)
    })
    return unchanged
  }
  whenAborted(request.signal, () => void done(undefined))
  return (response) => followResponse(response, done, request.method)
}

function unchanged<R>(response: R): R {
  return response
}

/** Returns the response to send, which calls `done` when its body has ended. For HEAD at once, since no server reads that body. */
export function followResponse<R extends WebResponse>(response: R, done: Done<R>, method: string): R {
  if (method === 'HEAD') {
    void done(response.status, response)
    return response
  }
  return whenBodyEnds(response, (whole) => void done(whole ? response.status : undefined, response))
}

/** Returns `done`, and makes a runtime with `waitUntil` wait for it. Otherwise such a runtime may stop after the response. */
export function withWaitUntil<R>(done: Done<R>, context: { waitUntil(work: Promise<void>): void } | undefined): Done<R> {
  if (context === undefined) return done
  let finish = (): void => undefined
  context.waitUntil(new Promise<void>((resolve) => (finish = resolve)))
  let called = false
  return (status, response) => {
    // A client that leaves calls this twice, by its body and by its signal. The second call must not end the wait for the first.
    if (called) return undefined
    called = true
    return chain(done(status, response), finish)
  }
}

/**
 * Calls `ended` once, with `true` when the body has been read to its end. `false`: the body failed, its reader cancelled it, or
 * reading did not begin within a minute. Returns the response to send. A response without a body has already ended.
 */
export function whenBodyEnds<R extends WebResponse>(response: R, ended: (whole: boolean) => void): R {
  const { body } = response
  // The runtime reports a locked body, which cannot be sent. A used one was sent, or belongs to a response that another one replaced.
  if (body === null || body.locked || response.bodyUsed) {
    ended(body === null)
    return response
  }
  const reader = body.getReader()
  const endOnce = once(ended)
  // A body that is still unread after a minute was replaced by another response, such as that of a timeout or an error.
  const cancelTimeout = systemClock.after(UNREAD_TIMEOUT, () => endOnce(false))
  // A high-water mark of 0 reads nothing ahead, so that the back pressure of the server reaches the stream of the handler.
  const stream = new runtime.ReadableStream(source(reader, cancelTimeout, endOnce), { highWaterMark: 0 })
  return new runtime.Response(stream, response) as R
}

/** ms */
const UNREAD_TIMEOUT = 60_000

function source(reader: WebReader, cancelTimeout: () => void, ended: (whole: boolean) => void) {
  return {
    async pull(controller: { enqueue(part: unknown): void; close(): void }): Promise<void> {
      cancelTimeout()
      try {
        const { done, value } = await reader.read()
        if (!done) {
          controller.enqueue(value)
          return
        }
        ended(true)
        controller.close()
      } catch (error) {
        ended(false)
        throw error
      }
    },
    cancel(reason: unknown): Promise<void> {
      cancelTimeout()
      ended(false)
      return reader.cancel(reason)
    },
  }
}

/** Calls `gone` when the client leaves, or at once if it has left. Some runtimes never report it; others report it after every response. */
export function whenAborted(signal: WebSignal | undefined, gone: () => void): void {
  if (signal?.aborted === true) gone()
  else signal?.addEventListener('abort', gone, { once: true })
}

function once<T>(run: (value: T) => void): (value: T) => void {
  let called = false
  return (value) => {
    if (called) return
    called = true
    run(value)
  }
}

function setHeaders<R extends WebResponse>(response: R, lines: Iterable<HeaderLine>): R {
  const { headers } = response
  for (const [name, value] of lines) headers.set(lowerCase(name), name === EXPOSE ? joinNames(headers.get(EXPOSE), value) : value)
  return response
}
