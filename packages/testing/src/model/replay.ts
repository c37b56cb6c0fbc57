import type { Charge, Clock, ConsumeOptions, Limit, MaybePromise, Outcome, Store } from '@sluice/core'
import { isPromise } from '@sluice/core/store-kit'
import { fakeClock } from '../fake-clock.ts'
import { type History, type Move, type Step, SUBJECTS, type Units } from './histories.ts'
import { ModelError, type ModelOutcome } from './family.ts'
import { createModel, type ModelCharge } from './model.ts'
import { recordStore } from '../envelope/recorder.ts'

export interface Mismatch {
  readonly step: number
  readonly message: string
}

/** Where a store and the model part on one history, or a promise is broken; `undefined` if nowhere. */
export async function firstMismatch(history: History, makeStore: (clock: Clock) => MaybePromise<Store>): Promise<Mismatch | undefined> {
  const clock = fakeClock(history.start)
  const made = makeStore(clock)
  const recorded = recordStore(isPromise(made) ? await made : made)
  const { store } = recorded
  const model = createModel()
  const run: Run = {
    slots: history.slots.map((slot) => ({ ...slot, current: slot.variants[0] as Limit, left: 0 })),
    held: [],
    told: undefined,
  }
  let micros = Math.round(history.start * 1000)
  let furthest = micros
  let jitter = 0

  try {
    for (const [i, step] of history.steps.entries()) {
      if (step.do === 'consume') {
        const asked = resolve(run, step)
        const now = Math.round(clock.now() * 1000)
        const expected = attempt(() => model.consume(asked.forModel, asked.options, now))
        let actual: Answer<readonly (Outcome | undefined)[]>
        try {
          const answer = store.consume(asked.forStore, asked.options)
          actual = { value: isPromise(answer) ? await answer : answer }
        } catch (error) {
          actual = { code: (error as { code?: unknown }).code, error }
        }
        const message = difference(expected, actual, now)
        if (message !== undefined) return { step: i, message: `${message}\n${describe(asked.forStore, asked.options, expected, actual)}` }
        if (expected.value !== undefined && actual.value !== undefined) settle(run, asked, expected.value, actual.value)
      } else if (step.do === 'reset') {
        const { scope, current: limit } = slotOf(run, step.slot)
        const target = { scope, limit, subject: SUBJECTS[step.subject] as string }
        model.reset([target])
        const done = store.reset([target])
        if (isPromise(done)) await done
        // A store cannot tell a receipt from before from one of a state begun anew at the same instant.
        if (history.steady || limit.algorithm === 'slidingLog') {
          const gone = step.slot % run.slots.length
          run.held = run.held.filter(({ slot, subject }) => slot !== gone || subject !== target.subject)
        }
      } else if (step.do === 'change') {
        const slot = slotOf(run, step.slot)
        if (!history.steady) slot.current = slot.variants[step.variant % slot.variants.length] as Limit
      } else {
        if (step.do === 'jitter') jitter = history.steady ? 0 : step.micros
        else micros = Math.min(LATEST, Math.max(moved(run, step, micros, history.steady), furthest - MOST_BACK))
        furthest = Math.max(furthest, micros)
        clock.set(Math.max(0, (micros + jitter) / 1000))
      }
    }
  } finally {
    const closed = store.close?.()
    if (isPromise(closed)) await closed
  }
  const broken = history.steady ? recorded.violations()[0] : undefined
  return broken && { step: history.steps.length, message: `promise broken: ${JSON.stringify(broken)}` }
}

// A store may forget what expired a minute ago: a clock set back further than that could tell.
const MOST_BACK = 59_000_000
// µs, in the year 2112: until then a bucket's state is below 2^53.
const LATEST = 2 ** 52

interface Answer<T> {
  readonly value?: T
  readonly code?: unknown
  readonly error?: unknown
}

interface Held {
  readonly slot: number
  readonly limit: Limit
  readonly subject: string
  readonly units: number
  readonly forStore: Outcome['receipt']
  readonly forModel: unknown
}

