import { memoryStore } from '@sluice/core'
import { upgradeWebSocket } from 'hono/cloudflare-workers'
import { served } from './served.ts'

const { fetch, unhandled } = served({
  stores: { memory: (clock) => memoryStore({ clock }) },
  upgradeWebSocket,
  // A request that waits for nothing but another request is one that hangs, to workerd.
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

export default { fetch }
