import { type Algorithm, badReceipt } from '../algorithms/algorithm.ts'
import { decide } from '../algorithms/decide.ts'
import { algorithmOf } from '../algorithms/registry.ts'
import { type Clock, microsOf, systemClock } from '../clock.ts'
import { boundedKey } from './bounded-key.ts'
import { invalid } from '../errors.ts'
import type { Limit } from '../limit.ts'
import { FRESH, type Heads, KEPT, LITTLE_USED, MemorySlots, NONE, type Table } from './slots.ts'
import { knownOptions } from '../known-options.ts'
import type { Charge, ConsumeOptions, Outcome, Receipt, Store, StoreEvent, StoreHealth } from '../store.ts'

export interface MemoryStoreOptions {
  /** The most subjects that are held, 1 to 16,000,000; default 1,000,000. A subject under three limits counts three times. */
  readonly maxSubjects?: number | undefined
  /**
   * What a new subject meets when the store is full of subjects that may not go (past half of their limit, not expired):
   * `shared` (default): one bucket of the same limit for all of them; `deny`: a refusal; `allow`: no limit.
   */
  readonly overflow?: 'shared' | 'deny' | 'allow' | undefined
  readonly clock?: Clock | undefined
}

/**
 * The reference store: synchronous, bounded, without a timer. Expired state goes in small steps as requests come. When it
 * is full it gives up what has expired, then the oldest of the subjects charged once, then of those under half of their
 * limit; a subject at its limit is kept until it expires.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  return new MemoryStore(options)
}

/** Slots looked at for each charge, whatever it is: more than one, so that reclaiming outruns new subjects. */
const SWEEP = 2
/** Slots looked at for each decision while the store is full. */
const SWEEP_FULL = 16
/** µs for which expired state stays all the same, so that a clock that steps back finds it. */
const GRACE = 60_000_000
/** ms told to a newcomer that is denied for want of room, and µs between two reports that this happens. */
const FULL_RETRY = 1_000
const REPORT_EVERY = 60_000_000
const OVERFLOW_MARK = '~'
/** Units of one scope, such as the window's lengths that a function gives, before those without a subject are dropped. */
const MOST_ROOMS = 64

/** Where the states of one scope and unit live. */
interface Room {
  readonly table: Table
  /** The one state that newcomers share when nothing may go. */
  overflow: unknown
}

interface Scope {
  readonly name: string
  readonly rooms: Map<string, Room>
  /** Shared by the limits of one policy: they have the same subjects. */
  readonly heads: Heads
  /** Of the limit seen last: a scope has one limit, or a few that take turns. */
  last: Rule
}

/** A limit in its scope, and what a decision needs to know of it. */
interface Rule {
  readonly limit: Limit
  readonly algorithm: Algorithm
  readonly quota: number
  readonly room: Room
}

/** Where one charge's state is: a slot, a new subject, or the bucket that newcomers share. Equal places are one state. */
type Place = number | string | Room

class MemoryStore implements Store {
  readonly name = 'memory'
  private readonly slots: MemorySlots
  private readonly overflow: 'shared' | 'deny' | 'allow'
  private readonly clock: Clock
  private readonly scopes = new Map<string, Scope>()
  private readonly heads = new Map<string, Heads>()
  // By charge, kept from call to call, so that none makes lists of its own: the scope seen last there, and what plain() finds
  // and steps to.
  private readonly recent: Scope[] = []
  private readonly found: number[] = []
  private readonly states: unknown[] = []
  private readonly outcomes: Outcome[] = []
  private readonly listeners = new Set<(event: StoreEvent) => void>()
  private reported = -Infinity

