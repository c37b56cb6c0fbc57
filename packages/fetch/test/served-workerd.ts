import { memoryStore } from '@sluice/core'
import { served } from './served.ts'

// A request that waits for nothing but another request is one that hangs, to workerd.
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2))
const { fetch, unhandled } = served({ memory: (clock) => memoryStore({ clock }) }, pause)
addEventListener('unhandledrejection', (event) => {
  event.preventDefault()
  unhandled(event.reason)
})
addEventListener('error', (event) => {
  event.preventDefault()
  unhandled(event.error)
})

export default { fetch }
