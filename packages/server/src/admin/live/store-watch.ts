import type { CommandEvent, ProcessEvent, RegionsHealth, Store } from '@sluice/core'
import type { Sample } from './sample.ts'

/** Shards that are remembered. */
const MAX_SHARDS = 256

/** How the store is: learnt from its commands and its breakers. */
export class StoreWatch {
  private readonly store: Store | undefined
  private readonly shards = new Map<string, 'up' | 'degraded' | 'away'>()

  constructor(store: Store | undefined) {
    this.store = store
  }

  /** For `observe({ command })`. */
  command({ store, shard }: CommandEvent): void {
    if (store === this.store?.name && !this.shards.has(shard) && this.shards.size < MAX_SHARDS) this.shards.set(shard, 'up')
  }

  /** For `observe({ breaker })`. */
  breaker({ store, shard, to }: ProcessEvent<'breaker'>): void {
    if (store !== this.store?.name) return
    this.shards.set(shard, to === 'closed' ? 'up' : to === 'open' ? 'away' : 'degraded')
  }

  /** What the store knows of the other regions; `undefined` without any. */
  regions(): RegionsHealth | undefined {
    return this.store?.health?.().regions
  }

  state(): {
    readonly name: string
    readonly state: Sample['store']['state']
    readonly cause: string | undefined
    readonly shards: readonly { name: string; state: string }[]
  } {
    const { breaker = 'closed', cause } = this.store?.health?.() ?? {}
    const shards = Array.from(this.shards, ([name, state]) => ({ name, state }))
    const isAnyUp = shards.some(({ state }) => state === 'up')
    const state = breaker === 'closed' ? 'up' : breaker === 'half-open' || isAnyUp ? 'degraded' : 'away'
    return { name: this.store?.name ?? 'memory', state, cause, shards }
  }
}
