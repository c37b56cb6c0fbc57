import { SluiceError } from './errors.ts'
import type { ObserverHub } from './observers.ts'
import type { Policy } from './policy.ts'
import type { Store } from './store.ts'

interface Claim {
  readonly definition: string
  /** How many limiters use the name now. */
  limiters: number
}

const claims = new WeakMap<Store, Map<string, Claim>>()

/**
 * Claims a policy's name on a store, for this process: two definitions under one name would share counters unnoticed. The
 * returned function gives the name up.
 * @throws ERR_NAME_TAKEN if another definition has the name
 */
export function claimName(store: Store, policy: Policy, observers: ObserverHub): () => void {
  const { name, definition } = policy
  let names = claims.get(store)
  if (names === undefined) claims.set(store, (names = new Map()))
  const claim = names.get(name) ?? { definition, limiters: 0 }
  if (claim.definition !== definition) {
    throw new SluiceError(
      'ERR_NAME_TAKEN',
      `limiter "${name}": expected a name of its own on this store, got the name of another definition; give it another name (name: '…'), or mount one limiter in both places (rateLimit({ limiter }))`,
    )
  }
  if (claim.limiters > 0)
    observers.warn(
      'WARN_NAME_SHARED',
      'the same definition was made twice on one store, so both share one state; mount one limiter in both places (rateLimit({ limiter })), or give one another name',
    )
  claim.limiters += 1
  names.set(name, claim)
  let isFree = false
  return () => {
    if (isFree) return
    isFree = true
    claim.limiters -= 1
    if (claim.limiters === 0) names.delete(name)
  }
}
