import type { BlockChange, Charge, ConsumeOptions, Outcome, Source } from './store.ts'

/**
 * Refuses a decision over a blocked subject, before anything is charged. `undefined` if none of its charges is blocked. A block refuses new
 * charges only: forced ones, give-backs and renewals belong to requests that were admitted before.
 * @param blockedUntil until when the subject of charge `i` is blocked under its policy: µs since the epoch, in the past if it is not
 * @param now µs since the epoch
 */
export function refuseBlocked(
  charges: readonly Charge[],
  { how }: ConsumeOptions,
  blockedUntil: (charge: Charge, i: number) => number,
  now: number,
  source: Source,
): readonly (Outcome | undefined)[] | undefined {
  if (how === 'force' || how === 'credit') return undefined
  let outcomes: (Outcome | undefined)[] | undefined
  for (let i = 0; i < charges.length; i++) {
    const charge = charges[i] as Charge
    if (charge.cost < 0 || charge.receipt !== undefined) continue
    const until = blockedUntil(charge, i)
    if (until <= now) continue
    outcomes ??= charges.map(() => undefined)
    outcomes[i] = blockedOutcome(until, now, source)
  }
  return outcomes
}

/**
 * What a store answers to `block`, if it answers with outcomes: for each charge, whether its subject was blocked before, and for how long.
 * @param before until when: µs since the epoch, 0 for none
 */
export function blockAnswers(before: readonly number[], now: number, source: Source): readonly Outcome[] {
  return before.map((until) => {
    const outcome = blockedOutcome(Math.max(until, now), now, source)
    return until > now ? outcome : { ...outcome, allowed: true, blocked: undefined }
  })
}

/** The result of `block` from such answers, which may be of several shards. */
export function blockChangeOf(answers: readonly (Outcome | undefined)[], ms: number): BlockChange {
  const at = Math.max(...answers.map((answer) => answer?.at ?? 0))
  return { until: ms > 0 ? Math.ceil(at / 1000 + ms) : 0, wasBlocked: answers.some((answer) => answer?.blocked === true) }
}

function blockedOutcome(until: number, now: number, source: Source): Outcome {
  const wait = Math.ceil((until - now) / 1000)
  return {
    allowed: false,
    blocked: true,
    remaining: 0,
    used: 0,
    retryAfter: wait,
    nextAfter: wait,
    resetAfter: wait,
    delay: 0,
    source,
    at: now,
    receipt: undefined,
    leaseFor: 0,
    granted: 0,
  }
}
