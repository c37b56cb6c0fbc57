import type { Charge, Outcome } from '../../store.ts'
import type { Instant } from '../instant.ts'
import { passed } from '../instant.ts'

/** Parts of its ttl for which a lease should do at the recent local rate: it is spent before what is left of it has to go back. */
const COVERS = 0.4
/** Below this part of a lease the next one is asked for. */
const RENEW_AT = 0.5
/** A lease is never smaller than this part of what the rate alone would ask for. */
const LEAST_SCALE = 1 / 64
const MOST_GRANTS = 16

/** What leases of one limit may be. */
export interface Terms {
  /** ms that a lease may live. */
  readonly ttl: number
  /** M: the most units that may be out on lease, all processes together. */
  readonly ceiling: number
}

/** Units that the store has debited, and that are spent here. */
export interface Grant {
  readonly number: number
  readonly outcome: Outcome
  /** Before the store was asked: the lease cannot be older than this. */
  readonly asked: Instant
  /** When it had answered: the store's time since is at least what has passed from here. */
  readonly answered: Instant
  /** Begins the receipts of what is spent from it. */
  readonly mark: string
  left: number
}

/** The leases of one subject under one limit, and how fast it spends. */
export class Pool {
  readonly charge: Charge
  readonly terms: Terms
  readonly grants: Grant[] = []
  /** One request in flight. */
  asking = false
  /** ms of the monotonic clock: not asked for before. */
  askFrom: number = -Infinity
  /** ms of the monotonic clock: when it was last wanted. */
  wanted: number
  /** What the store had left when it last told. */
  rest: number = Infinity
  /** ms of the local rate that a lease covers. */
  private readonly span: number
  private renewAt: number
  private slot: number
  private current: number
  private previous: number
  private scale = 1

  /** `jitter` 0 to 1: many processes see a subject become hot at the same time, and should not renew at the same time. */
  constructor(charge: Charge, terms: Terms, now: Instant, perSecond: number, jitter: number) {
    this.charge = charge
    this.terms = terms
    this.wanted = now.monotonic
    this.renewAt = RENEW_AT * (0.5 + jitter)
    this.span = COVERS * terms.ttl
    this.slot = this.slotOf(now)
    this.current = 0
    this.previous = (perSecond * this.span) / 1_000
  }

  demand(units: number, now: Instant): void {
    const slot = this.slotOf(now)
    if (slot !== this.slot) {
      this.previous = slot === this.slot + 1 ? this.current : 0
      this.current = 0
      this.slot = slot
    }
    this.current += units
    this.wanted = now.monotonic
  }

  /** The lease with enough left, the oldest first: the decision is about to spend from it. */
  find(units: number, now: Instant): Grant | undefined {
    for (const grant of this.grants) if (grant.left >= units && isLive(grant, now)) return grant
    return undefined
  }

  /** Units that are left here. */
  left(now: Instant): number {
    let sum = 0
    for (const grant of this.grants) if (grant.left > 0 && isLive(grant, now)) sum += grant.left
    return sum
  }

  /** Units to ask for now: 0 while there is no need, or when a plain call does as well. */
  size(now: Instant): number {
    if (this.asking || now.monotonic < this.askFrom) return 0
    const most = Math.max(2, Math.floor(this.terms.ceiling / 2))
    const size = Math.floor(Math.min(Math.max(this.previous, this.current) * this.scale, most, this.rest / 2))
    return size < 2 || this.left(now) > size * this.renewAt ? 0 : size
  }

  add(grant: Grant): void {
    // One that is spent stays, so that what is refunded can go back to it; but not without bound.
    if (this.grants.length >= MOST_GRANTS) this.grants.shift()
    this.grants.push(grant)
    this.rest = grant.outcome.remaining
    this.renewAt = RENEW_AT
  }

  spend(grant: Grant, units: number): void {
    grant.left -= units
    if (grant.left === 0) this.scale = Math.min(1, this.scale * 2)
  }

  /** What comes back unused makes the next lease smaller. */
  remove(grant: Grant): void {
    const at = this.grants.indexOf(grant)
    if (at < 0) return
    this.grants.splice(at, 1)
    if (grant.left * 2 > grant.outcome.granted) this.scale = Math.max(LEAST_SCALE, this.scale / 2)
  }

  private slotOf({ monotonic }: Instant): number {
    return Math.floor(monotonic / this.span)
  }
}

/** Counted from before it was asked for, by both clocks: void when either says so. */
export function isLive({ asked, outcome }: Grant, now: Instant): boolean {
  return passed(asked, now) < outcome.leaseFor
}
