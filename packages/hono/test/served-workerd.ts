import { durableObjectStore, type ObjectNamespace } from '@sluice/cloudflare'
import { memoryStore } from '@sluice/core'
import { upgradeWebSocket } from 'hono/cloudflare-workers'
import { served } from './served.ts'

let limits: ObjectNamespace
let made = 0

const { fetch, unhandled } = served({
  stores: {
    memory: (clock) => memoryStore({ clock }),
    'durable-objects': (clock) => durableObjectStore(limits, { name: `case${++made}`, objects: 1, clock }),
  },
  upgradeWebSocket,
  // workerd ends a request that waits only for another request, as one that hangs.
  pause: () => new Promise((resolve) => setTimeout(resolve, 2)),
})
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
  fetch(...[request, env, context]: Parameters<typeof fetch>) {
    limits = (env as { readonly LIMITS: ObjectNamespace }).LIMITS
    return fetch(request, env, context)
  },
}
