import type { HeaderLine } from '@sluice/core/adapter-kit'
import type { ParameterizedContext } from 'koa'

type Context = ParameterizedContext<any, any>

/** Sets the headers so that they outlive an error: Koa's own answer to one begins by taking every header off. */
export function setHeaders(ctx: Context, headers: readonly HeaderLine[]): void {
  const { res, onerror } = ctx
  if (headers.length === 0 || res.headersSent) return
  // By Node's own method: Koa's would ask each time what is known by now.
  for (const line of headers) res.setHeader(line[0], line[1])
  // Koa reads `ctx.onerror` at the time of the error, and calls it after every response, without one.
  const answer = (error: Error | null | undefined): void => {
    if (error === null || error === undefined) onerror.call(ctx, error)
    else keeping(headers, res, () => onerror.call(ctx, error))
  }
  // Not as a literal on the right: V8 makes those among what is old, where they hold the request until a full collection.
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- it is a method of Koa's, no slot for a listener
  ctx.onerror = answer
}

/** Runs to its end at once, so nobody else can meet the changed response. */
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
