import type { ObjectAnswer, ObjectNamespace } from '@sluice/cloudflare'

/** A namespace whose objects fail as a test needs it. */
function failing(fail: () => Promise<ObjectAnswer>): ObjectNamespace {
  return { idFromName: (name) => name, get: () => ({ fetch: fail }) }
}

export function throwing(message: string, flags: object = {}): ObjectNamespace {
  return failing(() => Promise.reject(Object.assign(new Error(message), flags)))
}

export function answering(status: number, body: string): ObjectNamespace {
  return failing(() => Promise.resolve(new Response(body, { status })))
}
