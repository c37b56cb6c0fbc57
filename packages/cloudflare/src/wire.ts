import type { Charge, ConsumeOptions, Outcome } from '@sluice/core'

// The messages to an object and back, as JSON. JSON has no Infinity, so an infinite duration is sent as null.

/** A decision on its way to an object, a reset, or a block. */
export interface WireDecision {
  /** For `block`, the cost of a charge is in ms, and 0 ends the block. */
  readonly how: 'charge' | 'force' | 'peek' | 'credit' | 'reset' | 'block'
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
export type WireAnswer = { readonly outcomes: readonly (Outcome | undefined)[] } | { readonly error: string }

export function encodeAnswers(answers: readonly WireAnswer[]): string {
  return JSON.stringify(answers)
}

/** Restores what JSON changes: `Infinity` became `null`, a missing outcome too, and `undefined` was left out. */
export function decodeOutcomes(outcomes: readonly (Outcome | undefined)[]): readonly (Outcome | undefined)[] {
  return outcomes.map((given) => (given === undefined || given === null ? undefined : restored(given)))
}

function restored(outcome: Outcome): Outcome {
  return {
    ...outcome,
    retryAfter: outcome.retryAfter ?? Infinity,
    nextAfter: outcome.nextAfter ?? Infinity,
    resetAfter: outcome.resetAfter ?? Infinity,
    receipt: outcome.receipt,
  }
}
