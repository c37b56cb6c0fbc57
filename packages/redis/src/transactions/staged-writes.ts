import type { Charge, Outcome } from '@sluice/core'
import { type PendingDecision, stateIdsOf } from '../executor.ts'
import type { Placement } from '../keys.ts'
import type { Holders } from '@sluice/core/algorithms'
import { blockAnswers, decideWithLeases } from '@sluice/core/store-kit'
import { decodeState, encodeState, isSet, type Numbers, numbersOf, stateFromNumbers } from '../state/codec.ts'
import { blockedOutcomes } from '../state/blocks.ts'
import { EntryList } from '../state/entries.ts'
import { changeOf, FOREIGN_SET, type SetView } from '../state/holder-sets.ts'
import { leasesKey } from '../state/ledger-keys.ts'
import type { Write } from './session.ts'

/** ms that a key lives at least under a clock for tests: Redis must not expire it by that clock. */
const MIN_TEST_LIFETIME = 60_000

export type TransactionAnswer = { readonly outcomes: readonly (Outcome | undefined)[] } | { readonly error: unknown }

/** The state of a key that has only this state, under the limit of its last change. */
interface OwnState {
  readonly state: unknown
  readonly limit: Charge['limit']
}

/** Decides the decisions of a batch one after the other, and collects what they change until it is written in one transaction. */
export class StagedWrites {
  /** How many states could not be read. */
  unreadable = 0
  /** How many states were dropped from a value that held too many. */
  dropped = 0
  private readonly values = new Map<string, Buffer | null>()
  private readonly lists = new Map<string, EntryList>()
  private readonly states = new Map<string, OwnState>()
  private readonly changed = new Set<string>()
  private readonly wasReset = new Set<string>()
  /** The ids of all entries that the batch needs. */
  private readonly needed = new Set<number>()
  private readonly now: number
  private readonly isTestClock: boolean
  /** By key, the sorted sets as they were read. */
  private readonly sets: ReadonlyMap<string, SetView>

  /** The values and sets are those under the keys, and `now` is in µs. */
  constructor(
    keys: readonly string[],
    values: readonly (Buffer | null)[],
    sets: ReadonlyMap<string, SetView>,
    now: number,
    isTestClock: boolean,
  ) {
    this.sets = sets
    for (const { isForeign } of sets.values()) if (isForeign) this.unreadable += 1
    for (const [i, key] of keys.entries()) this.values.set(key, values[i] ?? null)
    this.now = now
    this.isTestClock = isTestClock
  }

  decide(decision: PendingDecision): TransactionAnswer {
    const { charges, keys, placements, leases, how, options, holder } = decision
    for (const { id } of placements) this.needed.add(id)
    if (how === 'block') return { outcomes: blockAnswers(this.block(charges, keys), this.now, 'redis') }
    const blocked = how === 'reset' ? undefined : blockedOutcomes(charges, options, this.blocksOf(decision), this.now)
    if (blocked !== undefined) return { outcomes: blocked }
    const current = charges.map((_, i) => this.load(keys[i] as string, placements[i] as Placement))
    const ledgers = charges.map((_, i) =>
      leases[i] === undefined ? undefined : this.listOf(leasesKey(keys[i] as string)).get((placements[i] as Placement).id),
    )
    try {
      const stepOptions = { ...options, source: 'redis', holder: holder === '' ? undefined : holder }
      const result = decideWithLeases(decision, stateIdsOf(decision), current, ledgers, this.now, stepOptions)
      if (how === 'reset') for (const [i, placement] of placements.entries()) this.reset(keys[i] as string, placement)
      for (const [i, state] of (result.states ?? []).entries()) {
        if (state !== undefined) this.change(keys[i] as string, placements[i] as Placement, state)
      }
      for (const [i, ledger] of result.ledgers.entries()) {
        if (ledger !== undefined) this.setEntry(leasesKey(keys[i] as string), (placements[i] as Placement).id, ledger)
      }
      return { outcomes: result.outcomes }
    } catch (error) {
      // A decision that fails must not reject the others of its batch.
      return { error }
    }
  }

