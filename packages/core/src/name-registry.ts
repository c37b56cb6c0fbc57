import { SluiceError } from './errors.ts'
import type { ObserverHub } from './observers.ts'
import type { Policy } from './policy.ts'
import type { Store } from './store.ts'

// Two limiters of one name on one store would share counters without knowing it.
const taken = new WeakMap<Store, Map<string, { readonly definition: string; holders: number }>>()

/**
 * Claims a policy's name on a store for this process; the function returned frees it.
 * @throws ERR_NAME_TAKEN for a name that another definition has
 */
export function claimName(store: Store, policy: Policy, observers: ObserverHub): () => void {
  const { name, definition } = policy
  let names = taken.get(store)
  if (names === undefined) taken.set(store, (names = new Map()))
  const claim = names.get(name) ?? { definition, holders: 0 }
  if (claim.definition !== definition) {
    throw new SluiceError(
      'ERR_NAME_TAKEN',
      `limiter "${name}": expected a name of its own, got one that another definition has on this store; name it (name: '…'), or mount the same limiter in both places (rateLimit({ limiter }))`,
    )
  }
  if (claim.holders > 0)
    observers.warn(
      'WARN_NAME_SHARED',
      'defined twice on one store, so both share one state; mount one limiter in both places (rateLimit({ limiter })) to say so',
    )
  claim.holders += 1
  names.set(name, claim)
  let free = false
  return () => {
    if (free) return
    free = true
    claim.holders -= 1
    if (claim.holders === 0) names.delete(name)
  }
}
