// Whether a fleet was admitted what one process would have been: the promise over every interval, and the model's own verdicts.
import type { Limit } from '@sluice/core'
import { type Admission, checkEnvelope, createModel, type Violation } from '@sluice/testing'
import type { Decided } from './fleet.ts'

/** Broken promises of one subject's history. */
export function violationsOf(limit: Limit, history: readonly Decided[]): readonly Violation[] {
  const admissions = new Map<string, Admission & { refunds: { at: number; units: number; order: number }[] }>()
  for (const [order, { process, index, at, cost, granted, delay, of }] of history.entries()) {
    if (cost > 0 && granted > 0) admissions.set(`${process}.${index}`, { at, units: granted, delay, order, refunds: [] })
    else if (granted < 0) admissions.get(`${process}.${of}`)?.refunds.push({ at, units: -granted, order })
  }
  return checkEnvelope(limit, [...admissions.values()])
}

/**
 * The first decision that the model makes differently. Two processes in one µs are in an order that only the store knew:
 * then any order that fits will do.
 */
export function differenceOf(limit: Limit, history: readonly Decided[]): string | undefined {
  let order = history
  const tried = new Map<number, number>()
  for (;;) {
    const found = firstDifference(limit, order)
    if (found === undefined) return undefined
    const shared = sharedBefore(order, found.place, tried)
    if (shared === undefined) return found.message
    tried.set(shared, (tried.get(shared) ?? 0) + 1)
    order = turned(order, shared)
  }
}

/** How many µs of a history are shared by two processes. */
export function sharedMicros(history: readonly Decided[]): number {
  return history.filter(({ at, process }, i) => i > 0 && history[i - 1]?.at === at && history[i - 1]?.process !== process).length
}

function firstDifference(limit: Limit, history: readonly Decided[]): { readonly place: number; readonly message: string } | undefined {
  const model = createModel()
  const receipts = new Map<string, unknown>()
  for (const [place, entry] of history.entries()) {
    const { process, index, at, cost, of } = entry
    const receipt = of === undefined ? undefined : receipts.get(`${process}.${of}`)
    const [expected] = model.consume([{ limit, scope: 'fleet', subject: '', cost, receipt }], {}, at)
    for (const field of ['allowed', 'granted', 'remaining', 'delay'] as const) {
      if (expected?.[field] === entry[field]) continue
      const message = `decision ${place}: ${field}: expected ${expected?.[field]}, got ${entry[field]}: ${JSON.stringify(entry)}`
      return { place, message }
    }
    receipts.set(`${process}.${index}`, expected?.receipt)
  }
  return undefined
}

const MOST_ORDERS = 8

/** The last µs up to a place that two processes share, and that has orders left to try. */
function sharedBefore(history: readonly Decided[], place: number, tried: ReadonlyMap<number, number>): number | undefined {
  for (let i = Math.min(place + 1, history.length - 1); i > 0; i--) {
    const [before, here] = [history[i - 1], history[i]]
    if (before?.at !== here?.at || before?.process === here?.process || here === undefined) continue
    if ((tried.get(here.at) ?? 0) < MOST_ORDERS) return here.at
  }
  return undefined
}

/** The processes of one µs take turns at being first. */
function turned(history: readonly Decided[], at: number): readonly Decided[] {
  const from = history.findIndex((entry) => entry.at === at)
  const to = history.findLastIndex((entry) => entry.at === at) + 1
  const first = history[from]?.process
  const here = history.slice(from, to)
  const rest = here.filter(({ process }) => process !== first)
  return [...history.slice(0, from), ...rest, ...here.filter(({ process }) => process === first), ...history.slice(to)]
}
