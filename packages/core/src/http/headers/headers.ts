import { type Decision, isStricter } from '../../decision.ts'
import type { Outcome } from '../../store.ts'
import type { Dialect } from './dialect.ts'
import { EXPOSE } from './exposed-names.ts'
import { type HeaderLine, type Item, type ItemSet, itemsOf } from './items.ts'
import { limitLine, NumberLines } from './lines.ts'
import { quotaSeconds, resetSeconds, retrySeconds, unitsLeft } from './rounding.ts'
import { sfBytes } from './structured.ts'

export { checkDialect, type Dialect, type DialectOptions } from './dialect.ts'
export { type HeaderLine, itemsOf } from './items.ts'

const lowerCased = new Map<string, string>()

/** Returns a header name in lower case, as the same string each time. Frameworks find such a string faster than a new one. */
export function lowerCase(name: string): string {
  let lower = lowerCased.get(name)
  if (lower === undefined) lowerCased.set(name, (lower = name.toLowerCase()))
  return lower
}

/** One limiter's decision on a request, for the headers. */
export interface HeaderEntry {
  readonly decision: Decision
  /** The policy is `{ limit, window }`: headers give its only limit the name of the policy. */
  readonly shorthand: boolean
  /** The limiter that decided. */
  readonly limiter?: object | undefined
  /** What it decided: the request, or a part of it. */
  readonly call?: object | undefined
  /** The partition key of each charge, in the order of `decision.charges`. */
  readonly partitionKeys?: readonly (Uint8Array | undefined)[] | undefined
}

/**
 * The headers of a response, one line per field, from all decisions on its request so far, in their order. Adapters set them and
 * never append: the lines of the last limiter replace those of the limiters before it.
 * @param now ms since the epoch, the same for all fields
 */
export function renderHeaders(entries: readonly HeaderEntry[], dialect: Dialect, now: number): readonly HeaderLine[] {
  const { standard, legacy } = dialect
  let policies: HeaderLine | undefined
  let limits: HeaderLine | undefined
  let item: Item | undefined
  let binding: Outcome | undefined
  let units = 0
  let reset: number | undefined = 0
  let refused = false
  let wait: number | undefined = 0

  for (let e = 0; e < entries.length; e++) {
    const entry = entries[e] as HeaderEntry
    const { decision } = entry
    if (decision.mode !== 'enforce' || decision.charges.length === 0 || isRepeated(entries, e)) continue
    const set = itemsOf(decision, entry.shorthand)
    policies = joined(policies, standard === 'structured' ? policiesOf(set, entry) : set.unnamed)
    if (!decision.allowed) {
      refused = true
      wait = longer(wait, retrySeconds(decision))
      // The store did not answer, so there are no outcomes to show.
      if (decision.verdict === 'unavailable') continue
    }
    const { outcomes } = decision
    for (let i = 0; i < set.items.length; i++) {
      const outcome = outcomes[i]
      if (outcome === undefined || outcome.source === 'open' || outcome.source === 'closed') continue
      const each = set.items[i] as Item
      if (!each.visible) continue
      const left = unitsLeft(outcome)
      const seconds = resetSeconds(each, outcome, left)
      if (standard === 'structured') {
        limits = joined(limits, withPartition(limitLine(each, left, seconds), entry.partitionKeys?.[i]))
      }
      if (binding === undefined || isStricter(outcome, binding)) {
        binding = outcome
        item = each
        // Units that are too few for this request count as 0, since clients know nothing of costs.
        units = outcome.allowed ? left : 0
        reset = quotaSeconds(each, outcome, seconds)
      }
    }
  }

  // The usual responses are one literal, since a list that grows takes three times the memory.
  if (item !== undefined && !refused && !dialect.expose && legacy !== false && reset !== undefined) {
    const limit = LEGACY.limit.of(item.quota)
    const remaining = LEGACY.remaining.of(units)
    const legacyReset = LEGACY.reset.of(resetOf(legacy, reset, now))
    if (standard === false) return [limit, remaining, legacyReset]
    if (policies !== undefined && limits !== undefined) return [policies, limits, limit, remaining, legacyReset]
  }

  const headers: HeaderLine[] = []
  // RFC 9651: an empty list is not sent.
  if (standard !== false && policies !== undefined) headers.push(policies)
  if (limits !== undefined) headers.push(limits)
  if (item !== undefined && (legacy !== false || standard === 'draft-7' || standard === 'draft-6')) {
    pushBinding(headers, item, units, reset, dialect, now)
  }
  if (refused) pushRefused(headers, wait, dialect)
  else pushExposed(headers, dialect)
  return headers
}

