import { type HeaderLine, setNodeHeaders } from '@sluice/core/adapter-kit'
import type { ParameterizedContext } from 'koa'

type Context = ParameterizedContext<any, any>

/** Sets the headers so that an error keeps them: Koa removes every header before it answers an error. */
export function setHeaders(ctx: Context, headers: readonly HeaderLine[]): void {
  const { res, onerror } = ctx
  if (headers.length === 0 || res.headersSent) return
  // By Node's own method, which is faster: Koa's would test for sent headers each time.
  setNodeHeaders(res, headers)
  // Koa reads `ctx.onerror` when an error occurs. It also calls it after every response, without an error.
  const answer = (error: Error | null | undefined): void => {
    if (error === null || error === undefined) onerror.call(ctx, error)
    else keeping(headers, res, () => onerror.call(ctx, error))
  }
  // In a variable: V8 allocates a function literal that is assigned to a property in its old space, which keeps the request alive.
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- a method of Koa, not an event handler
  ctx.onerror = answer
}

/** As if no status had been set: middleware that answers an error by a body alone would send it with the status of the refusal. */
export function unsetStatus({ res, response }: Context): void {
  res.statusCode = 404
  // A field of Koa's, which says that the application has chosen the status.
  ;(response as { _explicitStatus?: boolean })._explicitStatus = false
}

/** Lets Koa answer while these headers cannot be removed. Synchronous, so that no other code sees the changed response. */
function keeping(headers: readonly HeaderLine[], res: Context['res'], answer: () => void): void {
  const names = new Set(headers.map(([name]) => name.toLowerCase()))
  const { removeHeader } = res
  res.removeHeader = (name: string) => {
    if (!names.has(name.toLowerCase())) removeHeader.call(res, name)
  }
  try {
    answer()
  } finally {
    res.removeHeader = removeHeader
  }
}
