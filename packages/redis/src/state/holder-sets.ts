import type { Charge } from '@sluice/core'
import { type Holder, type Holders, holderOf, holdersOf, listHolders } from '@sluice/core/algorithms'

// Holders are a sorted set of ids, by their expiry (µs). A decision reads those that expire first and last, those that it names, and how many
// there are. lua/concurrency.lua does the same where scripts decide.

/** The most expired holders that one write removes, so that none is slow because many have expired. */
export const MAX_EXPIRED = 128

/** What is known of a decision before it is made. */
interface Decision {
  readonly charges: readonly Charge[]
  readonly keys: readonly string[]
  readonly holder: string
}

/** What decisions need of a set. */
export interface SetQuery {
  /** How many that expire first, and how many that expire last. */
  readonly most: number
  /** The ids that the decisions name. */
  readonly ids: ReadonlySet<string>
}

/** The part of a set that was asked for. */
export interface SetView {
  readonly holders: Holders
  /** Some that have expired, to be removed by the next write. */
  readonly expired: readonly string[]
  /** The key has another type, or scores that are no time. It counts as absent. */
  readonly isForeign: boolean
}

/** What is written to a set. */
export interface SetChange {
  /** Scores and ids in turn. */
  readonly added: readonly (number | string)[]
  readonly removed: readonly string[]
  /** ms since the epoch. */
  readonly expires: number
  readonly isForeign: boolean
}

export const FOREIGN_SET: SetView = { holders: holdersOf([]), expired: [], isForeign: true }

/** How many are left out, then expiry and id of each of the others. */
export function holdersFromReply([others, ...fields]: readonly (Buffer | number)[]): Holders {
  const list: Holder[] = []
  for (let i = 0; i < fields.length; i += 2) list.push({ expires: Number(fields[i]), id: String(fields[i + 1]) })
  return holdersOf(list, Number(others))
}

/** By the key of each set, what the decisions need of it. */
export function setQueriesOf(decisions: readonly Decision[], isSet: (charge: Charge) => boolean): Map<string, SetQuery> {
  const queries = new Map<string, { most: number; ids: Set<string> }>()
  for (const { charges, keys, holder } of decisions) {
    for (const [i, charge] of charges.entries()) {
      if (!isSet(charge)) continue
      const key = keys[i] as string
      const query = queries.get(key) ?? { most: 1, ids: new Set<string>() }
      queries.set(key, query)
      query.most += 1
      query.ids.add(charge.receipt === undefined ? holderOf(holder, i) : String(charge.receipt))
    }
  }
  return queries
}

/** The view of a set after it was read as `SetQuery` says. `ends`: ids and scores in turn. `scores`: of the ids of the query. */
export function viewOf(
  { ids }: SetQuery,
  now: number,
  count: number,
  ends: readonly unknown[],
  scores: readonly unknown[],
  expired: readonly string[],
): SetView {
  const found = new Map<string, Holder>()
  for (let i = 0; i < ends.length; i += 2) found.set(String(ends[i]), { id: String(ends[i]), expires: Number(ends[i + 1]) })
  for (const [i, id] of [...ids].entries()) {
    const score = scores[i]
    if (score !== null && Number(score) > now) found.set(id, { id, expires: Number(score) })
  }
  const list = [...found.values()]
  if (list.some(({ expires }) => !Number.isSafeInteger(expires))) return FOREIGN_SET
  return { holders: holdersOf(list, count - list.length), expired, isForeign: false }
}

/** What makes the second state of the first. */
export function changeOf({ holders, expired, isForeign }: SetView, after: Holders): SetChange {
  const before = new Map(listHolders(holders).map(({ id, expires }) => [id, expires]))
  const added: (number | string)[] = []
  for (const { id, expires } of listHolders(after)) {
    if (before.get(id) !== expires) added.push(expires, id)
    before.delete(id)
  }
  const kept = new Set(added)
  const removed = [...before.keys(), ...expired.filter((id) => !kept.has(id))]
  return { added, removed, expires: Math.ceil(Math.max(holders.latest, after.latest) / 1000), isForeign }
}
