// Checks that several processes got exactly what one process would get: by the promise over every interval, and by the model.
import type { Limit } from '@sluice/core'
import { type Admission, checkEnvelope, createModel, type Violation } from '@sluice/testing'
import type { Decided } from './processes.ts'

/** Violations of the promise in one subject's history. */
export function violationsOf(limit: Limit, history: readonly Decided[]): readonly Violation[] {
  const admissions = new Map<string, Admission & { refunds: { at: number; units: number; order: number }[] }>()
  for (const [order, { process, index, at, cost, granted, delay, releases }] of history.entries()) {
    if (cost > 0 && granted > 0) admissions.set(`${process}.${index}`, { at, units: granted, delay, order, refunds: [] })
    else if (granted < 0) admissions.get(`${process}.${releases}`)?.refunds.push({ at, units: -granted, order })
  }
  return checkEnvelope(limit, [...admissions.values()])
}

/**
 * Describes the first decision that the model makes differently. Only the store knows the order of two processes within one
 * µs, so any order that the model agrees with passes.
 */
export function differenceOf(limit: Limit, history: readonly Decided[]): string | undefined {
  let order = history
  const tried = new Map<number, number>()
  for (;;) {
    const found = firstDifference(limit, order)
    if (found === undefined) return undefined
    const shared = sharedBefore(order, found.index, tried)
    if (shared === undefined) return found.message
    tried.set(shared, (tried.get(shared) ?? 0) + 1)
    order = rotated(order, shared)
  }
}

/** Number of µs in which two processes have a decision. */
export function sharedMicros(history: readonly Decided[]): number {
  return history.filter(({ at, process }, i) => i > 0 && history[i - 1]?.at === at && history[i - 1]?.process !== process).length
}

function firstDifference(limit: Limit, history: readonly Decided[]): { readonly index: number; readonly message: string } | undefined {
  const model = createModel()
  const receipts = new Map<string, unknown>()
  for (const [position, entry] of history.entries()) {
    const { process, index, at, cost, releases } = entry
    const receipt = releases === undefined ? undefined : receipts.get(`${process}.${releases}`)
    const [expected] = model.consume([{ limit, scope: 'processes', subject: '', cost, receipt }], {}, at)
    for (const field of ['allowed', 'granted', 'remaining', 'delay'] as const) {
      if (expected?.[field] === entry[field]) continue
      const message = `decision ${position}: ${field}: expected ${expected?.[field]}, got ${entry[field]}: ${JSON.stringify(entry)}`
      return { index: position, message }
    }
    receipts.set(`${process}.${index}`, expected?.receipt)
  }
  return undefined
}

const MAX_ORDERS = 8

/** The last µs before an index that two processes share, and whose orders have not all been tried. */
function sharedBefore(history: readonly Decided[], index: number, tried: ReadonlyMap<number, number>): number | undefined {
  for (let i = Math.min(index + 1, history.length - 1); i > 0; i--) {
    const [before, here] = [history[i - 1], history[i]]
    if (before?.at !== here?.at || before?.process === here?.process || here === undefined) continue
    if ((tried.get(here.at) ?? 0) < MAX_ORDERS) return here.at
  }
  return undefined
}

/** Moves the first process of this µs to its end. */
function rotated(history: readonly Decided[], at: number): readonly Decided[] {
  const from = history.findIndex((entry) => entry.at === at)
  const to = history.findLastIndex((entry) => entry.at === at) + 1
  const first = history[from]?.process
  const here = history.slice(from, to)
  const rest = here.filter(({ process }) => process !== first)
  return [...history.slice(0, from), ...rest, ...here.filter(({ process }) => process === first), ...history.slice(to)]
}
