import { runtime, type WebReader, type WebResponse, type WebSignal } from '../runtime.ts'

// For adapters of frameworks on the web's own Request and Response, which have no event for "the response is out".

/**
 * Calls `ended` once: `true` when the body of a response has been read to its end, `false` when it failed or its reader gave
 * up. The response returned is the one to send: the same if it has no body, which has ended by now.
 */
export function whenBodyEnds<R extends WebResponse>(response: R, ended: (whole: boolean) => void): R {
  const { body } = response
  // A body that somebody reads already cannot be sent: the runtime says so better than this could.
  if (body === null || body.locked) {
    ended(body === null)
    return response
  }
  const reader = body.getReader()
  // Nothing is read ahead: the server's back pressure reaches the handler's stream.
  const stream = new runtime.ReadableStream(source(reader, once(ended)), { highWaterMark: 0 })
  return new runtime.Response(stream, response) as R
}

function source(reader: WebReader, ended: (whole: boolean) => void) {
  return {
    async pull(controller: { enqueue(part: unknown): void; close(): void }): Promise<void> {
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
