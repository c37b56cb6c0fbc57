import { type Applied, newlyOver, type Source } from './applied.ts'
import type { Account, Numbers, Part } from './ledger.ts'
import { NO_ACCOUNT, partOf, withPart } from './ledger.ts'
import type { EntryRecord } from './record.ts'
import { type Shape, startOf, untilOf } from './shape.ts'

/** ms. A window that begins later by the clock of this region comes from a region whose clock is wrong. */
const MAX_AHEAD = 60_000

/** A window of a subject: the state and its account, both of the same window. */
export interface WindowState {
  readonly until: number
  readonly count: number
  readonly before: number
  readonly account: Account
}

/** The window of a state at a time (µs). A state that is absent has lost what other regions put there, so the account forgets it too. */
export function windowAt(shape: Shape, state: Numbers | undefined, account: Account | undefined, now: number): WindowState {
  const known = account ?? NO_ACCOUNT
  const current = currentUntil(shape, now)
  if (state === undefined || isOver(shape, state[0], current, now)) {
    return { until: current, count: 0, before: 0, account: forgotten(known, current) }
  }
  const [until, count, before] = state
  const target = Math.max(until, current)
  // The account may be of a later window than the state, since a publication changes only the account.
  return { ...moved(shape, { until, count, before, account: known }, target), account: moveAccount(shape, known, target) }
}

/** The window of the same subject that counts until a later time. */
function moved(shape: Shape, state: WindowState, until: number): WindowState {
  if (until <= state.until) return state
  const isNext = shape.kind === 'sliding' && until === state.until + shape.P * 1000
  return { until, count: 0, before: isNext ? Math.max(0, state.count) : 0, account: moveAccount(shape, state.account, until) }
}

function moveAccount(shape: Shape, account: Account, until: number): Account {
  // After the clock has stepped back, the counts of a window move to the window before it.
  if (account.first >= until) return account.first === until ? account : { ...account, first: until }
  if (shape.kind === 'sliding' && account.first === until - shape.P * 1000) {
    const { foreign, published } = account
    return { ...account, first: until, foreign: 0, foreignBefore: foreign, published: 0, publishedBefore: published }
  }
  return { ...account, first: until, foreign: 0, foreignBefore: 0, published: 0, publishedBefore: 0 }
}

function forgotten(account: Account, until: number): Account {
  const parts = account.parts.map((part) => ({ ...part, units: 0, before: 0 }))
  return { ...account, first: until, foreign: 0, foreignBefore: 0, published: 0, publishedBefore: 0, parts }
}

/** Until when the window of now counts. 0 for a fixed window that is not known, since a calendar says where it starts. */
function currentUntil({ kind, P, start }: Shape, now: number): number {
  const ms = Math.floor(now / 1000)
  if (kind === 'sliding') return (ms - (ms % P) + 2 * P) * 1000
  return start !== undefined && ms >= start && ms < start + P ? (start + P) * 1000 : 0
}

function isOver({ kind, P }: Shape, until: number, current: number, now: number): boolean {
  return kind === 'sliding' ? until < current - P * 1000 : until <= now
}

/** This region's own units of the window and the one before: what was counted, less what other regions put there. */
export function ownUnits({ count, before, account }: WindowState): { readonly units: number; readonly before: number } {
  return { units: count - account.foreign, before: before - account.foreignBefore }
}

/** Until when an account of a window is kept: a window longer than the state, for records that come late. */
export function keptUntil({ P }: Shape, until: number): number {
  return until + P * 1000
}

