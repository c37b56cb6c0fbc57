import type { Service } from './service.ts'

/** Whether the service should get requests. */
export interface Readiness {
  readonly ready: boolean
  /** Why not, one sentence each. Empty if it is ready. */
  readonly reasons: readonly string[]
  readonly draining: boolean
  readonly store: {
    readonly name: string
    /** `degraded`: some shards are away. While the store is away, limits are counted in this process, so the service stays ready. */
    readonly state: 'up' | 'degraded' | 'away'
  }
  readonly policies: {
    readonly source: 'connecting' | 'connected' | 'away'
    readonly problem: string | null
    readonly namespaces: readonly {
      readonly namespace: string
      readonly revision: number
      readonly from: string
      readonly inSource: string
    }[]
  }
}

/** A store that is away is no reason: its failure mode answers, and without any instance nobody would. */
export function readinessOf(service: Service): Readiness {
  const { source, problem, namespaces } = service.feed.health()
  const reasons: string[] = []
  if (service.draining.aborted) reasons.push('The service is shutting down.')
  if (namespaces.length === 0) reasons.push(`No policy document is in force: ${problem ?? 'the source has none'}.`)
  return {
    ready: reasons.length === 0,
    reasons,
    draining: service.draining.aborted,
    store: { name: service.store.name, state: storeState(service) },
    policies: {
      source,
      problem: problem ?? null,
      namespaces: namespaces.map(({ namespace, revision, from, inSource }) => ({ namespace, revision, from, inSource })),
    },
  }
}

function storeState({ store }: Service): 'up' | 'degraded' | 'away' {
  const { breaker = 'closed', tier } = store.health?.() ?? {}
  if (breaker === 'closed') return 'up'
  // With a breaker for each shard, the tier is `local` only while none of them decides.
  return tier === 'local' ? 'away' : 'degraded'
}
