import type { Charge, Clock, ConsumeOptions, Limit, MaybePromise, Outcome, Store } from '@sluice/core'
import { algorithmOf } from '@sluice/core/algorithms'
import { isPromise } from '@sluice/core/store-kit'
import { fakeClock } from '../fake-clock.ts'
import { type History, type Move, type Step, SUBJECTS, type Units } from './histories.ts'
import { type ModelCharge, ModelError, type ModelOutcome } from './algorithm.ts'
import { mismatchOf } from './mismatch.ts'
import type { BlockPlace } from './blocks.ts'
import { createModel } from './model.ts'
import { recordStore } from '../envelope/recorder.ts'

export interface Mismatch {
  /** Index of the step, or the number of steps for a broken promise. */
  readonly step: number
  readonly message: string
}

/**
 * Plays one history on a store and on the model. Returns the first step where an outcome differs, or the first broken promise;
 * `undefined` if there is neither.
 */
export async function firstMismatch(
  history: History,
  makeStore: (clock: Clock) => MaybePromise<Store>,
  blockPlaceOf?: BlockPlace,
): Promise<Mismatch | undefined> {
  const clock = fakeClock(history.start)
  const made = makeStore(clock)
  const recorded = recordStore(isPromise(made) ? await made : made)
  const { store } = recorded
  const model = createModel(blockPlaceOf)
  const run: Run = {
    scopes: history.scopes.map((scope) => ({ ...scope, current: scope.limits[0] as Limit, remaining: 0 })),
    receipts: [],
    lastOutcomes: undefined,
    blockEnds: [],
  }
  let micros = Math.round(history.start * 1000)
  let furthest = micros
  let jitter = 0

  try {
    for (const [i, step] of history.steps.entries()) {
      if (step.do === 'consume') {
        const resolved = resolve(run, step)
        const now = Math.round(clock.now() * 1000)
        const expected = attempt(() => model.consume(resolved.forModel, resolved.options, now))
        let actual: Result<readonly (Outcome | undefined)[]>
        try {
          const answer = store.consume(resolved.forStore, resolved.options)
          actual = { value: isPromise(answer) ? await answer : answer }
        } catch (error) {
          actual = { code: (error as { code?: unknown }).code, error }
        }
        const message = mayThrow(resolved, expected.value, actual.code) ? undefined : difference(expected, actual, now)
        if (message !== undefined)
          return { step: i, message: `${message}\n${describe(resolved.forStore, resolved.options, expected, actual)}` }
        if (expected.value !== undefined && actual.value !== undefined) recordReceipts(run, resolved, expected.value, actual.value)
      } else if (step.do === 'reset') {
        const { scope, current: limit } = scopeAt(run, step.scopeIndex)
        const target = { scope, limit, subject: SUBJECTS[step.subject] as string }
        const expected = model.reset([target], Math.round(clock.now() * 1000))
        const done = store.reset([target])
        const found = isPromise(done) ? await done : done
        if (found !== expected) return { step: i, message: `reset: expected ${expected}, got ${String(found)}` }
        // A receipt from before the reset may equal one of the new state at the same instant, so it must not be used again.
        if (history.steady || limit.algorithm === 'slidingLog') {
          const index = step.scopeIndex % run.scopes.length
          run.receipts = run.receipts.filter(({ scopeIndex, subject }) => scopeIndex !== index || subject !== target.subject)
        }
      } else if (step.do === 'block') {
        if (store.block === undefined) continue
        // As a limiter blocks: under every limit that it has now.
        const targets = run.scopes.map(({ scope, current: limit }) => ({ scope, limit, subject: SUBJECTS[step.subject] as string }))
        const now = Math.round(clock.now() * 1000)
        const ms = step.ms + Math.round(step.share * windowOf(scopeAt(run, step.scopeIndex).current))
        const expected = model.block(targets, ms, now)
        const done = store.block(targets, ms)
        const changed = isPromise(done) ? await done : done
        if (changed.until !== expected.until || changed.wasBlocked !== expected.wasBlocked)
          return { step: i, message: `block: expected ${JSON.stringify(expected)}, got ${JSON.stringify(changed)} at ${now} µs` }
        run.blockEnds.push(now + ms * 1000)
      } else if (step.do === 'change') {
        const scope = scopeAt(run, step.scopeIndex)
        if (!history.steady) scope.current = scope.limits[step.limitIndex % scope.limits.length] as Limit
      } else {
        if (step.do === 'jitter') jitter = history.steady ? 0 : step.micros
        else micros = Math.min(LATEST, Math.max(timeAfter(run, step, micros, history.steady), furthest - MAX_STEP_BACK))
        // A store forgets a block that has ended, so the clock never shows a time before its end again.
        micros = Math.max(micros, ...run.blockEnds.filter((end) => end <= furthest))
        clock.set(Math.max(0, (micros + jitter) / 1000))
        // A part of a µs may round up to the end of a block.
        furthest = Math.max(furthest, micros, Math.round(clock.now() * 1000))
      }
    }
  } finally {
    const closed = store.close?.()
    if (isPromise(closed)) await closed
  }
  const violation = history.steady ? recorded.violations()[0] : undefined
  return violation && { step: history.steps.length, message: `promise broken: ${JSON.stringify(violation)}` }
}