  writes(): readonly Write[] {
    return Array.from(this.changed, (key): Write => {
      const set = this.sets.get(key)
      if (set !== undefined) return this.writeOfSet(key, set)
      const list = this.lists.get(key)
      if (list !== undefined) this.dropped += list.prune(this.isTestClock ? 0 : this.now, (id) => this.needed.has(id))
      const own = this.states.get(key)
      const encoded = list?.encode() ?? (own && encodeState(own.state, own.limit, this.now))
      if (encoded === undefined) return { key }
      const { value, expires } = encoded
      if (!this.isTestClock && expires * 1000 <= this.now) return { key }
      return { key, value, ...this.expiryAt(expires) }
    })
  }

  /** After a reset in the same batch, nothing is left of what was read. */
  private writeOfSet(key: string, view: SetView): Write {
    const own = this.states.get(key)
    if (own === undefined) return { key }
    const change = changeOf(this.wasReset.has(key) ? FOREIGN_SET : view, own.state as Holders)
    return { key, change, ...this.expiryAt(change.expires) }
  }

  private expiryAt(expires: number): { readonly expiry: 'PX' | 'PXAT'; readonly ms: number } {
    if (!this.isTestClock) return { expiry: 'PXAT', ms: expires }
    return { expiry: 'PX', ms: Math.max(MIN_TEST_LIFETIME, expires - Math.floor(this.now / 1000)) }
  }

  private load(key: string, { limit, id, isEntry }: Placement): unknown {
    if (isEntry) return stateFromNumbers(limit, this.listOf(key).get(id))
    const known = this.states.get(key)
    if (known !== undefined || this.changed.has(key)) return known?.state
    if (isSet(limit)) return this.sets.get(key)?.holders
    const value = this.values.get(key) ?? null
    if (value === null) return undefined
    const state = decodeState(limit, value)
    if (state === undefined) this.unreadable += 1
    // Read once: a value that cannot be read counts once.
    this.values.set(key, null)
    if (state !== undefined) this.states.set(key, { state, limit })
    return state
  }

  private change(key: string, { limit, id, isEntry }: Placement, state: unknown): void {
    if (isEntry) {
      this.setEntry(key, id, numbersOf(limit, state))
      return
    }
    this.states.set(key, { state, limit })
    this.changed.add(key)
  }

  private setEntry(key: string, id: number, numbers: Numbers): void {
    this.listOf(key).set(id, numbers)
    this.changed.add(key)
  }

  /** Until when the subject of each charge is blocked. */
  private blocksOf({ keys, placements, blockKeys }: PendingDecision): readonly number[] {
    return placements.map(({ isEntry }, i) => {
      const key = blockKeys?.[i] ?? (isEntry ? keys[i] : undefined)
      return key === undefined ? 0 : this.listOf(key).blockedUntil
    })
  }

  /** Blocks the subjects of the keys for the `cost` of each charge, in ms. Until when each was blocked before. */
  private block(charges: readonly Charge[], keys: readonly string[]): readonly number[] {
    return charges.map(({ cost }, i) => {
      const key = keys[i] as string
      const list = this.listOf(key)
      const before = list.blockedUntil
      if (cost > 0 || (cost === 0 && before > 0)) {
        list.blockedUntil = cost > 0 ? this.now + cost * 1000 : 0
        this.changed.add(key)
      }
      return before
    })
  }

  /** Removes one state. Other limits share the key of an entry, and keep theirs. */
  private reset(key: string, { id, isEntry }: Placement): void {
    if (isEntry) this.listOf(key).delete(id)
    else {
      this.states.delete(key)
      this.wasReset.add(key)
    }
    this.changed.add(key)
  }

  private listOf(key: string): EntryList {
    let list = this.lists.get(key)
    if (list === undefined) {
      this.lists.set(key, (list = new EntryList(this.values.get(key) ?? null)))
      this.unreadable += list.unreadable
    }
    return list
  }
}
