import type { Limit } from '@sluice/core'
import { type Ask, type Family, ModelError, type ModelOutcome, type ModelStep } from './family.ts'

/** What is taken, and what the state is afterwards. */
export interface Taken<S> {
  readonly state: S
  readonly units: bigint
  readonly receipt: unknown
}

/** An algorithm that counts units, told by what it holds at an instant (µs). Everything else follows, in one place. */
export interface Metered<S> {
  variantOf(limit: Limit): string
  quota(limit: Limit): bigint
  /** The state as it stands at `now`; an absent one is an unused one. */
  read(state: S | undefined, limit: Limit, now: bigint): S
  remaining(state: S, limit: Limit, now: bigint): bigint
  /** Whether these units would be admitted at that time, nothing else having been taken since the state was read. */
  fits(state: S, limit: Limit, units: bigint, time: bigint): boolean
  /** Whole ms until nothing is used. */
  resetAfter(state: S, limit: Limit, now: bigint): bigint
  /** Units that fit. */
  take(state: S, limit: Limit, units: bigint, now: bigint): Taken<S>
  /** Units that need not fit; `undefined`: nothing changes. */
  force(state: S, limit: Limit, units: bigint, now: bigint): Taken<S> | undefined
  /** `undefined`: there is nothing to give back. */
  giveBack(state: S, ask: Ask, units: bigint, now: bigint): { readonly state: S; readonly units: bigint } | undefined
  /** Whether giving back without a receipt is allowed. */
  givesBackFreely(limit: Limit): boolean
  /** Whole ms that a charge admitted now must wait. */
  delay(state: S, limit: Limit, now: bigint): bigint
}

export function metered<S>(algorithm: Metered<S>): Family<S> {
  return { variantOf: (limit) => algorithm.variantOf(limit), step: (state, ask, now) => step(algorithm, state, ask, now) }
}

function step<S>(algorithm: Metered<S>, raw: S | undefined, ask: Ask, now: bigint): ModelStep<S> {
  const { limit, cost, how } = ask
  const seen = algorithm.read(raw, limit, now)
  if (cost < 0n) return giveBack(algorithm, seen, ask, now)

  if (how === 'force') {
    const forced = cost === 0n ? undefined : algorithm.force(seen, limit, cost, now)
    const outcome = outcomeOf(algorithm, forced?.state ?? seen, limit, now, {
      allowed: true,
      delay: Number(algorithm.delay(seen, limit, now)),
      granted: Number(forced?.units ?? 0n),
      receipt: forced?.units ? forced.receipt : undefined,
    })
    return { state: forced?.state, outcome }
  }

  const remaining = algorithm.remaining(seen, limit, now)
  const part = cost > 0n ? ask.atLeast : undefined
  let granted: bigint | undefined
  if (algorithm.fits(seen, limit, cost, now)) granted = cost
  else if (part !== undefined && remaining >= part) granted = remaining < cost ? remaining : cost

  if (granted === undefined) {
    const need = part !== undefined && part < cost ? part : cost
    return {
      state: undefined,
      outcome: outcomeOf(algorithm, seen, limit, now, { allowed: false, retryAfter: waitFor(algorithm, seen, limit, need, now) }),
    }
  }
  const delay = Number(algorithm.delay(seen, limit, now))
  if (how === 'peek' || granted === 0n) {
    return { state: undefined, outcome: outcomeOf(algorithm, seen, limit, now, { allowed: true, delay, granted: Number(granted) }) }
  }
  const taken = algorithm.take(seen, limit, granted, now)
  return {
    state: taken.state,
    outcome: outcomeOf(algorithm, taken.state, limit, now, { allowed: true, delay, granted: Number(taken.units), receipt: taken.receipt }),
  }
}

function giveBack<S>(algorithm: Metered<S>, seen: S, ask: Ask, now: bigint): ModelStep<S> {
  const { limit } = ask
  if (ask.receipt === undefined && !algorithm.givesBackFreely(limit)) throw new ModelError('ERR_RECEIPT_REQUIRED')
  const given = ask.how === 'peek' ? undefined : algorithm.giveBack(seen, ask, -ask.cost, now)
  const granted = given === undefined || given.units === 0n ? 0 : -Number(given.units)
  return { state: given?.state, outcome: outcomeOf(algorithm, given?.state ?? seen, limit, now, { allowed: true, granted }) }
}

/** The first whole ms at which the units would be admitted: found by trying, not by a formula. */
function waitFor<S>(algorithm: Metered<S>, state: S, limit: Limit, units: bigint, now: bigint): number {
  if (units > algorithm.quota(limit)) return Infinity
  if (algorithm.fits(state, limit, units, now)) return 0
  // Nothing is used at the reset, so everything up to the quota fits there.
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
  said: Partial<ModelOutcome> & { allowed: boolean },
): ModelOutcome {
  const remaining = algorithm.remaining(state, limit, now)
  return {
    remaining: Number(remaining),
    retryAfter: 0,
    nextAfter: remaining >= algorithm.quota(limit) ? 0 : waitFor(algorithm, state, limit, remaining + 1n, now),
    resetAfter: Number(algorithm.resetAfter(state, limit, now)),
    delay: 0,
    at: Number(now),
    receipt: undefined,
    leaseFor: 0,
    granted: 0,
    ...said,
  }
}
