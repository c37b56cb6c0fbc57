import type { Charge, Outcome } from '@sluice/core'

// What crosses to an object and back, as JSON. The one thing of it that JSON has no word for is a duration that never ends.

/** A decision on its way to an object, or a reset. */
export interface WireDecision {
  readonly how: 'charge' | 'force' | 'peek' | 'reset'
  readonly atLeast?: number | undefined
  /** The id under which holders are acquired: made before it is sent, so that one whose answer is lost can still be released. */
  readonly holder?: string | undefined
  readonly charges: readonly Charge[]
}

export interface WireBatch {
  /** µs, in place of the object's own clock: for tests. */
  readonly now?: number | undefined
  readonly decisions: readonly WireDecision[]
}

/** Of one decision. An error says what the object met: nothing of that decision was charged. */
export type WireAnswer = { readonly outcomes: readonly Outcome[] } | { readonly error: string }

export function encodeAnswers(answers: readonly WireAnswer[]): string {
  return JSON.stringify(answers)
}

/** Outcomes as the object made them: JSON writes `Infinity` as `null`, and leaves out what is `undefined`. */
export function decodeOutcomes(outcomes: readonly Outcome[]): readonly Outcome[] {
  return outcomes.map((told) => ({
    ...told,
    retryAfter: told.retryAfter ?? Infinity,
    nextAfter: told.nextAfter ?? Infinity,
    resetAfter: told.resetAfter ?? Infinity,
    receipt: told.receipt,
  }))
}
