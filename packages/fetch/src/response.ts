import { type Done, whenBodyEnds } from '@sluice/core'

/** The response with these headers: the same one, or a copy where its headers cannot be changed, as those of a fetched response. */
export function withHeaders(response: Response, headers: ReadonlyMap<string, string>): Response {
  try {
    for (const [name, value] of headers) response.headers.set(name, value)
    return response
  } catch {
    return copyOf(response, headers)
  }
}

function copyOf(response: Response, headers: ReadonlyMap<string, string>): Response {
  // Upgrades to WebSocket (101) and `Response.error()` (0) cannot be built by anybody else: better without headers than broken.
  if (response.status < 200) return response
  const copy = new Response(response.body, response)
  for (const [name, value] of headers) copy.headers.set(name, value)
  return copy
}

/** The response to send, that tells `done` when its body has ended. A server reads no body in answer to HEAD. */
export function followed(response: Response, done: Done<Response>, method: string): Response {
  if (method === 'HEAD') {
    void done(response.status, response)
    return response
  }
  return whenBodyEnds(response, (whole) => void done(whole ? response.status : undefined, response))
}

/** `done`, for which a runtime that ends with the response, and so has a `waitUntil`, is made to wait. */
export function awaited(done: Done<Response>, given: readonly unknown[]): Done<Response> {
  const context = given.find(hasWaitUntil)
  if (context === undefined) return done
  let finish = (): void => undefined
  context.waitUntil(new Promise<void>((resolve) => (finish = resolve)))
  return (status, response) => Promise.resolve(done(status, response)).then(finish)
}

function hasWaitUntil(value: unknown): value is { waitUntil(work: Promise<void>): void } {
  return typeof value === 'object' && value !== null && typeof (value as { waitUntil?: unknown }).waitUntil === 'function'
}
