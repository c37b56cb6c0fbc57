import type { Applied, Source } from './applied.ts'
import { applyBucket, missingUnits, ownTaken, resetWithin } from './buckets.ts'
import { type Account, type Ledger, liveLedger, NO_ACCOUNT, type Numbers, partOf, withAccounts } from './ledger.ts'
import type { CountRecord, EntryRecord } from './record.ts'
import { kindOf, type Shape, startOf } from './shape.ts'
import { applyWindow, keptUntil, ownUnits, resetSince, windowAt } from './windows.ts'

// What a store does with the value of a policy and subject and with the ledger beside it: each function is one atomic step of the store.

/** The value of a policy and subject, by name of the state, and the ledger beside it. */
export interface SubjectData {
  readonly states: ReadonlyMap<string, Numbers>
  readonly ledger: Ledger
}

/** What a step changes. A state that is `undefined` is removed. */
export interface Changes {
  readonly states: ReadonlyMap<string, Numbers | undefined>
  readonly ledger: Ledger
}

/** The numbers that decide when a region publishes. */
export interface Terms {
  /** ms */
  readonly interval: number
  /** The part of a limit from which a change is published at once. */
  readonly urgent: number
  /** The part of a limit below which nothing is published until another region has. */
  readonly minimum: number
  /** ms */
  readonly keep: number
  /** How many regions there are. */
  readonly regions: number
}

/** ms after which a subject in use is published again, for a message that was lost. */
const AGAIN = 10_000

/** The name of the second entry of a bucket. */
export function takenName(text: string): string {
  return `${text}!b`
}

/** This region's count of a state: what it would publish, and what it has published. */
interface Own {
  readonly entry: EntryRecord
  readonly account: Account
  readonly isChanged: boolean
  /** Units that are not published. */
  readonly unpublished: number
  /** Whether it stays below `minimum`, and no other region has published. */
  readonly isSmall: boolean
  readonly isEmpty: boolean
}

function ownWindow(shape: Shape, data: SubjectData, minimum: number, now: number): Own {
  const state = windowAt(shape, data.states.get(shape.text), data.ledger.accounts.get(shape.text), now)
  const { units, before } = ownUnits(state)
  const { published, publishedBefore, publishedReset, parts } = state.account
  const reset = resetSince(shape, state)
  const isReset = reset !== 0 && reset !== publishedReset
  const entry = { text: shape.text, reset, start: startOf(shape, state.until), units, before, N: shape.N, P: shape.P, burst: shape.burst }
  const least = minimum * shape.N
  const oldest = shape.kind === 'sliding' ? state.until - shape.P * 1000 : state.until
  const isHeard = parts.some((part) => part.first >= oldest && (part.units !== 0 || part.before !== 0))
  const isSmall = Math.abs(units) < least && Math.abs(before) < least && !isHeard && published === 0 && publishedBefore === 0
  return {
    entry,
    account: { ...state.account, until: keptUntil(shape, state.until) },
    isChanged: units !== published || before !== publishedBefore || isReset,
    unpublished: Math.abs(units - published) + Math.abs(before - publishedBefore),
    isSmall: isSmall && !isReset,
    isEmpty: state.until === 0 || (units === 0 && before === 0 && published === 0 && publishedBefore === 0 && reset === 0),
  }
}

function ownBucket(shape: Shape, data: SubjectData, { minimum, keep }: Terms, now: number): Own {
  const { text, N, P, burst } = shape
  const known = data.ledger.accounts.get(text) ?? NO_ACCOUNT
  const { units, birth } = ownTaken(data.states.get(takenName(text)), now)
  // Twice as long as it holds, since it may still hold where the clock is behind.
  const reset = resetWithin(known.reset, now, 2 * keep)
  const published = known.first === birth ? known.published : 0
  const isReset = reset !== 0 && reset !== known.publishedReset
  const isSmall = Math.abs(units) < minimum * burst && known.parts.every((part) => part.units === 0) && published === 0
  return {
    entry: { text, reset, start: birth, units, before: missingUnits(shape, data.states.get(text), now), N, P, burst },
    account: { ...known, first: birth, published, until: now + 2 * keep * 1000 },
    isChanged: units !== published || isReset,
    unpublished: Math.abs(units - published),
    isSmall: isSmall && !isReset,
    isEmpty: units === 0 && published === 0 && reset === 0,
  }
}

