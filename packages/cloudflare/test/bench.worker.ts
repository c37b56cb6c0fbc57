// What bench/workers.ts runs in workerd: decisions in one request, with the layers that it names.
import { durableObjectStore, type ObjectNamespace, type LayerOptions, withLayers } from '@sluice/cloudflare'
import { slidingWindow, type Store, tokenBucket } from '@sluice/core'
import { waitUntil } from 'cloudflare:workers'

export { RateLimitObject } from '@sluice/cloudflare'

const IN_FLIGHT = 16
/** Local decisions in a row before other work of the isolate runs. */
const AT_ONCE = 64

// Out of reach, so that every decision admits; and reached at once, so that every later decision refuses.
const LIMITS = {
  wide: tokenBucket({ name: 'wide', limit: 1_000_000, window: '1s', burst: 4_000_000 }).limit,
  narrow: slidingWindow({ name: 'narrow', limit: 10, window: '1h' }).limit,
}
const LAYERS: Readonly<Record<string, Omit<LayerOptions, 'waitUntil'> | undefined>> = {
  none: undefined,
  failover: { denyCache: false },
  leases: { denyCache: false, leases: true },
  denyCache: {},
}
const stores = new Map<string, { readonly store: Store; calls: number }>()

function storeOf(layers: string, objects: ObjectNamespace): { readonly store: Store; calls: number } {
  const known = stores.get(layers)
  if (known !== undefined) return known
  const counted: ObjectNamespace = {
    idFromName: (name) => objects.idFromName(name),
    get(id, options) {
      one.calls += 1
      return objects.get(id, options)
    },
  }
  const options = LAYERS[layers]
  const store = durableObjectStore(counted, { name: layers })
  const one = { store: options === undefined ? store : withLayers(store, { waitUntil, ...options }), calls: 0 }
  stores.set(layers, one)
  return one
}

export default {
  async fetch(request: Request, env: { readonly LIMITS: ObjectNamespace }): Promise<Response> {
    const query = new URL(request.url).searchParams
    const one = storeOf(query.get('layers') ?? 'none', env.LIMITS)
    const limit = LIMITS[query.get('limit') as keyof typeof LIMITS]
    const charge = { limit, scope: `bench+${limit.name}.${limit.algorithm}`, subject: 'a', cost: 1 }
    const before = one.calls
    const began = Date.now()
    const end = began + Number(query.get('ms'))
    let decisions = 0
    const chain = async (): Promise<void> => {
      for (let n = 1; Date.now() < end; n++) {
        await one.store.consume([charge])
        decisions += 1
        if (n % AT_ONCE === 0) await new Promise((resolve) => setTimeout(resolve, 0))
      }
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, chain))
    return Response.json({ decisions, calls: one.calls - before, ms: Date.now() - began })
  },
}