interface Run {
  readonly slots: { readonly scope: string; readonly variants: readonly Limit[]; current: Limit; left: number }[]
  held: Held[]
  /** The outcomes told last. */
  told: readonly ModelOutcome[] | undefined
}

interface Asked {
  readonly forStore: readonly Charge[]
  readonly forModel: readonly ModelCharge[]
  readonly slots: readonly number[]
  readonly given: readonly Held[]
  readonly options: ConsumeOptions
}

function slotOf(run: Run, index: number): Run['slots'][number] {
  return run.slots[index % run.slots.length] as Run['slots'][number]
}

/** The charges that a step means here and now. */
function resolve(run: Run, step: Step & { do: 'consume' }): Asked {
  const forStore: Charge[] = []
  const forModel: ModelCharge[] = []
  const slots: number[] = []
  const given: Held[] = []
  const add = (slot: number, charge: Omit<Charge, 'receipt'>, held?: Held): void => {
    forStore.push(held === undefined ? charge : { ...charge, receipt: held.forStore })
    forModel.push(held === undefined ? charge : { ...charge, receipt: held.forModel })
    slots.push(slot)
  }
  for (const move of step.moves) {
    if (move.do === 'take' || move.do === 'give-bare') {
      // What is wrong need not be told by one who only looks.
      if (move.do === 'give-bare' && step.how === 'peek') continue
      const slot = move.slot % run.slots.length
      const { scope, current: limit } = slotOf(run, slot)
      const wanted = unitsOf(run, slot, limit, move.units)
      const units = limit.algorithm === 'concurrency' ? Math.min(1, wanted) : wanted
      const charge = { limit, scope, subject: SUBJECTS[move.subject] as string, cost: move.do === 'take' ? units : -Math.max(1, units) }
      add(slot, charge)
    } else {
      const held = run.held.at(-1 - (move.pick % Math.max(1, run.held.length)))
      if (held === undefined || (isCount(held.limit) && given.includes(held))) continue
      const { scope, current } = slotOf(run, held.slot)
      const limit = move.do === 'renew' || !move.own ? current : held.limit
      const target = { limit, scope, subject: held.subject }
      if (move.do === 'renew') {
        if (limit.algorithm !== 'concurrency' || step.how === 'force') continue
        add(held.slot, { ...target, cost: 1 }, held)
      } else {
        given.push(held)
        add(held.slot, { ...target, cost: -giving(run, held, limit, move) }, held)
      }
    }
  }
  const first = slots[0] ?? 0
  const atLeast = step.atLeast === undefined ? undefined : Math.max(1, unitsOf(run, first, slotOf(run, first).current, step.atLeast))
  const options: ConsumeOptions = { ...(step.how === 'charge' ? {} : { how: step.how }), ...(atLeast === undefined ? {} : { atLeast }) }
  return { forStore, forModel, slots, given, options }
}

function giving(run: Run, held: Held, limit: Limit, move: Move & { do: 'give' }): number {
  if (limit.algorithm === 'concurrency') return 1
  if (move.units.of === 'quota') return Math.max(1, held.units + move.units.n)
  return Math.max(1, Math.min(held.units, unitsOf(run, held.slot, limit, move.units)))
}

/** Receipts that only count: a store cannot know that one was given back before, so a caller must not. */
function isCount({ algorithm }: Limit): boolean {
  return algorithm !== 'slidingLog' && algorithm !== 'concurrency'
}

function unitsOf(run: Run, slot: number, limit: Limit, units: Units): number {
  if (units.of === 'few') return units.n
  if (units.of === 'left') return Math.max(0, slotOf(run, slot).left + units.n)
  const quota = limit.burst ?? limit.limit
  return units.of === 'quota' ? Math.max(0, quota + units.n) : Math.floor(quota * units.n)
}

