import { type Admission, followResponse, withWaitUntil, waitQueueDelay, whenAborted } from '@sluice/core/adapter-kit'
import type { Context, Next } from 'hono'

/** Runs the handlers of an admitted request, after its delay. Calls `done` once, when the response has ended or the client is gone. */
export function proceed(outcome: Admission<Response>, c: Context, next: Next): Promise<Response | void> {
  return outcome.done === undefined && outcome.delay === 0 ? next() : proceedTracked(outcome, c, next)
}

async function proceedTracked({ delay, done: given }: Admission<Response>, c: Context, next: Next): Promise<Response | void> {
  const { signal } = c.req.raw
  const done = given && withWaitUntil(given, executionContextOf(c))
  const gone = () => void done?.(undefined)
  whenAborted(signal, gone)
  if (delay > 0 && !(await waitQueueDelay(delay, (left) => whenAborted(signal, left)))) return c.body(null)
  try {
    await next()
  } catch (error) {
    // Hono answers an `Error` itself. Any other thrown value leaves no response, so there is no status.
    gone()
    throw error
  }
  if (done !== undefined) replaceResponse(c, followResponse(c.res, done, c.req.method))
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
