import type { Charge, ConsumeOptions, Limit } from '@sluice/core'
import { bucket } from './bucket.ts'
import { concurrency } from './concurrency.ts'
import type { Ask, Family, ModelOutcome } from './family.ts'
import { fixedWindow } from './fixed-window.ts'
import { slidingLog } from './sliding-log.ts'
import { slidingWindow } from './sliding-window.ts'

/** A charge whose receipt, if any, is one that the model made. */
export type ModelCharge = Omit<Charge, 'receipt'> & { readonly receipt?: unknown }

/** What every store must answer: the same history, in big integers, by definition rather than by formula. */
export interface Model {
  /** @throws ModelError where a store must throw */
  consume(charges: readonly ModelCharge[], options: ConsumeOptions, nowMicros: number): readonly ModelOutcome[]
  reset(targets: readonly Pick<Charge, 'limit' | 'scope' | 'subject'>[]): void
}

const families: Readonly<Record<Limit['algorithm'], Family<any>>> = {
  fixedWindow,
  slidingWindow,
  slidingLog,
  tokenBucket: bucket,
  leakyBucket: bucket,
  concurrency,
}

export function createModel(): Model {
  const states = new Map<string, unknown>()

  return {
    consume(charges, options, nowMicros) {
      const now = BigInt(nowMicros)
      const how = options.how ?? 'charge'
      const pending = new Map<string, unknown>()
      const outcomes = charges.map((charge) => {
        const key = keyOf(charge)
        const { state, outcome } = step(charge, pending.get(key) ?? states.get(key), how, options, now)
        if (state !== undefined) pending.set(key, state)
        return outcome
      })
      if (outcomes.every(({ allowed }) => allowed)) {
        for (const [key, state] of pending) states.set(key, state)
        return outcomes
      }
      // Nothing was taken, so those that had room are told what there is without the others.
      return charges.map((charge, i) => {
        const outcome = outcomes[i] as ModelOutcome
        return outcome.allowed ? { ...step(charge, states.get(keyOf(charge)), 'peek', options, now).outcome, granted: 0 } : outcome
      })
    },
    reset(targets) {
      for (const target of targets) states.delete(keyOf(target))
    },
  }
}

function step(
  charge: ModelCharge,
  state: unknown,
  how: Ask['how'],
  { atLeast }: ConsumeOptions,
  now: bigint,
): { state: unknown; outcome: ModelOutcome } {
  const { limit, cost, receipt } = charge
  const ask: Ask = { limit, cost: BigInt(cost), receipt, how, atLeast: atLeast === undefined ? undefined : BigInt(atLeast) }
  return families[limit.algorithm].step(state, ask, now)
}

function keyOf({ limit, scope, subject }: Pick<Charge, 'limit' | 'scope' | 'subject'>): string {
  return JSON.stringify([scope, families[limit.algorithm].variantOf(limit), subject])
}
