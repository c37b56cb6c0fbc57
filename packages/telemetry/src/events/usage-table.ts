import type { Decision } from '@sluice/core'
import { eachUsage, OTHER } from '@sluice/core/store-kit'
import { type CountedRow, type Minute, MODE_SLOTS, newRow, Place, VERDICT_SLOTS } from './usage-place.ts'

/** Keys of one minute, beside those of `__other__`. */
const MAX_KEYS = 2_000
/** Namespaces whose keys beyond the bound stay apart. */
const MAX_NAMESPACES = 64
/** UTF-16 units of a value. Clients may choose a tenant or a tier. */
const MAX_LENGTH = 256
const MINUTE = 60_000
/** ms. A clock that steps back further was wrong before, so that its minutes are followed again. */
const LARGEST_STEP = 300_000

type Level<T> = Map<string, T>

/**
 * The decisions of this process, counted by minute and key. A row stays until the sink has its last values. No row of one boot id, minute and
 * key is ever begun twice, so that the largest value of each is its last one.
 */
export class UsageTable {
  /** Requests that were counted under `__other__`. */
  folded = 0
  // An edge runtime makes no random id before the first request.
  private minute: Minute = { start: -Infinity, boot: '', closedAt: undefined }
  /** By namespace, endpoint, tenant and tier. */
  private tree: Level<Level<Level<Level<Place>>>> = new Map()
  private others: Level<Place> = new Map()
  private keys = 0
  private rows: CountedRow[] = []
  /** Of the last decision: many decisions in a row have the same. */
  private place: Place | undefined
  private mode = 0
  private isFolded = false
  private readonly newBoot: () => string
  private readonly monotonic: () => number

  /** @param monotonic ms from any origin */
  constructor(newBoot: () => string, monotonic: () => number) {
    this.newBoot = newBoot
    this.monotonic = monotonic
  }

  /** The boot id; '' before the first decision. */
  get boot(): string {
    return this.minute.boot
  }

  /** Counts a decision. @param now ms since the epoch */
  count(now: number, decision: Decision, tenant: string, endpoint: string): void {
    this.advance(now)
    const { policy: namespace, tier = '', mode } = decision
    if (this.place?.is(namespace, endpoint, tenant, tier) !== true) this.place = this.placeOf(namespace, endpoint, tenant, tier)
    this.mode = MODE_SLOTS[mode]
    this.isFolded = this.place.isOther
    eachUsage(decision, this.add)
    if (this.isFolded) this.folded += 1
  }

  /** Closes the minute when it is over. A clock that steps back goes on with the minute that it left, or begins with another boot id. */
  advance(now: number): void {
    const { start, boot } = this.minute
    if (now >= start + MINUTE) this.begin(now, boot || this.newBoot())
    else if (now < start - LARGEST_STEP) this.begin(now, this.newBoot())
  }

  /** The rows of which the sink does not have the last values. */
  unacknowledged(): readonly CountedRow[] {
    return this.rows.filter((row) => row.requests > row.acknowledged)
  }

  /** Forgets the rows of closed minutes that the sink has, and those that were closed before `since`. Returns how many of these it has not. */
  forget(since: number): number {
    let lost = 0
    this.rows = this.rows.filter(({ minute: { closedAt }, requests, acknowledged }) => {
      if (closedAt === undefined) return true
      if (requests > acknowledged && closedAt >= since) return true
      if (requests > acknowledged) lost += 1
      return false
    })
    return lost
  }

  private begin(now: number, boot: string): void {
    this.minute.closedAt = this.monotonic()
    this.minute = { start: Math.floor(now / MINUTE) * MINUTE, boot, closedAt: undefined }
    this.tree = new Map()
    this.others = new Map()
    this.keys = 0
    this.place = undefined
  }

  private readonly add = (policy: string, verdict: Decision['verdict'], units: number): void => {
    const slot = this.mode + VERDICT_SLOTS[verdict]
    const place = this.place as Place
    const row = place.rowsOf(policy)[slot] ?? this.missingRow(place, policy, slot)
    row.requests += 1
    row.units += units
  }

  private missingRow(place: Place, policy: string, slot: number): CountedRow {
    const isFolded = place.isOther || this.keys >= MAX_KEYS
    if (!isFolded) {
      this.keys += 1
      return this.rowIn(place, policy, slot)
    }
    this.isFolded = true
    // A row that counts each request once stays apart from those of policies.
    return this.rowIn(place.isOther ? place : this.otherOf(place.namespace), policy === '' ? '' : OTHER, slot)
  }

  private rowIn(place: Place, policy: string, slot: number): CountedRow {
    const rows = place.rowsOf(policy)
    const known = rows[slot]
    if (known !== undefined) return known
    const row = newRow(place, policy, slot, this.minute)
    rows[slot] = row
    this.rows.push(row)
    return row
  }

  private placeOf(namespace: string, endpoint: string, tenant: string, tier: string): Place {
    const known = this.tree.get(namespace)?.get(endpoint)?.get(tenant)?.get(tier)
    if (known !== undefined) return known
    const isLong = tenant.length > MAX_LENGTH || tier.length > MAX_LENGTH || endpoint.length > MAX_LENGTH
    if (isLong || this.keys >= MAX_KEYS) return this.otherOf(namespace)
    const place = new Place(namespace, endpoint, tenant, tier, false)
    child(child(child(this.tree, namespace), place.endpoint), place.tenant).set(place.tier, place)
    return place
  }

  private otherOf(namespace: string): Place {
    const name = this.others.has(namespace) || this.others.size < MAX_NAMESPACES ? namespace : OTHER
    let place = this.others.get(name)
    if (place === undefined) this.others.set(name, (place = new Place(name, OTHER, OTHER, OTHER, true)))
    return place
  }
}

function child<T>(level: Level<Level<T>>, name: string): Level<T> {
  let next = level.get(name)
  if (next === undefined) level.set(name, (next = new Map()))
  return next
}