function ownOf(shape: Shape, data: SubjectData, terms: Terms, now: number): Own {
  return shape.kind === 'bucket' ? ownBucket(shape, data, terms, now) : ownWindow(shape, data, terms.minimum, now)
}

export type Collected =
  | { readonly result: 'nothing' | 'later' }
  | { readonly result: 'record'; readonly record: CountRecord; readonly changes: Changes }

/**
 * What this region has counted of a policy and subject, if others must hear of it: sums, so that no record depends on another.
 * @param isForced whether an earlier record may not have left this process, so that it is published again
 */
export function collect(
  key: { readonly policy: string; readonly subject: string; readonly shapes: readonly Shape[]; readonly isForced?: boolean },
  { states, ledger: stored }: SubjectData,
  terms: Terms,
  now: number,
): Collected {
  const ledger = liveLedger(stored, now)
  const data = { states, ledger }
  const own = key.shapes.map((shape) => [shape, ownOf(shape, data, terms, now)] as const).filter(([, { isEmpty }]) => !isEmpty)
  const isAnyLarge = own.some(([, { isSmall }]) => !isSmall)
  if (!isAnyLarge) return { result: 'nothing' }
  // Long ago for one of them is long ago: another process may have published the others only.
  const since = (list: typeof own): number => now - Math.min(...list.map(([, { account }]) => account.publishedAt))
  const changed = own.filter(([, { isChanged }]) => isChanged)
  const isUrgent = own.some(([shape, { unpublished }]) => unpublished >= terms.urgent * (shape.burst === 0 ? shape.N : shape.burst))
  if (key.isForced !== true) {
    if (changed.length > 0) {
      if (since(changed) < (terms.interval * 1000) / 2 && !isUrgent) return { result: 'later' }
    } else if (since(own) < AGAIN * 1000) return { result: 'nothing' }
  }
  const version = Math.max(ledger.version + 1, now)
  const accounts = new Map(own.map(([{ text }, { entry, account }]) => [text, published(account, entry, now)]))
  return {
    result: 'record',
    record: { kind: 'count', policy: key.policy, subject: key.subject, version, entries: own.map(([, { entry }]) => entry) },
    changes: { states: new Map(), ledger: { ...withAccounts(ledger, accounts, now), version } },
  }
}

function published(account: Account, { units, before, reset }: EntryRecord, now: number): Account {
  return { ...account, published: units, publishedBefore: before, publishedReset: reset, publishedAt: now }
}

/** What came of a record of another region. */
export interface AppliedRecord {
  /** `old`: a later record of that region has been applied. `early`: it must be applied again, `wait` ms later. */
  readonly result: 'old' | 'early' | 'done'
  readonly wait: number
  /** The entries that had ended. */
  readonly late: number
  /** The entries whose window begins too far ahead. */
  readonly ahead: number
  readonly over: number
  readonly forgiven: number
  /** Whether this region's own count is not published. */
  readonly isUnpublished: boolean
  /** `undefined` unless it was applied. */
  readonly changes: Changes | undefined
}

const NOTHING = { wait: 0, late: 0, ahead: 0, over: 0, forgiven: 0, isUnpublished: false, changes: undefined } as const

