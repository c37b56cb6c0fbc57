import { algorithmOf } from '../algorithms/registry.ts'
import { boundedKey } from '../hashing/bounded-key.ts'
import { detach } from '../detach.ts'
import { hash32 } from '../hashing/hash32.ts'
import type { Limit } from '../limit.ts'
import type { Charge } from '../store.ts'

/** What names a state: its scope, the window variant of its limit, and its subject. */
export type StateId = Pick<Charge, 'limit' | 'scope' | 'subject'>

/** 32 bits of a scope and a subject. The hash has no secret, so other states may have the same bits. */
export function stateHash({ scope, subject }: Pick<StateId, 'scope' | 'subject'>): number {
  return hash32(boundedKey(subject), hash32(scope))
}

interface Entry<V> {
  value: V
  readonly key: string
  readonly table: Table<V>
  older: Entry<V> | undefined
  newer: Entry<V> | undefined
}

/** The entries of one scope and window variant, by subject. */
interface Table<V> {
  readonly scope: Scope<V>
  readonly variant: string
  readonly entries: Map<string, Entry<V>>
}

interface Scope<V> {
  readonly name: string
  readonly tables: Map<string, Table<V>>
  /** The limit of the last look-up, and the entries of its table. A scope has one limit, or a few that alternate. */
  limit: Limit | undefined
  entries: Map<string, Entry<V>> | undefined
}

/**
 * A bounded map from states to values. At `max` entries, the one that was set longest ago is removed. Three maps are nested, by
 * scope, variant and subject: joining the three to one key would cost more than a local decision.
 */
export class StateMap<V> {
  private readonly max: number
  private readonly scopes = new Map<string, Scope<V>>()
  private oldest: Entry<V> | undefined
  private newest: Entry<V> | undefined
  private count = 0

  constructor(max: number) {
    this.max = max
  }

  get size(): number {
    return this.count
  }

  get(id: StateId): V | undefined {
    return this.find(id)?.value
  }

  /** Sets the value, and makes its entry the newest. */
  set(id: StateId, value: V): void {
    let entry = this.find(id)
    if (entry === undefined) entry = this.insert(id, value)
    else this.unlink(entry)
    entry.value = value
    entry.older = this.newest
    entry.newer = undefined
    if (this.newest === undefined) this.oldest = entry
    else this.newest.newer = entry
    this.newest = entry
  }

  /** Removes the entry and returns its value. */
  take(id: StateId): V | undefined {
    return this.remove(this.find(id))
  }

  /** Removes the entry that was set longest ago and returns its value. */
  takeOldest(): V | undefined {
    return this.remove(this.oldest)
  }

  clear(): void {
    this.scopes.clear()
    this.oldest = undefined
    this.newest = undefined
    this.count = 0
  }

  /** From the oldest to the newest. The entry that was just yielded may be removed meanwhile. */
  *values(): Generator<V> {
    for (let entry = this.oldest; entry !== undefined; entry = entry.newer) yield entry.value
  }

  private find({ scope: name, limit, subject }: StateId): Entry<V> | undefined {
    const scope = this.scopes.get(name)
    if (scope === undefined) return undefined
    if (scope.limit !== limit) {
      scope.limit = limit
      scope.entries = scope.tables.get(algorithmOf(limit).variantOf(limit))?.entries
    }
    return scope.entries?.get(boundedKey(subject))
  }

  private insert(id: StateId, value: V): Entry<V> {
    if (this.count >= this.max) this.takeOldest()
    const table = this.tableFor(id)
    // The key must not keep alive the header or body that the subject was cut from.
    const entry = { value, key: detach(boundedKey(id.subject)), table, older: undefined, newer: undefined }
    table.entries.set(entry.key, entry)
    this.count += 1
    return entry
  }

  private tableFor({ scope: name, limit }: StateId): Table<V> {
    let scope = this.scopes.get(name)
    if (scope === undefined) this.scopes.set(name, (scope = { name, tables: new Map(), limit: undefined, entries: undefined }))
    const variant = algorithmOf(limit).variantOf(limit)
    let table = scope.tables.get(variant)
    if (table === undefined) scope.tables.set(variant, (table = { scope, variant, entries: new Map() }))
    scope.limit = limit
    scope.entries = table.entries
    return table
  }

  private remove(entry: Entry<V> | undefined): V | undefined {
    if (entry === undefined) return undefined
    const { scope, variant, entries } = entry.table
    this.unlink(entry)
    this.count -= 1
    entries.delete(entry.key)
    // Scopes and variants can come from per-request functions, so empty ones must not stay.
    if (entries.size === 0) {
      scope.tables.delete(variant)
      scope.limit = undefined
      if (scope.tables.size === 0) this.scopes.delete(scope.name)
    }
    return entry.value
  }

  private unlink({ older, newer }: Entry<V>): void {
    if (older === undefined) this.oldest = newer
    else older.newer = newer
    if (newer === undefined) this.newest = older
    else newer.older = older
  }
}