// µs. A store may drop a state a minute after it has expired, so the clock never steps back further than that.
const MAX_STEP_BACK = 59_000_000
// µs, in the year 2112. Up to then the numbers in a bucket's state are below 2^53.
const LATEST = 2 ** 52

/** What a store or the model returned, or the error that it threw. */
interface Result<T> {
  readonly value?: T
  readonly code?: unknown
  readonly error?: unknown
}

/** A receipt that later steps may refund or renew. */
interface KnownReceipt {
  readonly scopeIndex: number
  readonly limit: Limit
  readonly subject: string
  readonly units: number
  readonly forStore: Outcome['receipt']
  readonly forModel: unknown
}

interface Run {
  readonly scopes: { readonly scope: string; readonly limits: readonly Limit[]; current: Limit; remaining: number }[]
  receipts: KnownReceipt[]
  /** The model's outcomes of the last decision. */
  lastOutcomes: readonly (ModelOutcome | undefined)[] | undefined
  /** µs. A store may forget a block when it has ended, so the clock never steps back to before that. */
  readonly blockEnds: number[]
}

/** A step as charges: for the store and, with the model's own receipts, for the model. */
interface ResolvedStep {
  readonly forStore: readonly Charge[]
  readonly forModel: readonly ModelCharge[]
  readonly scopes: readonly number[]
  readonly refunded: readonly KnownReceipt[]
  readonly options: ConsumeOptions
}

function scopeAt(run: Run, index: number): Run['scopes'][number] {
  return run.scopes[index % run.scopes.length] as Run['scopes'][number]
}

/** Turns a step into charges, by the current limits and receipts. */
function resolve(run: Run, step: Step & { do: 'consume' }): ResolvedStep {
  const forStore: Charge[] = []
  const forModel: ModelCharge[] = []
  const scopes: number[] = []
  const refunded: KnownReceipt[] = []
  const add = (scopeIndex: number, charge: Omit<Charge, 'receipt'>, known?: KnownReceipt): void => {
    forStore.push(known === undefined ? charge : { ...charge, receipt: known.forStore })
    forModel.push(known === undefined ? charge : { ...charge, receipt: known.forModel })
    scopes.push(scopeIndex)
  }
  for (const move of step.moves) {
    if (step.how === 'credit' && move.do !== 'charge') continue
    if (move.do === 'charge' || move.do === 'refund-without-receipt') {
      // A store need not report an invalid charge when it only peeks.
      if (move.do === 'refund-without-receipt' && step.how === 'peek') continue
      const scopeIndex = move.scopeIndex % run.scopes.length
      const { scope, current: limit } = scopeAt(run, scopeIndex)
      const wanted = unitsOf(run, scopeIndex, limit, move.units)
      const units = limit.algorithm === 'concurrency' ? Math.min(1, wanted) : wanted
      const taken = move.do === 'charge' ? units : -Math.max(1, units)
      const cost = step.how === 'credit' ? (units === 0 ? 0 : -units) : taken
      const charge = { limit, scope, subject: SUBJECTS[move.subject] as string, cost }
      add(scopeIndex, charge)
    } else {
      const known = run.receipts.at(-1 - (move.receiptIndex % Math.max(1, run.receipts.length)))
      if (known === undefined || (isCounter(known.limit) && refunded.includes(known))) continue
      const { scope, current } = scopeAt(run, known.scopeIndex)
      // Another window is another state, which the receipt is not of.
      const isOfState = algorithmOf(current).variantOf(current) === algorithmOf(known.limit).variantOf(known.limit)
      // Packed state decides over one window of a policy at once, and a limiter never asks for two.
      if (!isOfState && step.moves.length > 1) continue
      const limit = isOfState && (move.do === 'renew' || !move.underOriginalLimit) ? current : known.limit
      const target = { limit, scope, subject: known.subject }
      if (move.do === 'renew') {
        if (limit.algorithm !== 'concurrency' || step.how === 'force') continue
        add(known.scopeIndex, { ...target, cost: 1 }, known)
      } else {
        refunded.push(known)
        add(known.scopeIndex, { ...target, cost: -refundUnits(run, known, limit, move) }, known)
      }
    }
  }
  const first = scopes[0] ?? 0
  const atLeast = step.atLeast === undefined ? undefined : Math.max(1, unitsOf(run, first, scopeAt(run, first).current, step.atLeast))
  const options: ConsumeOptions = { ...(step.how === 'charge' ? {} : { how: step.how }), ...(atLeast === undefined ? {} : { atLeast }) }
  return { forStore, forModel, scopes, refunded, options }
}

