import { type Admission, followRequest, waitQueueDelay, whenAborted, withWaitUntil } from '@sluice/core/adapter-kit'
import type { Context, Next } from 'hono'
import { connectionOf } from './host.ts'

/**
 * Runs the handlers of a request that is delayed or followed, and then sets the headers. Calls `done` once: when the response or the
 * connection of a WebSocket has ended, when the client is gone, or when anything has failed.
 */
export async function proceed(
  { delay, done: given }: Admission<Response>,
  c: Context,
  next: Next,
  setHeaders: (c: Context) => void,
): Promise<Response | void> {
  const request = c.req.raw
  const done = given && withWaitUntil(given, executionContextOf(c))
  const send = done && followRequest(request, connectionOf(c), done, () => (c.finalized ? c.res : undefined))
  if (delay > 0 && !(await waitQueueDelay(delay, (left) => whenAborted(request.signal, left)))) return c.body(null)
  try {
    await next()
    setHeaders(c)
    if (send !== undefined) replaceResponse(c, send(c.res))
  } catch (error) {
    // Hono answers an `Error` itself. Any other thrown value leaves no response, so there is no status.
    void done?.(undefined)
    throw error
  }
}

/** Sets the response. Clears it first: otherwise Hono would merge the headers of the old response into the new one. */
export function replaceResponse(c: Context, response: Response): void {
  if (response === c.res) return
  c.res = undefined
  c.res = response
}

/** Cloudflare's execution context. Other runtimes have none, since they let work finish after the response. */
function executionContextOf(c: Context): Context['executionCtx'] | undefined {
  try {
    return c.executionCtx
  } catch {
    return undefined
  }
}
