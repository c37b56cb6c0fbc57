import { type Decision, tighter } from '../../decision.ts'
import type { Outcome } from '../../store.ts'
import type { Dialect } from './dialect.ts'
import { type Item, type ItemSet, itemsOf } from './items.ts'
import { resetSeconds, retrySeconds, unitsLeft, waitSeconds } from './rounding.ts'
import { sfBytes } from './structured.ts'

export { checkDialect, type Dialect, type DialectOptions } from './dialect.ts'
export { itemsOf } from './items.ts'

export type HeaderLine = readonly [name: string, value: string]

const lowered = new Map<string, string>()

/** The name of a line as frameworks look it up. They lower-case what they get, and a text made anew is looked up by all of its letters. */
export function lowerCase(name: string): string {
  let lower = lowered.get(name)
  if (lower === undefined) lowered.set(name, (lower = name.toLowerCase()))
  return lower
}

/** One limiter's part in the headers of a request. */
export interface HeaderEntry {
  readonly decision: Decision
  /** The policy is `{ limit, window }`: its one limit is known by the policy's name. */
  readonly shorthand: boolean
  /** In the order of `decision.charges`: which partition of the quota each charge is of. */
  readonly partitionKeys?: readonly (Uint8Array | undefined)[] | undefined
}

/**
 * Every header of a response, from all decisions made on its request so far, in the order they were made: one line per
 * field. Set them, never append: the lines of the last limiter replace those of the ones before.
 * @param now ms since the epoch; one for the whole request
 */
export function renderHeaders(entries: readonly HeaderEntry[], dialect: Dialect, now: number): readonly HeaderLine[] {
  const headers: HeaderLine[] = []
  const { standard, legacy } = dialect
  let policies = ''
  let limits = ''
  let item: Item | undefined
  let binding: Outcome | undefined
  let units = 0
  let reset = 0
  let refused = false
  let wait: number | undefined = 0

  for (let e = 0; e < entries.length; e++) {
    const entry = entries[e] as HeaderEntry
    const { decision } = entry
    if (decision.mode !== 'enforce' || decision.charges.length === 0 || isRepeated(entries, e)) continue
    const set = itemsOf(decision, entry.shorthand)
    const policy = standard === 'structured' ? policiesOf(set, entry) : set.unnamed
    if (policy !== '') policies = policies === '' ? policy : `${policies}, ${policy}`
    if (!decision.allowed) {
      refused = true
      wait = longer(wait, retrySeconds(decision))
      // Nothing is known of limits that nobody could look at.
      if (decision.verdict === 'unavailable') continue
    }
    const { outcomes } = decision
    for (let i = 0; i < set.items.length; i++) {
      const outcome = outcomes[i]
      if (outcome === undefined || outcome.source === 'open' || outcome.source === 'closed') continue
      const each = set.items[i] as Item
      const left = unitsLeft(outcome)
      const seconds = resetSeconds(each, outcome, left)
      if (standard === 'structured') {
        const text = limitText(each, left, seconds, entry.partitionKeys?.[i])
        limits = limits === '' ? text : `${limits}, ${text}`
      }
      if (binding === undefined || tighter(outcome, binding)) {
        binding = outcome
        item = each
        // Units that are too few for this request are none to a client that knows nothing of costs.
        units = outcome.allowed ? left : 0
        reset = outcome.allowed ? seconds : waitSeconds(outcome.retryAfter)
      }
    }
  }

  // An empty structured field is no field.
  if (standard !== false && policies !== '') headers.push(['RateLimit-Policy', policies])
  if (limits !== '') headers.push(['RateLimit', limits])
  if (item !== undefined && (legacy !== false || standard === 'draft-7' || standard === 'draft-6')) {
    pushBinding(headers, item, String(units), reset, dialect, now)
  }
  if (refused && wait !== undefined) headers.push(['Retry-After', String(wait)])
  if (dialect.expose && headers.length > 0) headers.push(['Access-Control-Expose-Headers', headers.map(([name]) => name).join(', ')])
  if (refused) headers.push(['Cache-Control', 'no-store'])
  return headers
}

/** The forms that know one limit only: that of the limit that decides. */
function pushBinding(headers: HeaderLine[], item: Item, left: string, reset: number, { standard, legacy }: Dialect, now: number): void {
  if (standard === 'draft-7') headers.push(['RateLimit', `limit=${item.quotaText}, remaining=${left}, reset=${reset}`])
  else if (standard === 'draft-6') {
    headers.push(['RateLimit-Limit', item.quotaText], ['RateLimit-Remaining', left], ['RateLimit-Reset', String(reset)])
  }
  if (legacy === false) return
  headers.push(
    ['X-RateLimit-Limit', item.quotaText],
    ['X-RateLimit-Remaining', left],
    ['X-RateLimit-Reset', String(legacy === 'epoch' ? Math.ceil(now / 1000) + reset : reset)],
  )
}

function policiesOf(set: ItemSet, { partitionKeys }: HeaderEntry): string {
  if (partitionKeys === undefined) return set.policies
  return set.items.map((item, i) => item.policy + partition(partitionKeys[i])).join(', ')
}

function limitText(item: Item, left: number, reset: number, key: Uint8Array | undefined): string {
  const text = item.window === undefined ? item.opening + left : `${item.opening}${left};t=${reset}`
  return key === undefined ? text : text + partition(key)
}

function partition(key: Uint8Array | undefined): string {
  return key === undefined ? '' : `;pk=${sfBytes(key)}`
}

/** `undefined` is for ever. */
function longer(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : Math.max(a, b)
}

/** One limiter mounted twice charges the same state twice; what the first charge left is no longer there, so only the last is told. */
function isRepeated(entries: readonly HeaderEntry[], index: number): boolean {
  const { charges, policy, allowed } = (entries[index] as HeaderEntry).decision
  if (!allowed) return false
  for (let later = index + 1; later < entries.length; later++) {
    const { decision } = entries[later] as HeaderEntry
    if (decision.mode !== 'enforce' || decision.policy !== policy || decision.charges.length !== charges.length) continue
    if (charges.every(({ limit, subject }, i) => limit === decision.charges[i]?.limit && subject === decision.charges[i]?.subject))
      return true
  }
  return false
}
