import { awaitTurn, followResponse, type HttpOutcome, waitedFor, whenAborted } from '@sluice/core/adapter-kit'
import type { Context, Next } from 'hono'

type Admitted = HttpOutcome<Response> & { readonly pass: true }

/** Goes on with an admitted request when its turn has come, and tells once when its response has ended or its client is gone. */
export function proceed(outcome: Admitted, c: Context, next: Next): Promise<Response | void> {
  return outcome.done === undefined && outcome.delay === 0 ? next() : followed(outcome, c, next)
}

async function followed({ delay, done: undone }: Admitted, c: Context, next: Next): Promise<Response | void> {
  const { signal } = c.req.raw
  const done = undone && waitedFor(undone, executionOf(c))
  const gone = () => void done?.(undefined)
  whenAborted(signal, gone)
  if (delay > 0 && !(await awaitTurn(delay, (left) => whenAborted(signal, left)))) return c.body(null)
  try {
    await next()
  } catch (error) {
    // Not an `Error`, which Hono would have answered: there is no status to judge by.
    gone()
    throw error
  }
  if (done !== undefined) replaceResponse(c, followResponse(c.res, done, c.req.method))
}

/** Without what Hono does otherwise: it would merge the headers of the old one into the new. */
export function replaceResponse(c: Context, response: Response): void {
  if (response === c.res) return
  c.res = undefined
  c.res = response
}

/** Of Cloudflare. Node, Bun and Deno have none, and stop nothing. */
function executionOf(c: Context): Context['executionCtx'] | undefined {
  try {
    return c.executionCtx
  } catch {
    return undefined
  }
}
