// Sluice on Cloudflare: one store in Durable Objects, shared by every Worker that has the binding.

// In the Worker.
export { durableObjectStore } from './durable-object-store.ts'
export type { DurableObjectStoreOptions } from './options.ts'
export { DurableObjectStoreError } from './store-error.ts'

// The class to export beside it.
export { RateLimitObject } from './rate-limit-object.ts'

// What both ask of the runtime.
export type { ObjectAnswer, ObjectNamespace, ObjectRequest, ObjectState } from './runtime.ts'
