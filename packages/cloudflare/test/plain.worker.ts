// A Worker without layers, for the test of what a bundle contains.
import { durableObjectStore, type ObjectNamespace } from '@sluice/cloudflare'
import { createLimiter, slidingWindow } from '@sluice/core'

export { RateLimitObject } from '@sluice/cloudflare'

export default {
  async fetch(_request: Request, env: { readonly LIMITS: ObjectNamespace }): Promise<Response> {
    const limits = [slidingWindow({ name: 'minute', limit: 100, window: '1m' })]
    return Response.json(await createLimiter({ limits, store: durableObjectStore(env.LIMITS) }).consume('a'))
  },
}
