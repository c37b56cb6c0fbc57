import type { Limit } from '@sluice/core'
import { max, min, type ModelRequest, type ModelAlgorithm, ModelError, type ModelOutcome, type ModelStep } from './algorithm.ts'

/** The units taken, and the state after them. */
export interface Taken<S> {
  readonly state: S
  readonly units: bigint
  readonly receipt: unknown
}

/** An algorithm that counts units, described by its state at an instant (µs). All outcomes follow from these functions. */
export interface Metered<S> {
  variantOf(limit: Limit): string
  /** The most units that one charge can take. */
  quota(limit: Limit): bigint
  /** The state at `now`. An absent state is unused. */
  read(state: S | undefined, limit: Limit, now: bigint): S
  remaining(state: S, limit: Limit, now: bigint): bigint
  /** Units counted: more than the quota after forced charges. */
  used(state: S, limit: Limit, now: bigint): bigint
  /** True if these units would be admitted at `time`, with nothing else charged in between. */
  fits(state: S, limit: Limit, units: bigint, time: bigint): boolean
  /** Whole ms until the limit is unused. */
  resetAfter(state: S, limit: Limit, now: bigint): bigint
  /** Takes units that fit. */
  take(state: S, limit: Limit, units: bigint, now: bigint): Taken<S>
  /** Takes units that need not fit; `undefined` means that nothing changes. */
  force(state: S, limit: Limit, units: bigint, now: bigint): Taken<S> | undefined
  /** `undefined` means that there is nothing to refund. */
  refund(state: S, request: ModelRequest, units: bigint, now: bigint): { readonly state: S; readonly units: bigint } | undefined
  /** Gives back units of what is counted, without a receipt, as far as there are any. Absent: as `refund`. */
  credit?(state: S, limit: Limit, units: bigint, now: bigint): { readonly state: S; readonly units: bigint }
  /** Windows: whole ms until the current one ends. */
  untilEnd?(state: S, limit: Limit, now: bigint): bigint
  /** True if a refund needs no receipt. */
  refundsWithoutReceipt(limit: Limit): boolean
  /** Whole ms that a charge of these units must wait that is admitted now. */
  delay(state: S, limit: Limit, now: bigint, units: bigint): bigint
}

/** Whole ms that a charge must wait after which `used` units are counted. Each unit above `after` adds a step. */
export function growingDelay({ delay }: Limit, used: bigint): bigint {
  if (delay === undefined || used <= BigInt(delay.after)) return 0n
  return min(BigInt(delay.max), (used - BigInt(delay.after)) * BigInt(delay.step))
}

/** The units that may be used: of a limit that regions share, the rights of this one. */
export function usable({ rights, limit }: Limit): bigint {
  return BigInt(rights ?? limit)
}

/** Whether a charge is not more than the whole limit. Without rights that follows from the sum. */
export function isWithinLimit({ rights, limit }: Limit, units: bigint): boolean {
  return rights === undefined || units <= BigInt(limit)
}

/** The units that a receipt can give back to a count, at most `largest` below 0 with rights. */
export function refundable({ rights }: Limit, count: bigint, largest: bigint): bigint {
  return rights === undefined ? max(0n, count) : count + largest
}

export function metered<S>(algorithm: Metered<S>): ModelAlgorithm<S> {
  return { variantOf: (limit) => algorithm.variantOf(limit), step: (state, request, now) => step(algorithm, state, request, now) }
}