/** The headers of a refusal without a limit. */
export function refusalHeaders(decision: Decision, dialect: Dialect): readonly HeaderLine[] {
  const headers: HeaderLine[] = []
  pushRefused(headers, retrySeconds(decision), dialect)
  return headers
}

/** Adds the fields of a refusal. @param wait in seconds; `undefined` when no wait helps */
function pushRefused(headers: HeaderLine[], wait: number | undefined, dialect: Dialect): void {
  if (wait !== undefined) headers.push(RETRY_AFTER.of(wait))
  pushExposed(headers, dialect)
  headers.push(['Cache-Control', 'no-store'])
}

/** Lets scripts of other origins read the fields so far. */
function pushExposed(headers: HeaderLine[], { expose }: Dialect): void {
  if (expose && headers.length > 0) headers.push([EXPOSE, headers.map(([name]) => name).join(', ')])
}

/** Adds the fields that show one limit: the binding one. */
function pushBinding(
  headers: HeaderLine[],
  item: Item,
  left: number,
  reset: number | undefined,
  { standard, legacy }: Dialect,
  now: number,
): void {
  if (standard === 'draft-7') {
    const until = reset === undefined ? '' : `, reset=${reset}`
    headers.push(['RateLimit', `limit=${item.quota}, remaining=${left}${until}`])
  } else if (standard === 'draft-6') {
    headers.push(DRAFT_6.limit.of(item.quota), DRAFT_6.remaining.of(left))
    if (reset !== undefined) headers.push(DRAFT_6.reset.of(reset))
  }
  if (legacy === false) return
  headers.push(LEGACY.limit.of(item.quota), LEGACY.remaining.of(left))
  if (reset !== undefined) headers.push(LEGACY.reset.of(resetOf(legacy, reset, now)))
}

function resetOf(legacy: 'epoch' | 'delta', reset: number, now: number): number {
  return legacy === 'epoch' ? Math.ceil(now / 1000) + reset : reset
}

const RETRY_AFTER = new NumberLines('Retry-After')
const DRAFT_6 = bindingLines('RateLimit')
const LEGACY = bindingLines('X-RateLimit')

function bindingLines(prefix: string) {
  return {
    limit: new NumberLines(`${prefix}-Limit`),
    remaining: new NumberLines(`${prefix}-Remaining`),
    reset: new NumberLines(`${prefix}-Reset`),
  }
}

/** One line per field: the values of two lines, as a list. */
function joined(line: HeaderLine | undefined, added: HeaderLine | undefined): HeaderLine | undefined {
  return line === undefined || added === undefined ? (line ?? added) : [line[0], `${line[1]}, ${added[1]}`]
}

function policiesOf(set: ItemSet, { partitionKeys }: HeaderEntry): HeaderLine | undefined {
  if (partitionKeys === undefined || set.policies === undefined) return set.policies
  const shown = set.items.flatMap((item, i) => (item.visible ? [item.policy + partition(partitionKeys[i])] : []))
  return ['RateLimit-Policy', shown.join(', ')]
}

function withPartition(line: HeaderLine, key: Uint8Array | undefined): HeaderLine {
  return key === undefined ? line : [line[0], line[1] + partition(key)]
}

function partition(key: Uint8Array | undefined): string {
  return key === undefined ? '' : `;pk=${sfBytes(key)}`
}

/** The longer wait; `undefined` means that no wait helps. */
function longer(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : Math.max(a, b)
}

/** Whether a later decision of the same limiter charged the same state. Then only the later one is shown, since it is current. */
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