/** Applies a record of another region: state and ledger change in one step. */
export function apply(
  record: CountRecord,
  source: { readonly region: number; readonly at: number },
  { states: before, ledger: stored }: SubjectData,
  terms: Terms,
  now: number,
): AppliedRecord {
  const ledger = liveLedger(stored, now)
  const data = { states: before, ledger }
  const shapes = record.entries.flatMap((entry) => shapeOfEntry(entry) ?? [])
  const applied = shapes.map(([shape, entry]) => applyEntry(shape, entry, { ...source, version: record.version }, data, terms, now))
  const wait = applied.reduce((longest, each) => (each.result === 'early' ? Math.max(longest, each.wait) : longest), 0)
  if (wait > 0) return { ...NOTHING, result: 'early', wait }
  const states = new Map<string, Numbers | undefined>()
  const accounts = new Map<string, Account>()
  let [over, forgiven] = [0, 0]
  applied.forEach((each, i) => {
    if (each.result !== 'done') return
    const [{ text, kind }] = shapes[i] as readonly [Shape, EntryRecord]
    states.set(text, each.state)
    if (kind === 'bucket') states.set(takenName(text), each.taken)
    accounts.set(text, each.account)
    over += each.over
    forgiven += each.forgiven
  })
  if (applied.every(({ result }) => result === 'old')) return { ...NOTHING, result: 'old' }
  const changes = { states, ledger: withAccounts(ledger, accounts, now) }
  const after = { states: merged(data.states, states), ledger: changes.ledger }
  return {
    result: 'done',
    wait: 0,
    late: applied.filter(({ result }) => result === 'late').length,
    ahead: applied.filter(({ result }) => result === 'ahead').length,
    over,
    forgiven,
    isUnpublished: shapes.some(([shape]) => ownOf(shape, after, terms, now).isChanged),
    changes,
  }
}

function applyEntry(
  shape: Shape,
  entry: EntryRecord,
  source: Source,
  { states, ledger }: SubjectData,
  { keep, regions }: Terms,
  now: number,
): Applied {
  const { text, kind } = shape
  const [state, account] = [states.get(text), ledger.accounts.get(text)]
  const last = account === undefined ? undefined : partOf(account.parts, source.region)
  if (last !== undefined && source.version <= last.version) return { result: 'old', wait: 0 }
  if (kind !== 'bucket') return applyWindow(shape, state, account, entry, source, now)
  return applyBucket(shape, state, states.get(takenName(text)), account, entry, { ...source, keep, regions }, now)
}

function shapeOfEntry(entry: EntryRecord): readonly (readonly [Shape, EntryRecord])[] | undefined {
  const { text, N, P, burst } = entry
  const kind = kindOf(text)
  return kind === undefined ? undefined : [[{ text, kind, N, P, burst }, entry]]
}

/** Forgets what was counted of these limits, here and, by the next record, in all regions. */
export function reset(shapes: readonly Shape[], data: SubjectData, { keep }: Terms, now: number): Changes {
  const accounts = new Map(shapes.map((shape) => [shape.text, resetAccount(shape, data, keep, now)]))
  const states = new Map(shapes.flatMap(({ text }) => [[text, undefined] as const, [takenName(text), undefined] as const]))
  return { states, ledger: withAccounts(data.ledger, accounts, now) }
}

function resetAccount(shape: Shape, { states, ledger }: SubjectData, keep: number, now: number): Account {
  const known = ledger.accounts.get(shape.text) ?? NO_ACCOUNT
  // A reset is later than those before it, also where two clocks differ.
  const later = Math.max(now, known.reset + 1)
  const parts = known.parts.map((part) => ({ ...part, first: 0, units: 0, before: 0, at: 0 }))
  const forgot = { ...NO_ACCOUNT, parts }
  if (shape.kind === 'bucket') return { ...forgot, reset: later, publishedReset: known.publishedReset, until: now + 2 * keep * 1000 }
  const { until } = windowAt(shape, states.get(shape.text), known, now)
  return { ...forgot, first: until, reset: later, publishedReset: known.publishedReset, until: keptUntil(shape, until) }
}

function merged(states: ReadonlyMap<string, Numbers>, changed: ReadonlyMap<string, Numbers | undefined>): ReadonlyMap<string, Numbers> {
  const after = new Map(states)
  for (const [text, numbers] of changed) {
    if (numbers === undefined) after.delete(text)
    else after.set(text, numbers)
  }
  return after
}
