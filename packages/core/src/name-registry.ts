import { SluiceError } from './errors.ts'
import type { ObserverHub } from './observers.ts'
import type { Policy } from './policy.ts'
import type { Store } from './store.ts'

interface Claim {
  readonly definition: string
  /** How many limiters use the name now. */
  limiters: number
  /** Whether the shared name was reported. A limiter that is made in a request handler would report it with each request. */
  isReported: boolean
}

const claims = new WeakMap<Store, Map<string, Claim>>()

/**
 * Claims a policy's name on a store, for this process. Two definitions under one name would share their counts unnoticed. The
 * returned function releases the name.
 * @throws ERR_NAME_TAKEN if another definition has the name
 */
export function claimName(store: Store, policy: Policy, observers: ObserverHub): () => void {
  const { name, definition } = policy
  let names = claims.get(store)
  if (names === undefined) claims.set(store, (names = new Map()))
  const claim = names.get(name) ?? { definition, limiters: 0, isReported: false }
  if (claim.definition !== definition) {
    throw new SluiceError(
      'ERR_NAME_TAKEN',
      `limiter "${name}": expected a name that no other definition has on this store, got a name in use; give it another name (name: '…'), or mount one limiter in both places (rateLimit({ limiter }))`,
    )
  }
  if (claim.limiters > 0 && !claim.isReported) {
    claim.isReported = true
    observers.warn(
      'WARN_NAME_SHARED',
      'two limiters with this definition use one store, so they share their state; mount one limiter in both places (rateLimit({ limiter })), or give one another name',
    )
  }
  claim.limiters += 1
  names.set(name, claim)
  let isReleased = false
  return () => {
    if (isReleased) return
    isReleased = true
    claim.limiters -= 1
    if (claim.limiters === 0) names.delete(name)
  }
}