function refundUnits(run: Run, known: KnownReceipt, limit: Limit, move: Move & { do: 'refund' }): number {
  if (limit.algorithm === 'concurrency') return 1
  if (move.units.of === 'quota') return Math.max(1, known.units + move.units.n)
  return Math.max(1, Math.min(known.units, unitsOf(run, known.scopeIndex, limit, move.units)))
}

/**
 * True where a state holds only counts. The store then cannot see that a receipt was refunded before, so a caller must not
 * refund it twice.
 */
function isCounter({ algorithm }: Limit): boolean {
  return algorithm !== 'slidingLog' && algorithm !== 'concurrency'
}

function unitsOf(run: Run, scopeIndex: number, limit: Limit, units: Units): number {
  if (units.of === 'count') return units.n
  if (units.of === 'remaining') return Math.max(0, scopeAt(run, scopeIndex).remaining + units.n)
  const quota = limit.burst ?? limit.limit
  return units.of === 'quota' ? Math.max(0, quota + units.n) : Math.floor(quota * units.n)
}

const DAYS = { day: 1, week: 7, month: 30, quarter: 91, year: 365 } as const

/** The window in ms; that of a calendar roughly. */
function windowOf({ window }: Limit): number {
  return typeof window === 'number' ? window : DAYS[window] * 86_400_000
}

function timeAfter(run: Run, step: Step & { do: 'advance' | 'wait' | 'step-back' }, micros: number, steady: boolean): number {
  if (step.do === 'advance') {
    return micros + Math.round(step.share * windowOf(scopeAt(run, step.scopeIndex).current) * 1000) + step.micros
  }
  if (step.do === 'step-back') return steady ? micros : micros - step.micros
  const wait = run.lastOutcomes?.map((outcome) => outcome?.[step.for] ?? 0).find((ms) => ms > 0 && ms < Infinity) ?? 0
  return Math.max(micros, micros + wait * 1000 + step.micros)
}

function recordReceipts(
  run: Run,
  resolved: ResolvedStep,
  expected: readonly (ModelOutcome | undefined)[],
  actual: readonly (Outcome | undefined)[],
): void {
  run.lastOutcomes = expected
  const admitted = expected.every((outcome) => outcome?.allowed) && resolved.options.how !== 'peek'
  if (admitted) run.receipts = run.receipts.filter((known) => !(isCounter(known.limit) && resolved.refunded.includes(known)))
  expected.forEach((outcome, i) => {
    if (outcome === undefined || outcome.blocked) return
    const scopeIndex = resolved.scopes[i] as number
    scopeAt(run, scopeIndex).remaining = outcome.remaining
    const { limit, subject, receipt } = resolved.forStore[i] as Charge
    if (outcome.receipt === undefined || receipt !== undefined) return
    run.receipts.push({ scopeIndex, limit, subject, units: outcome.granted, forStore: actual[i]?.receipt, forModel: outcome.receipt })
  })
}

function attempt<T>(run: () => T): Result<T> {
  try {
    return { value: run() }
  } catch (error) {
    if (error instanceof ModelError) return { code: error.code }
    throw error
  }
}

/** A store may check charges or subjects first: a decision with a blocked subject may throw for a charge that is invalid. */
function mayThrow({ forStore }: ResolvedStep, expected: Result<readonly (ModelOutcome | undefined)[]>['value'], code: unknown): boolean {
  const isInvalid = forStore.some(({ cost, receipt }) => cost < 0 && receipt === undefined)
  return code === 'ERR_RECEIPT_REQUIRED' && isInvalid && expected?.some((outcome) => outcome?.blocked) === true
}

function difference(
  expected: Result<readonly (ModelOutcome | undefined)[]>,
  actual: Result<readonly (Outcome | undefined)[]>,
  now: number,
): string | undefined {
  if (expected.value === undefined || actual.value === undefined) {
    return expected.code === actual.code ? undefined : `expected ${textOf(expected)}, got ${textOf(actual)} at ${now} µs`
  }
  return mismatchOf(expected.value, actual.value)
}

function textOf({ value, code, error }: Result<unknown>): string {
  return value === undefined ? `an error ${String(code)} ${code === undefined ? String((error as Error).stack) : ''}` : 'outcomes'
}

function describe(charges: readonly Charge[], options: ConsumeOptions, expected: unknown, actual: unknown): string {
  const text = (value: unknown): string =>
    JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? `${inner}n` : inner === Infinity ? 'Infinity' : inner))
  return [`charges  ${text(charges)}`, `options  ${text(options)}`, `model    ${text(expected)}`, `store    ${text(actual)}`].join('\n')
}
