// Sluice on Cloudflare: a store in Durable Objects, shared by every Worker that has the binding.

// The store, for the Worker.
export { durableObjectStore } from './durable-object-store.ts'
export type { DurableObjectStoreOptions } from './options.ts'

// The layers over the store: failover, deny cache, leases.
export { type LayerOptions, withLayers } from './with-layers.ts'
export { DurableObjectStoreError } from './store-error.ts'

// The Durable Object: the Worker exports this class.
export { RateLimitObject } from './rate-limit-object.ts'

// The members of Cloudflare's runtime that both use.
export type { ObjectAnswer, ObjectNamespace, ObjectRequest, ObjectState } from './runtime.ts'
