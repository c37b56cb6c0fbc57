import { systemClock } from '../clock.ts'
import { chain, runtime, type WebReader, type WebResponse, type WebSignal } from '../runtime.ts'
import type { Done } from './settlement.ts'
import { type HeaderLine, lowerCase } from './headers/headers.ts'

// For adapters of frameworks on the web's own Request and Response, which have no event for "the response is out".

/** The response with these headers set: the same one, or a copy where its headers cannot be changed, as those of a fetched response. */
export function withHeaders<R extends WebResponse>(response: R, lines: Iterable<HeaderLine>): R {
  try {
    return setHeaders(response, lines)
  } catch (error) {
    // Upgrades to WebSocket (101) and `Response.error()` (0) cannot be built by anybody else: better without headers than broken.
    if (!(error instanceof TypeError) || response.status < 200) return response
    return setHeaders(new runtime.Response(response.body, response) as R, lines)
  }
}

/** The response to send, that tells `done` when its body has ended. A server reads no body in answer to HEAD. */
export function followResponse<R extends WebResponse>(response: R, done: Done<R>, method: string): R {
  if (method === 'HEAD') {
    void done(response.status, response)
    return response
  }
  return whenBodyEnds(response, (whole) => void done(whole ? response.status : undefined, response))
}

/** `done`, for which a runtime that ends with the response, and so has a `waitUntil`, is made to wait. */
export function waitedFor<R>(done: Done<R>, context: { waitUntil(work: Promise<void>): void } | undefined): Done<R> {
  if (context === undefined) return done
  let finish = (): void => undefined
  context.waitUntil(new Promise<void>((resolve) => (finish = resolve)))
  let called = false
  return (status, response) => {
    // A client that leaves is told of twice, by its body and by its signal: the second must not end the wait for what the first began.
    if (called) return undefined
    called = true
    return chain(done(status, response), finish)
  }
}

/**
 * Calls `ended` once: `true` when the body of a response has been read to its end, `false` when it failed or its reader gave
 * up, or nobody began to read it within a minute. The response returned is the one to send: the same if it has no body, which has ended by now.
 */
export function whenBodyEnds<R extends WebResponse>(response: R, ended: (whole: boolean) => void): R {
  const { body } = response
  // A body that somebody reads already cannot be sent: the runtime says so better than this could.
  if (body === null || body.locked) {
    ended(body === null)
    return response
  }
  const reader = body.getReader()
  const told = once(ended)
  // Another response went out in its place: a handler that came after its timeout, an error that came after it.
  const began = systemClock.after(UNREAD, () => told(false))
  // Nothing is read ahead: the server's back pressure reaches the handler's stream.
  const stream = new runtime.ReadableStream(source(reader, began, told), { highWaterMark: 0 })
  return new runtime.Response(stream, response) as R
}

const UNREAD = 60_000

function source(reader: WebReader, began: () => void, ended: (whole: boolean) => void) {
  return {
    async pull(controller: { enqueue(part: unknown): void; close(): void }): Promise<void> {
      began()
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
      began()
      ended(false)
      return reader.cancel(reason)
    },
  }
}

/** Calls `gone` once the client is gone, at once if it is by now. Runtimes that tell of none never call it; others also call it after a whole response. */
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
  for (const line of lines) headers.set(lowerCase(line[0]), line[1])
  return response
}
