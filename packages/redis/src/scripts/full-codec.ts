import { holderOf } from '@sluice/core/algorithms'
import type { Operation, PendingDecision } from '../executor.ts'
import { type ReplyState, stateFromReply } from '../state/codec.ts'
import { type Ledger, leasesKey, type LeaseTerms } from '../state/leases.ts'
import type { IsPacked } from '../state/packed.ts'
import { layOut } from './key-layout.ts'
import { encodeReceipt, LimitList, type RequestList } from './limit-codec.ts'
import type { Message } from './script.ts'

// The request and the reply of lua/full.lua, which decides everything that lua/fast.lua does not.

/** The number of each operation in the script. */
const OPERATIONS: Readonly<Record<Operation, number>> = { charge: 0, force: 1, peek: 2, reset: 3 }

const ALLOWED = 1
const WRONG_CALENDAR = -1
const FAILED = -2

/** @param calendarMillis the time for which calendar windows are computed */
export function encodeFull(decisions: readonly PendingDecision[], calendarMillis: number, isPacked: IsPacked): Message {
  const { keys: redisKeys, numbers, buckets } = layOut(decisions, isPacked)
  const limits = new LimitList(calendarMillis)
  const encoded = decisions.map(({ charges, keys, leases, how, options, holder }) => {
    const encodedCharges = charges.map((charge, i) => {
      const { limit, cost } = charge
      const key = keys[i] as string
      const common = [limits.indexOf(limit), numbers.get(key), cost, encodeReceipt(charge), holderOf(holder, i)]
      const terms = leases[i]
      return terms === undefined ? common : [...common, [numbers.get(leasesKey(key)), ...encodeTerms(terms)]]
    })
    return [OPERATIONS[how], options.atLeast ?? 0, ...encodedCharges]
  })
  return { keys: redisKeys, args: [JSON.stringify([limits.encoded, encoded, ...buckets])] }
}

function encodeTerms(terms: LeaseTerms): RequestList {
  return [terms.ttl, 'ceiling' in terms ? terms.ceiling : terms.since]
}

/** The script's answer to one decision, as it is in the reply. */
export type FullReply = readonly [verdict: number | Buffer, ...states: ReplyState[]]

/**
 * The script's answer to one decision: its verdict, and the states and ledgers before it; why the script failed on it; or that its calendar
 * windows were computed for another time than the server's.
 */
export type FullAnswer =
  | { readonly isAllowed: boolean; readonly states: readonly unknown[]; readonly ledgers: ReadonlyMap<string, Ledger> }
  | { readonly failure: string }
  | 'wrong-calendar'

export function decodeFull(decision: PendingDecision, [verdict, ...fields]: FullReply): FullAnswer {
  // The client may be set to return numbers as text.
  const number = Number(verdict)
  if (number === FAILED) return { failure: String(fields[0]) }
  if (number === WRONG_CALENDAR) return 'wrong-calendar'
  const states = decision.charges.map(({ limit }, i) => stateFromReply(limit, fields[i]))
  return { isAllowed: number === ALLOWED, states, ledgers: decodeLedgers(decision, fields) }
}

/** The ledgers stand behind the states: one for each charge with lease terms, empty for an absent ledger. */
function decodeLedgers({ charges, keys, leases }: PendingDecision, fields: readonly ReplyState[]): ReadonlyMap<string, Ledger> {
  const ledgers = new Map<string, Ledger>()
  let next = charges.length
  for (const [i, terms] of leases.entries()) {
    if (terms === undefined) continue
    const [epoch, granted, previous] = (fields[next++] ?? []).map(Number)
    if (epoch !== undefined && granted !== undefined && previous !== undefined)
      ledgers.set(leasesKey(keys[i] as string), { epoch, granted, previous })
  }
  return ledgers
}
