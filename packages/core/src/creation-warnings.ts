import { shortWindowOf } from './define-limit.ts'
import type { ObserverHub } from './observers.ts'
import { type Policy, setsOf } from './policy.ts'
import { runtime } from './runtime.ts'
import type { Store } from './store.ts'

export function warnShortWindows(policy: Policy, observers: ObserverHub): void {
  for (const { limit } of setsOf(policy).flatMap(({ limits }) => limits)) {
    const short = shortWindowOf(limit)
    if (short !== undefined) observers.warn('WARN_WINDOW_SHORT', short, limit.name)
  }
}

export function warnMemoryInCluster(store: Store, observers: ObserverHub): void {
  // node:cluster sets this variable in its workers. Each worker has its own memory store.
  if (store.name === 'memory' && runtime.process?.env?.['NODE_UNIQUE_ID'] !== undefined) {
    observers.warnOrThrow(
      'WARN_MEMORY_IN_CLUSTER',
      'each worker of a cluster has its own memory store, so clients get the limit once per worker; use a store that the workers share',
    )
  }
}
