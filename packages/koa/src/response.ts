import type { HeaderLine } from '@sluice/core'
import type { ParameterizedContext, Response } from 'koa'

type Context = ParameterizedContext<any, any>

/** Sets the headers so that they outlive an error: Koa's own answer to one begins by taking every header off. */
export function setHeaders(ctx: Context, headers: readonly HeaderLine[]): void {
  if (headers.length === 0 || ctx.headerSent) return
  for (const [name, value] of headers) ctx.set(name, value)

  const names = new Set(headers.map(([name]) => name.toLowerCase()))
  // Koa reads `ctx.onerror` at the time of the error. It runs to its end at once, so nobody else can meet the changed response.
  const { onerror } = ctx
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- it is a method of Koa's, no slot for a listener
  ctx.onerror = (error: Error) => {
    const { res } = ctx
    const { removeHeader } = res
    res.removeHeader = (name: string) => {
      if (!names.has(name.toLowerCase())) removeHeader.call(res, name)
    }
    try {
      onerror.call(ctx, error)
    } finally {
      res.removeHeader = removeHeader
    }
  }
}

/** Calls `run` once, after the last byte or when the client is gone, at once if it is gone by now. */
export function whenClosed({ res }: Response, run: () => void): void {
  if (('stream' in res ? (res.stream as typeof res) : res).destroyed) run()
  else res.once('close', run)
}

/** The status that a client got in full. HTTP/2 calls a response that was cut off finished, but not ended. */
export function sentStatus({ res }: Response): number | undefined {
  return res.writableEnded && res.writableFinished ? res.statusCode : undefined
}
