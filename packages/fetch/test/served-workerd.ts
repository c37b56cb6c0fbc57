import { durableObjectStore, type ObjectNamespace } from '@sluice/cloudflare'
import { memoryStore } from '@sluice/core'
import { served } from './served.ts'

let limits: ObjectNamespace
let made = 0

// A request that waits for nothing but another request is one that hangs, to workerd.
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2))
const { fetch, unhandled } = served(
  {
    memory: (clock) => memoryStore({ clock }),
    'durable-objects': (clock) => durableObjectStore(limits, { name: `case${++made}`, objects: 1, clock }),
  },
  pause,
)
addEventListener('unhandledrejection', (event) => {
  event.preventDefault()
  unhandled(event.reason)
})
addEventListener('error', (event) => {
  event.preventDefault()
  unhandled(event.error)
})

export { RateLimitObject as Limits } from '@sluice/cloudflare'

export default {
  fetch(request: Request, env: { readonly LIMITS: ObjectNamespace }, context: unknown) {
    limits = env.LIMITS
    return fetch(request, env, context)
  },
}
