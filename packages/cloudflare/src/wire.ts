import type { Charge, ConsumeOptions, Outcome } from '@sluice/core'

// The messages to an object and back, as JSON. JSON has no Infinity, so an infinite duration is sent as null.

/** A decision on its way to an object, or a reset. */
export interface WireDecision {
  readonly how: 'charge' | 'force' | 'peek' | 'reset'
  readonly atLeast?: number | undefined
  /** The id of concurrency holders. It is made before the request, so that a holder can be released even if the answer is lost. */
  readonly holder?: string | undefined
  readonly lease?: ConsumeOptions['lease']
  readonly charges: readonly Charge[]
}

export interface WireBatch {
  /** µs since the epoch, for tests: replaces the object's clock. */
  readonly now?: number | undefined
  readonly decisions: readonly WireDecision[]
}

/** The answer to one decision. An error means that nothing of the decision was charged. */
export type WireAnswer = { readonly outcomes: readonly Outcome[] } | { readonly error: string }

export function encodeAnswers(answers: readonly WireAnswer[]): string {
  return JSON.stringify(answers)
}

/** Restores what JSON changes: `Infinity` became `null`, and `undefined` was left out. */
export function decodeOutcomes(outcomes: readonly Outcome[]): readonly Outcome[] {
  return outcomes.map((outcome) => ({
    ...outcome,
    retryAfter: outcome.retryAfter ?? Infinity,
    nextAfter: outcome.nextAfter ?? Infinity,
    resetAfter: outcome.resetAfter ?? Infinity,
    receipt: outcome.receipt,
  }))
}