function moved(run: Run, step: Step & { do: 'advance' | 'wait' | 'back' }, micros: number, steady: boolean): number {
  if (step.do === 'advance') {
    const { window } = slotOf(run, step.slot).current
    const length = typeof window === 'number' ? window : { day: 86_400_000, week: 604_800_000, month: 2_592_000_000 }[window]
    return micros + Math.round(step.share * length * 1000) + step.micros
  }
  if (step.do === 'back') return steady ? micros : micros - step.micros
  const wait = run.told?.map((outcome) => outcome[step.for]).find((ms) => ms > 0 && ms < Infinity) ?? 0
  return Math.max(micros, micros + wait * 1000 + step.micros)
}

function settle(run: Run, asked: Asked, expected: readonly ModelOutcome[], actual: readonly (Outcome | undefined)[]): void {
  run.told = expected
  const admitted = expected.every(({ allowed }) => allowed) && asked.options.how !== 'peek'
  if (admitted) run.held = run.held.filter((held) => !(isCount(held.limit) && asked.given.includes(held)))
  expected.forEach((outcome, i) => {
    const slot = asked.slots[i] as number
    slotOf(run, slot).left = outcome.remaining
    const { limit, subject, receipt } = asked.forStore[i] as Charge
    if (outcome.receipt === undefined || receipt !== undefined) return
    run.held.push({ slot, limit, subject, units: outcome.granted, forStore: actual[i]?.receipt, forModel: outcome.receipt })
  })
}

function attempt<T>(run: () => T): Answer<T> {
  try {
    return { value: run() }
  } catch (error) {
    if (error instanceof ModelError) return { code: error.code }
    throw error
  }
}

const FIELDS = ['allowed', 'remaining', 'retryAfter', 'nextAfter', 'resetAfter', 'delay', 'at', 'leaseFor', 'granted'] as const

function difference(
  expected: Answer<readonly ModelOutcome[]>,
  actual: Answer<readonly (Outcome | undefined)[]>,
  now: number,
): string | undefined {
  if (expected.value === undefined || actual.value === undefined) {
    return expected.code === actual.code ? undefined : `expected ${said(expected)}, got ${said(actual)} at ${now}`
  }
  return mismatchOf(expected.value, actual.value)
}

function said({ value, code, error }: Answer<unknown>): string {
  return value === undefined ? `an error ${String(code)} ${code === undefined ? String((error as Error).stack) : ''}` : 'outcomes'
}

/**
 * The first field in which a store's outcomes differ from the model's. An outcome may be missing where another charge of
 * the decision was refused: the store need not have looked.
 */
export function mismatchOf(expected: readonly ModelOutcome[], actual: readonly (Outcome | undefined)[]): string | undefined {
  if (expected.length !== actual.length) return `expected ${expected.length} outcomes, got ${actual.length}`
  for (const [i, model] of expected.entries()) {
    const outcome = actual[i]
    if (outcome === undefined) {
      const elsewhere = expected.some(({ allowed }, other) => !allowed && other !== i && actual[other] !== undefined)
      if (elsewhere) continue
      return `outcome ${i}: expected one, got undefined`
    }
    for (const field of FIELDS) {
      if (!Object.is(outcome[field], model[field])) return `outcome ${i}: ${field}: expected ${model[field]}, got ${show(outcome[field])}`
    }
    if ((outcome.receipt === undefined) !== (model.receipt === undefined)) {
      return `outcome ${i}: receipt: expected ${model.receipt === undefined ? 'none' : 'one'}, got ${show(outcome.receipt)}`
    }
    if (outcome.held !== undefined) return `outcome ${i}: held: expected undefined, got ${outcome.held}`
  }
  return undefined
}

function show(value: unknown): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

function describe(charges: readonly Charge[], options: ConsumeOptions, expected: unknown, actual: unknown): string {
  const text = (value: unknown): string =>
    JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? `${inner}n` : inner === Infinity ? 'Infinity' : inner))
  return [`charges  ${text(charges)}`, `options  ${text(options)}`, `model    ${text(expected)}`, `store    ${text(actual)}`].join('\n')
}