  constructor(options: MemoryStoreOptions) {
    knownOptions('memoryStore', options, ['maxSubjects', 'overflow', 'clock'])
    const { maxSubjects = 1_000_000, overflow = 'shared', clock = systemClock } = options
    if (!Number.isInteger(maxSubjects) || maxSubjects < 1 || maxSubjects > 16_000_000) {
      throw invalid('memoryStore: maxSubjects', 'a whole number from 1 to 16000000', maxSubjects)
    }
    if (overflow !== 'shared' && overflow !== 'deny' && overflow !== 'allow')
      throw invalid('memoryStore: overflow', "'shared', 'deny' or 'allow'", overflow)
    if (typeof clock?.now !== 'function') throw invalid('memoryStore: clock', 'an object with a function now()', clock)
    this.slots = new MemorySlots(maxSubjects)
    this.overflow = overflow
    this.clock = clock
  }

  consume(charges: readonly Charge[], options: ConsumeOptions = NO_OPTIONS): readonly Outcome[] {
    const now = microsOf(this.clock)
    this.reclaim(charges.length, now)
    const plain = charges.length === 1 ? this.single(charges[0] as Charge, now, options) : this.plain(charges, now, options)
    if (plain !== undefined) return plain
    const places = this.locate(charges, now)
    const asked = charges.map(unmarked)
    const met = places.map((place, i) => this.read(place, charges[i] as Charge))
    if (this.overflow === 'deny' && options.how !== 'force' && places.some(isRoom)) return this.denied(asked, places, met, now, options)
    const { outcomes, states } = decide(asked, places, met, now, options)
    for (let i = 0; i < charges.length; i++) {
      if (states?.[i] !== undefined) this.write(asked[i] as Charge, places, i, states[i], outcomes[i] as Outcome)
    }
    return places.some(isRoom) ? outcomes.map((outcome, i) => (isRoom(places[i]) ? this.marked(outcome) : outcome)) : outcomes
  }

  reset(targets: readonly Pick<Charge, 'limit' | 'scope' | 'subject'>[]): void {
    for (const target of targets) {
      const slot = this.find(this.roomOf(target), target.subject)
      if (slot !== NONE) this.slots.remove(slot)
    }
  }

  close(): void {
    this.slots.clear()
    this.scopes.clear()
    this.heads.clear()
    this.recent.length = 0
  }

  health(): StoreHealth {
    return { tier: 'memory', breaker: 'closed' }
  }