function step<S>(algorithm: Metered<S>, raw: S | undefined, request: ModelRequest, now: bigint): ModelStep<S> {
  const { limit, cost, how } = request
  const current = algorithm.read(raw, limit, now)
  if (cost < 0n) return refund(algorithm, current, request, now)

  if (how === 'force' || how === 'credit') {
    const forced = cost === 0n ? undefined : algorithm.force(current, limit, cost, now)
    const outcome = outcomeOf(algorithm, forced?.state ?? current, limit, now, {
      allowed: true,
      delay: Number(algorithm.delay(current, limit, now, cost)),
      granted: Number(forced?.units ?? 0n),
      receipt: forced?.units ? forced.receipt : undefined,
    })
    return { state: forced?.state, outcome }
  }

  const remaining = algorithm.remaining(current, limit, now)
  const part = cost > 0n ? request.atLeast : undefined
  let granted: bigint | undefined
  if (algorithm.fits(current, limit, cost, now)) granted = cost
  else if (part !== undefined && remaining >= part) granted = remaining < cost ? remaining : cost

  if (granted === undefined) {
    const need = part !== undefined && part < cost ? part : cost
    return {
      state: undefined,
      outcome: outcomeOf(algorithm, current, limit, now, { allowed: false, retryAfter: waitFor(algorithm, current, limit, need, now) }),
    }
  }
  const delay = Number(algorithm.delay(current, limit, now, granted))
  if (how === 'peek' || granted === 0n) {
    return { state: undefined, outcome: outcomeOf(algorithm, current, limit, now, { allowed: true, delay, granted: Number(granted) }) }
  }
  const taken = algorithm.take(current, limit, granted, now)
  return {
    state: taken.state,
    outcome: outcomeOf(algorithm, taken.state, limit, now, { allowed: true, delay, granted: Number(taken.units), receipt: taken.receipt }),
  }
}

function refund<S>(algorithm: Metered<S>, current: S, request: ModelRequest, now: bigint): ModelStep<S> {
  const { limit, receipt, how, cost } = request
  const credit = how === 'credit' && receipt === undefined ? algorithm.credit : undefined
  if (receipt === undefined && credit === undefined && !algorithm.refundsWithoutReceipt(limit)) throw new ModelError('ERR_RECEIPT_REQUIRED')
  let refunded = how === 'peek' || credit !== undefined ? undefined : algorithm.refund(current, request, -cost, now)
  if (credit !== undefined) {
    const credited = credit(current, limit, -cost, now)
    refunded = credited.units === 0n ? undefined : credited
  }
  const granted = refunded === undefined || refunded.units === 0n ? 0 : -Number(refunded.units)
  return { state: refunded?.state, outcome: outcomeOf(algorithm, refunded?.state ?? current, limit, now, { allowed: true, granted }) }
}

/** The first whole ms at which the units would be admitted. Found by binary search, not by a formula. */
function waitFor<S>(algorithm: Metered<S>, state: S, limit: Limit, units: bigint, now: bigint): number {
  if (units > algorithm.quota(limit)) return Infinity
  if (algorithm.fits(state, limit, units, now)) return 0
  // More than the rights of a region never fits here. Others may give some in this window.
  if (limit.rights !== undefined && units > BigInt(limit.rights)) return Number(algorithm.untilEnd?.(state, limit, now))
  // At the reset the limit is unused, so everything up to the quota fits.
  let refused = 0n
  let admitted = algorithm.resetAfter(state, limit, now)
  while (admitted - refused > 1n) {
    const middle = (refused + admitted) / 2n
    if (algorithm.fits(state, limit, units, now + middle * 1000n)) admitted = middle
    else refused = middle
  }
  return Number(admitted)
}

function outcomeOf<S>(
  algorithm: Metered<S>,
  state: S,
  limit: Limit,
  now: bigint,
  fields: Partial<ModelOutcome> & { allowed: boolean },
): ModelOutcome {
  const remaining = algorithm.remaining(state, limit, now)
  return {
    remaining: Number(remaining),
    used: Number(algorithm.used(state, limit, now)),
    retryAfter: 0,
    nextAfter:
      remaining >= (limit.rights === undefined ? algorithm.quota(limit) : BigInt(limit.rights))
        ? 0
        : waitFor(algorithm, state, limit, remaining + 1n, now),
    resetAfter: Number(algorithm.resetAfter(state, limit, now)),
    delay: 0,
    at: Number(now),
    receipt: undefined,
    leaseFor: 0,
    granted: 0,
    ...fields,
  }
}