/** Applies what another region has counted to a window: what is more than was applied is charged, what is less is given back. */
export function applyWindow(
  shape: Shape,
  state: Numbers | undefined,
  account: Account | undefined,
  record: EntryRecord,
  source: Source,
  now: number,
): Applied {
  const mine = windowAt(shape, state, account, now)
  const until = untilOf(shape, record.start)
  const wait = record.start - Math.floor(now / 1000)
  if (wait > 0 && until > mine.until) return wait > MAX_AHEAD ? { result: 'ahead', wait } : { result: 'early', wait }
  const oldest = shape.kind === 'sliding' ? mine.until - shape.P * 1000 : mine.until
  if (until <= now || until < oldest) return { result: 'late', wait: 0 }
  const target = withReset(shape, moved(shape, mine, until), record.reset)
  const after = charged(shape, target, record, { ...source, until })
  const { count, before, account: changed } = after
  return {
    result: 'done',
    wait: 0,
    state: [after.until, count, before],
    account: { ...changed, until: keptUntil(shape, after.until) },
    over: newlyOver(target.count, count, shape.N),
    forgiven: 0,
  }
}

/** Whether a reset concerns the window that counts until then: only what was counted before it is forgotten. */
function resetIn(shape: Shape, until: number, reset: number): number {
  return reset >= startOf(shape, until) * 1000 ? reset : 0
}

/** The latest reset that still concerns a window which counts; 0 for none. */
export function resetSince(shape: Shape, { until, account }: WindowState): number {
  return resetIn(shape, shape.kind === 'sliding' ? until - shape.P * 1000 : until, account.reset)
}

/** The window after a reset. A later one than the known one forgets the windows that had begun. */
function withReset(shape: Shape, state: WindowState, reset: number): WindowState {
  const { until, account } = state
  const previous = until - shape.P * 1000
  if (resetIn(shape, previous, reset) <= resetIn(shape, previous, account.reset)) return state
  const isCurrent = resetIn(shape, until, reset) > 0
  const parts = account.parts.map((part) => forgetPart(part, until, isCurrent))
  const forgot = { ...account, parts, reset, publishedReset: reset, foreignBefore: 0, publishedBefore: 0 }
  if (!isCurrent) return { until, count: state.count, before: 0, account: forgot }
  return { until, count: 0, before: 0, account: { ...forgot, foreign: 0, published: 0 } }
}

/** A part without the units of the windows that a reset forgets: the one before `until`, and that itself if `isCurrent`. */
function forgetPart(part: Part, until: number, isCurrent: boolean): Part {
  const isSame = part.first === until
  return { ...part, units: isSame && !isCurrent ? part.units : 0, before: 0 }
}

/** Units of a part, or of a record, in the window that counts until then; `undefined` if it says nothing of that window. */
function unitsIn(shape: Shape, first: number, units: number, before: number, until: number): number | undefined {
  if (first === until) return units
  if (shape.kind === 'sliding' && first === until + shape.P * 1000) return before
  return first > until ? 0 : undefined
}

function charged(shape: Shape, state: WindowState, record: EntryRecord, source: Source & { readonly until: number }): WindowState {
  const { until, account } = state
  const { region, version, at } = source
  const part = partOf(account.parts, region)
  const difference = (window: number): { readonly units: number; readonly known: number } => {
    const known = (part === undefined ? undefined : unitsIn(shape, part.first, part.units, part.before, window)) ?? 0
    // A record from before a reset still has the units that the reset forgot.
    const isOld = resetIn(shape, window, record.reset) < resetIn(shape, window, account.reset)
    const reported = isOld ? undefined : unitsIn(shape, source.until, record.units, record.before, window)
    return { units: (reported ?? known) - known, known: reported ?? known }
  }
  const current = difference(until)
  const previous = shape.kind === 'sliding' ? difference(until - shape.P * 1000) : { units: 0, known: 0 }
  // A state has no negative units of the window before.
  const before = Math.max(0, state.before + previous.units)
  return {
    until,
    count: state.count + current.units,
    before,
    account: {
      ...account,
      foreign: account.foreign + current.units,
      foreignBefore: account.foreignBefore + before - state.before,
      parts: withPart(account.parts, { region, version, first: until, units: current.known, before: previous.known, at }),
    },
  }
}