  subscribe(listener: (event: StoreEvent) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Before any slot is looked up: a slot that a decision has found must not go while it decides. */
  private reclaim(charges: number, now: number): void {
    if (this.slots.size + charges > this.slots.max) this.slots.sweep(SWEEP_FULL, now)
    else this.slots.sweep(SWEEP * charges, now - GRACE)
  }

  /** `plain` of one charge, refused or not. */
  private single(charge: Charge, now: number, options: ConsumeOptions): readonly Outcome[] | undefined {
    if (isMarked(charge.receipt)) return undefined
    const { slots } = this
    const { algorithm, room } = this.ruleOf(charge, 0)
    const { table } = room
    const slot = this.find(room, charge.subject)
    if (slot === NONE && slots.size >= slots.max) return undefined
    const { outcome, state } = algorithm.step(slot === NONE ? undefined : slots.state(slot, table), charge, now, options)
    if (state !== undefined) this.put(charge, 0, slot, state, outcome, NO_PLACES)
    return [outcome]
  }

  /**
   * What nearly every decision is: each charge on a state of its own, room for what is new, nothing refused but one alone. The
   * same as the long way, without its lists; `undefined`, and nothing written, for any other.
   */
  private plain(charges: readonly Charge[], now: number, options: ConsumeOptions): readonly Outcome[] | undefined {
    const { slots, found, states, outcomes } = this
    const count = charges.length
    let fresh = 0
    let heads: Heads | undefined
    let subject = ''
    let head = NONE
    for (let i = 0; i < count; i++) {
      const charge = charges[i] as Charge
      const { algorithm, room } = this.ruleOf(charge, i)
      const { table } = room
      if (isMarked(charge.receipt) || this.isRepeated(charges, i)) return undefined
      if (table.heads !== heads || charge.subject !== subject) {
        heads = table.heads
        subject = charge.subject
        head = heads.get(boundedKey(subject)) ?? NONE
      }
      const slot = slots.find(head, table)
      if (slot === NONE) fresh += 1
      const { outcome, state } = algorithm.step(slot === NONE ? undefined : slots.state(slot, table), charge, now, options)
      if (!outcome.allowed && count > 1) return undefined
      found[i] = slot
      states[i] = state
      outcomes[i] = outcome
    }
    if (slots.size + fresh > slots.max) return undefined
    for (let i = 0; i < count; i++) {
      if (states[i] !== undefined) this.put(charges[i] as Charge, i, found[i] as number, states[i], outcomes[i] as Outcome, NO_PLACES)
    }
    // Of exactly this length: a list that is pushed to has room for seventeen.
    return count === 1 ? [outcomes[0] as Outcome] : outcomes.slice(0, count)
  }

  /** A charge before this one is on the same state. */
  private isRepeated(charges: readonly Charge[], i: number): boolean {
    const { recent } = this
    for (let j = 0; j < i; j++) if (recent[j] === recent[i] && charges[j]?.subject === charges[i]?.subject) return true
    return false
  }

  private locate(charges: readonly Charge[], now: number): Place[] {
    const places: Place[] = []
    for (const charge of charges) {
      const room = this.roomOf(charge)
      const slot = this.find(room, charge.subject)
      if (isMarked(charge.receipt)) places.push(room)
      else if (slot !== NONE) places.push(slot)
      else places.push(this.newPlace(charge, room, places, now))
    }
    return places
  }

  /** A new subject's own place if the store can hold one more than this decision already adds; else the shared one. */
  private newPlace(charge: Charge, room: Room, places: readonly Place[], now: number): Place {
    const place = `${room.table.id} ${charge.subject}`
    const { slots } = this
    const others = new Set(places.filter((other) => typeof other === 'string' && other !== place)).size
    if (slots.size + others < slots.max) return place
    // What this decision itself touches cannot make room for it.
    const pinned = new Set(places.filter((other) => typeof other === 'number' && slots.mayGo(other))).size
    if (slots.spare - pinned - others > 0) return place
    this.report(now)
    return room
  }

  private read(place: Place, charge: Charge): unknown {
    if (typeof place === 'number') return this.slots.state(place, this.roomOf(charge).table)
    return typeof place === 'string' || this.overflow !== 'shared' ? undefined : place.overflow
  }

  private write(charge: Charge, places: Place[], i: number, state: unknown, outcome: Outcome): void {
    const place = places[i] as Place
    if (typeof place === 'object') {
      place.overflow = state
      return
    }
    // Charged twice in one decision, a new subject has a slot by now.
    const slot = typeof place === 'number' ? place : this.find(this.roomOf(charge), charge.subject)
    places[i] = this.put(charge, i, slot, state, outcome, places)
  }

  /** Writes a state to its slot, or to a new one; returns which. */
  private put(charge: Charge, i: number, slot: number, state: unknown, outcome: Outcome, pinned: readonly Place[]): number {
    const expires = outcome.at + outcome.resetAfter * 1000
    const { room, quota } = this.ruleOf(charge, i)
    const isKept = outcome.remaining * 2 < quota
    if (slot === NONE) return this.slots.add(room.table, boundedKey(charge.subject), state, expires, isKept ? KEPT : FRESH, pinned)
    this.slots.write(slot, room.table, state, expires, isKept ? KEPT : LITTLE_USED)
    return slot
  }

  private find({ table }: Room, subject: string): number {
    return this.slots.find(table.heads.get(boundedKey(subject)) ?? NONE, table)
  }

  private denied(
    charges: readonly Charge[],
    places: readonly Place[],
    met: readonly unknown[],
    now: number,
    options: ConsumeOptions,
  ): readonly Outcome[] {
    const { outcomes } = decide(charges, places, met, now, { ...options, how: 'peek' })
    return outcomes.map((outcome, i) => {
      if (!isRoom(places[i])) return { ...outcome, granted: 0 }
      return { ...outcome, allowed: false, remaining: 0, retryAfter: FULL_RETRY, nextAfter: FULL_RETRY, granted: 0 }
    })
  }

  /** An outcome of the shared bucket: what it took is given back there, also once the subject has a place of its own. */
  private marked(outcome: Outcome): Outcome {
    const { receipt } = outcome
    if (receipt === undefined) return outcome
    return { ...outcome, receipt: this.overflow === 'shared' ? `${OVERFLOW_MARK}${JSON.stringify(receipt)}` : undefined }
  }

  private roomOf(charge: Pick<Charge, 'limit' | 'scope'>): Room {
    return this.ruleOf(charge, 0).room
  }

  /** `i`: its place in the decision, where it is found again without a look-up. */
  private ruleOf({ scope: name, limit }: Pick<Charge, 'limit' | 'scope'>, i: number): Rule {
    const { recent } = this
    let scope = recent[i]
    if (scope === undefined || scope.name !== name) recent[i] = scope = this.scopes.get(name) ?? this.newScope(name, limit)
    if (scope.last.limit !== limit) scope.last = this.newRule(scope, limit)
    return scope.last
  }

  private newScope(name: string, limit: Limit): Scope {
    const policy = placeOf(name)
    let heads = this.heads.get(policy)
    if (heads === undefined) this.heads.set(policy, (heads = new Map()))
    const scope = { name, rooms: new Map<string, Room>(), heads }
    const made = Object.assign(scope, { last: this.newRule(scope, limit) })
    this.scopes.set(name, made)
    return made
  }

  private newRule({ rooms, heads }: Omit<Scope, 'last'>, limit: Limit): Rule {
    const algorithm = algorithmOf(limit)
    const variant = algorithm.variantOf(limit)
    let room = rooms.get(variant)
    if (room === undefined) {
      if (rooms.size >= MOST_ROOMS) this.dropEmpty(rooms)
      rooms.set(variant, (room = { table: this.slots.table(heads, algorithm.cells), overflow: undefined }))
    }
    return { limit, algorithm, quota: algorithm.quota(limit), room }
  }

  private dropEmpty(rooms: Map<string, Room>): void {
    for (const [variant, { table }] of rooms) {
      if (table.size > 0) continue
      rooms.delete(variant)
      this.slots.drop(table)
    }
  }

  private report(now: number): void {
    if (now - this.reported < REPORT_EVERY) return
    this.reported = now
    const message = `memoryStore: full with ${this.slots.max} subjects past half of their limit; new ones meet overflow: '${this.overflow}'`
    for (const listener of this.listeners) listener({ type: 'anomaly', code: 'ANOMALY_OVERFLOW', message })
  }
}

const NO_OPTIONS: ConsumeOptions = Object.freeze({})
const NO_PLACES: readonly Place[] = []

function isRoom(place: Place | undefined): place is Room {
  return typeof place === 'object'
}

/** All of a scope but the limit and its algorithm, its last two parts. */
function placeOf(scope: string): string {
  return scope.slice(0, Math.max(0, scope.lastIndexOf('/', scope.lastIndexOf('/') - 1)))
}

function isMarked(receipt: Receipt | undefined): receipt is string {
  return typeof receipt === 'string' && receipt.startsWith(OVERFLOW_MARK)
}

function unmarked(charge: Charge): Charge {
  if (!isMarked(charge.receipt)) return charge
  try {
    const receipt: unknown = JSON.parse(charge.receipt.slice(OVERFLOW_MARK.length))
    if (typeof receipt === 'string' || typeof receipt === 'number') return { ...charge, receipt }
  } catch {
    // Not one of this store's.
  }
  throw badReceipt(charge)
}
