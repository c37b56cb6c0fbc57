// Compiled, not run: the declarations in src/runtime.ts fit Cloudflare's own types, and users' code compiles.
import { createLimiter, fixedWindow } from '@sluice/core'
import { durableObjectStore, DurableObjectStoreError, type DurableObjectStoreOptions, RateLimitObject } from '@sluice/cloudflare'
import type { DurableObjectNamespace, DurableObjectState } from '@cloudflare/workers-types'

// As `wrangler types` writes it, and as it was written before.
interface Env {
  readonly RATE_LIMITS: DurableObjectNamespace<RateLimitObject>
  readonly UNTYPED: DurableObjectNamespace
}
declare const env: Env
declare const state: DurableObjectState

durableObjectStore(env.RATE_LIMITS)
durableObjectStore(env.UNTYPED, { objects: 128, locationHint: 'weur' })
durableObjectStore(env.RATE_LIMITS.jurisdiction('eu'), { name: 'eu', objects: (subject) => subject })
createLimiter({ store: durableObjectStore(env.RATE_LIMITS), limits: [fixedWindow({ name: 'a', limit: 1, window: '1m' })] })
export const object = new RateLimitObject(state, env)

export class Sooner extends RateLimitObject {
  override readonly keepExpired = 60_000
}

export function mayBeCharged(error: unknown): boolean | undefined {
  return error instanceof DurableObjectStoreError ? error.unknown && !error.overloaded && error.shard !== '' : undefined
}

const options: DurableObjectStoreOptions = { objects: 64 }
// @ts-expect-error -- options are read only
options.objects = 1
// @ts-expect-error -- a binding of another kind
durableObjectStore({ get: (key: string) => key })
// @ts-expect-error -- objects are counted or named
durableObjectStore(env.RATE_LIMITS, { objects: 'many' })
