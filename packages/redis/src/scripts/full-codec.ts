import type { ConsumeOptions } from '@sluice/core'
import { holderOf } from '@sluice/core/algorithms'
import type { LeaseTerms } from '@sluice/core/store-kit'
import type { Operation, PendingDecision } from '../executor.ts'
import type { Placement } from '../keys.ts'
import { type Numbers, type ReplyState, stateFromNumbers, stateFromReply } from '../state/codec.ts'
import { EntryList } from '../state/entries.ts'
import { leasesKey } from '../state/ledger-keys.ts'
import { layOut } from './key-layout.ts'
import { encodeReceipt, LimitList, type RequestList } from './limit-codec.ts'
import type { Message } from './script.ts'

// The request and the reply of lua/full.lua, which decides everything that lua/fast.lua does not.

/** The number of each operation in the script. A credit has the number of `force`, and costs below 0 without a receipt. */
const OPERATIONS: Readonly<Record<Operation, number>> = { charge: 0, force: 1, credit: 1, peek: 2, reset: 3, block: 4 }

const ALLOWED = 1
const BLOCKED = 2
const WRONG_CALENDAR = -1
const FAILED = -2

/** @param calendarMillis the time for which calendar windows are computed */
export function encodeFull(decisions: readonly PendingDecision[], calendarMillis: number, isPacking: boolean): Message {
  const { keys: redisKeys, setCount, numbers, buckets } = layOut(decisions, isPacking, true)
  const limits = new LimitList(calendarMillis)
  const encoded = decisions.map(({ charges, keys, placements, leases, blockKeys, how, options, holder }) => {
    const encodedCharges = charges.map((charge, i) => {
      const { cost } = charge
      const key = keys[i] as string
      const common = [limits.indexOf(placements[i] as Placement), numbers.get(key), cost, encodeReceipt(charge), holderOf(holder, i)]
      const terms = leases[i]
      const blockKey = blockKeys?.[i]
      if (terms !== undefined) return [...common, [numbers.get(leasesKey(key)), ...encodeTerms(terms)]]
      return blockKey === undefined ? common : [...common, false, numbers.get(blockKey)]
    })
    return [OPERATIONS[how], encodeAtLeast(options), ...encodedCharges]
  })
  return { keys: redisKeys, args: [JSON.stringify([limits.encoded, encoded, setCount, ...buckets])] }
}

/** Below 0 for leases, of which each is granted by itself. */
function encodeAtLeast({ atLeast = 0, lease }: ConsumeOptions): number {
  return lease === undefined || atLeast === 0 ? atLeast : -atLeast
}

function encodeTerms(terms: LeaseTerms): RequestList {
  return [terms.ttl, 'ceiling' in terms ? terms.ceiling : terms.since]
}

/** The script's answer to one decision, as it is in the reply. */
export type FullReply = readonly [verdict: number | Buffer, ...states: (ReplyState | Buffer)[]]

/**
 * The script's answer to one decision: its verdict, and the states and ledgers before it; until when each charge is blocked, in µs, or was
 * before the operation `block`; why the script failed on it; or that its calendar windows were computed for another time than the server's.
 */
export type FullAnswer =
  | { readonly isAllowed: boolean; readonly states: readonly unknown[]; readonly ledgers: readonly (Numbers | undefined)[] }
  | { readonly failure: string }
  | { readonly blockedUntil: readonly number[] }
  | 'wrong-calendar'

export function decodeFull(decision: PendingDecision, [verdict, ...fields]: FullReply): FullAnswer {
  // The client may be set to return numbers as text.
  const number = Number(verdict)
  if (number === FAILED) return { failure: String(fields[0]) }
  if (number === WRONG_CALENDAR) return 'wrong-calendar'
  if (number === BLOCKED || decision.how === 'block') return { blockedUntil: fields.map(Number) }
  return { isAllowed: number === ALLOWED, ...statesOf(decision, fields) }
}

/** Ledgers stand behind the states, one for each charge with lease terms. A value stands where its key is first. */
function statesOf({ charges, keys, placements, leases }: PendingDecision, fields: readonly (ReplyState | Buffer)[]) {
  const lists = new Map<string, EntryList>()
  const listOf = (key: string, field: ReplyState | Buffer | undefined): EntryList => {
    const list = lists.get(key) ?? new EntryList(field as Buffer)
    lists.set(key, list)
    return list
  }
  const states = charges.map(({ limit }, i) => {
    const { isEntry, id } = placements[i] as Placement
    if (!isEntry) return stateFromReply(limit, fields[i] as ReplyState)
    return stateFromNumbers(limit, listOf(keys[i] as string, fields[i]).get(id))
  })
  let next = charges.length
  const ledgers = charges.map((_, i) =>
    leases[i] === undefined ? undefined : listOf(leasesKey(keys[i] as string), fields[next++]).get((placements[i] as Placement).id),
  )
  return { states, ledgers }
}
