import { awaitTurn, type HttpOutcome, isPromise, whenAborted, whenBodyEnds } from '@sluice/core'
import type { Context, Next } from 'hono'

type Passed = HttpOutcome<Response> & { readonly pass: true }
type End = (response: Response | undefined) => void

/** Goes on with an admitted request when its turn has come, and tells once when its response has ended or its client is gone. */
export async function proceed({ delay, done }: Passed, c: Context, next: Next): Promise<Response | void> {
  if (done === undefined && delay === 0) return next()
  const { signal } = c.req.raw
  const end = ending(c, done)
  const gone = () => end(undefined)
  whenAborted(signal, gone)
  if (delay > 0 && !(await awaitTurn(delay, (left) => whenAborted(signal, left)))) return c.body(null)
  try {
    await next()
  } catch (error) {
    // Not an `Error`, which Hono would have answered: there is no status to judge by.
    gone()
    throw error
  }
  if (done === undefined) return
  // Hono takes the answer to a GET for the answer to HEAD, and drops its body unread.
  if (c.req.method === 'HEAD') end(c.res)
  else
    replaceResponse(
      c,
      whenBodyEnds(c.res, (whole) => end(whole ? c.res : undefined)),
    )
}

/** Without what Hono does otherwise: it would merge the headers of the old one into the new. */
export function replaceResponse(c: Context, response: Response): void {
  if (response === c.res) return
  c.res = undefined
  c.res = response
}

/** A runtime that stops its work with the response is told to wait for what is left to do then. */
function ending(c: Context, done: Passed['done']): End {
  if (done === undefined) return () => undefined
  let finish = (): void => undefined
  waitUntil(c, () => new Promise<void>((resolve) => (finish = resolve)))
  return (response) => {
    const settled = done(response?.status, response)
    if (isPromise(settled)) void settled.then(finish)
    else finish()
  }
}

function waitUntil(c: Context, work: () => Promise<void>): void {
  let context: { waitUntil(work: Promise<void>): void }
  try {
    context = c.executionCtx
  } catch {
    // Node, Bun and Deno have none, and stop nothing.
    return
  }
  context.waitUntil(work())
}
