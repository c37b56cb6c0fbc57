import type { Algorithm } from '../algorithms/algorithm.ts'
import { algorithmOf } from '../algorithms/registry.ts'
import type { Limit } from '../limit.ts'
import { splitScope } from '../scope.ts'
import type { Charge } from '../store.ts'
import type { Chains } from './chains.ts'
import type { ScopeTable, Slots } from './slots.ts'

/** A limit in its scope, with what a decision reads from it. */
export interface ResolvedLimit {
  readonly scope: string
  readonly limit: Limit
  readonly algorithm: Algorithm
  readonly quota: number
  /** µs for which a state is kept after its reset. */
  readonly keepFor: number
  readonly table: ScopeTable
}

interface Scope {
  readonly name: string
  readonly chains: Chains
  /** By window variant. */
  readonly tables: Map<string, ScopeTable>
  /** The limit that was used last. A scope has one limit, or a few that alternate. */
  latest: ResolvedLimit | undefined
}

/** A scope with more tables drops its empty ones. A function that returns window lengths can make any number of tables. */
const MAX_TABLES = 64
/** A store with more scopes drops the empty ones. Policies that change while the process runs can make any number of scopes. */
const MAX_SCOPES = 1_000

/** Finds the table of a charge by its scope and its limit. */
export class Scopes {
  private readonly slots: Slots
  private readonly scopes = new Map<string, Scope>()
  private readonly chainsByPolicy = new Map<string, Chains>()
  /** The last limit at each position of a decision. Most decisions have the limits of the one before, and need no look-up. */
  private readonly recent: ResolvedLimit[] = []
  /** The scopes with more than `MAX_TABLES` tables. */
  private readonly crowded: Scope[] = []
  /** As many scopes are kept, so that the search for empty ones is seldom. */
  private room = MAX_SCOPES
  private isFull = false

  constructor(slots: Slots) {
    this.slots = slots
  }

  /** `position`: the index of the charge in its decision. */
  resolve({ scope, limit }: Pick<Charge, 'limit' | 'scope'>, position: number): ResolvedLimit {
    const recent = this.recent[position]
    return recent !== undefined && recent.limit === limit && recent.scope === scope ? recent : this.lookUp(scope, limit, position)
  }

  /** Removes empty tables and scopes where there are many. Call between decisions: a decision may be about to fill an empty table. */
  prune(): void {
    if (this.isFull || this.crowded.length > 0) this.pruneNow()
  }

  /** The chains of the policies for which `isChosen`. */
  chainsOf(isChosen: (policy: string) => boolean): readonly Chains[] {
    return [...this.chainsByPolicy].flatMap(([policy, chains]) => (isChosen(policy) ? [chains] : []))
  }

  /** Removes the scopes for which `isRetired`, and returns those of their tables that have states. */
  retire(isRetired: (scope: string) => boolean): ReadonlySet<number> {
    const tables = new Set<number>()
    for (const [name, scope] of this.scopes) {
      if (!isRetired(name)) continue
      for (const [variant, table] of scope.tables) {
        if (table.size > 0) tables.add(table.id)
        else {
          scope.tables.delete(variant)
          this.slots.removeTable(table)
        }
      }
      // A scope whose states are still to be swept is removed by the next call.
      if (scope.tables.size === 0) this.scopes.delete(name)
      scope.latest = undefined
    }
    for (const [policy, chains] of this.chainsByPolicy) if (chains.size === 0 && isRetired(policy)) this.chainsByPolicy.delete(policy)
    this.recent.length = 0
    this.crowded.length = 0
    return tables
  }

  clear(): void {
    this.crowded.length = 0
    this.scopes.clear()
    this.chainsByPolicy.clear()
    this.recent.length = 0
  }

  // Separate from `prune`, so that V8 inlines `prune` into each decision.
  private pruneNow(): void {
    this.recent.length = 0
    for (const scope of this.isFull ? this.scopes.values() : this.crowded) {
      scope.latest = undefined
      for (const [variant, table] of scope.tables) {
        if (table.size > 0) continue
        scope.tables.delete(variant)
        this.slots.removeTable(table)
      }
      if (this.isFull && scope.tables.size === 0) this.scopes.delete(scope.name)
    }
    this.crowded.length = 0
    if (this.isFull) this.room = Math.max(MAX_SCOPES, 2 * this.scopes.size)
    this.isFull = false
  }

  // Separate from `resolve`, so that V8 inlines `resolve` into each decision.
  private lookUp(name: string, limit: Limit, position: number): ResolvedLimit {
    const scope = this.scopes.get(name) ?? this.addScope(name)
    if (scope.latest?.limit !== limit) scope.latest = this.resolveNew(scope, limit)
    return (this.recent[position] = scope.latest)
  }

  private addScope(name: string): Scope {
    const { policy } = splitScope(name)
    let chains = this.chainsByPolicy.get(policy)
    if (chains === undefined) this.chainsByPolicy.set(policy, (chains = new Map()))
    const scope: Scope = { name, chains, tables: new Map(), latest: undefined }
    this.scopes.set(name, scope)
    this.isFull = this.scopes.size > this.room
    return scope
  }

  private resolveNew(scope: Scope, limit: Limit): ResolvedLimit {
    const algorithm = algorithmOf(limit)
    const variant = algorithm.variantOf(limit)
    let table = scope.tables.get(variant)
    if (table === undefined) {
      scope.tables.set(variant, (table = this.slots.addTable(scope.chains, algorithm.codec)))
      if (scope.tables.size > MAX_TABLES) this.crowded.push(scope)
    }
    return { scope: scope.name, limit, algorithm, quota: algorithm.quota(limit), keepFor: (algorithm.keepFor?.(limit) ?? 0) * 1000, table }
  }
}
