import type { Charge, Outcome } from '../../store.ts'
import { elapsed, type Instant } from '../instant.ts'
import type { LeaseTerms } from './lease-terms.ts'

/** At the recent local rate, a lease is spent in this part of its ttl: soon enough that little has to be given back. */
const COVERED_PART = 0.4
/** The next lease is requested when less than this part of one is left. */
const RENEW_BELOW = 0.5
/** A lease is never smaller than this part of what the local rate needs. */
const MIN_SCALE = 1 / 64
const MAX_GRANTS = 16

/** One lease: units that the store has debited, to be spent here. */
export interface Grant {
  readonly outcome: Outcome
  /** Before the request. The store granted the lease later than this. */
  readonly asked: Instant
  /** After the answer. The store granted the lease earlier than this. */
  readonly answered: Instant
  /** The start of the receipts of charges that this lease paid. */
  readonly mark: string
  left: number
}

/** How fast a subject is charged when it becomes hot. */
interface Pace {
  /** Units a second. */
  readonly perSecond: number
  /** 0 to 1. Many processes see a subject become hot at the same time, and must not renew together. */
  readonly jitter: number
}

/** The leases of one subject under one limit, and how fast it spends. */
export class LeasePool {
  readonly charge: Charge
  readonly terms: LeaseTerms
  readonly grants: Grant[] = []
  /** At most one request is in flight. */
  isRequesting = false
  /** ms, monotonic: when that request was sent. */
  requestedAt: number = -Infinity
  /** ms, monotonic: the earliest time of the next request. */
  nextRequestAt: number = -Infinity
  /** ms, monotonic: the last decision. */
  lastDemandAt: number
  /** Units that the store had left at its last answer. */
  leftInStore: number = Infinity
  /** The subject is no longer leased: a lease that arrives now goes back. */
  isDropped = false
  /** ms of the local rate that a lease covers. */
  private readonly span: number
  private renewBelow: number
  private slot: number
  private current: number
  private previous: number
  private scale = 1

  constructor(charge: Charge, terms: LeaseTerms, now: Instant, { perSecond, jitter }: Pace) {
    this.charge = charge
    this.terms = terms
    this.lastDemandAt = now.monotonic
    this.renewBelow = RENEW_BELOW * (0.5 + jitter)
    this.span = COVERED_PART * terms.ttl
    this.slot = this.slotOf(now)
    this.current = 0
    this.previous = (perSecond * this.span) / 1_000
  }

  recordDemand(units: number, now: Instant): void {
    const slot = this.slotOf(now)
    if (slot !== this.slot) {
      this.previous = slot === this.slot + 1 ? this.current : 0
      this.current = 0
      this.slot = slot
    }
    this.current += units
    this.lastDemandAt = now.monotonic
  }

  /** The oldest lease with enough units left. */
  find(units: number, now: Instant): Grant | undefined {
    for (const grant of this.grants) if (grant.left >= units && isLive(grant, now)) return grant
    return undefined
  }

  /** Units left in live leases. */
  left(now: Instant): number {
    let sum = 0
    for (const grant of this.grants) if (grant.left > 0 && isLive(grant, now)) sum += grant.left
    return sum
  }

  /** Units to request now: 0 if enough are left, or if a lease would save no calls. */
  unitsToRequest(now: Instant): number {
    if (this.isRequesting || now.monotonic < this.nextRequestAt) return 0
    const most = Math.max(2, Math.floor(this.terms.ceiling / 2))
    const units = Math.floor(Math.min(Math.max(this.previous, this.current) * this.scale, most, this.leftInStore / 2))
    return units < 2 || this.left(now) > units * this.renewBelow ? 0 : units
  }

  add(grant: Grant): void {
    // A spent lease stays, so that a refund can go back to it. The list must be bounded.
    if (this.grants.length >= MAX_GRANTS) this.grants.shift()
    this.grants.push(grant)
    this.leftInStore = grant.outcome.remaining
    this.renewBelow = RENEW_BELOW
  }

  spend(grant: Grant, units: number): void {
    grant.left -= units
    if (grant.left === 0) this.scale = Math.min(1, this.scale * 2)
  }

  /** The next lease is smaller if more than half of this one is unused. */
  remove(grant: Grant): void {
    const at = this.grants.indexOf(grant)
    if (at < 0) return
    this.grants.splice(at, 1)
    if (grant.left * 2 > grant.outcome.granted) this.scale = Math.max(MIN_SCALE, this.scale / 2)
  }

  private slotOf({ monotonic }: Instant): number {
    return Math.floor(monotonic / this.span)
  }
}

/** A lease is void when its time is over by either clock, counted from before the request. */
export function isLive({ asked, outcome }: Grant, now: Instant): boolean {
  return elapsed(asked, now) < outcome.leaseFor
}
