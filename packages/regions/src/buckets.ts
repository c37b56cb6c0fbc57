import { type Applied, newlyOver, type Source } from './applied.ts'
import { type Account, NO_ACCOUNT, type Numbers, type Part, partOf, withPart } from './ledger.ts'
import type { EntryRecord } from './record.ts'
import type { Shape } from './shape.ts'

/**
 * The second entry of a bucket: until when it counts (µs), units taken less units given back, and the birth (µs): when its first unit was
 * taken. It lives `keep` longer than the bucket takes to fill.
 */
export type Taken = Numbers

/** µs and credits that are missing: `missing * N + rest` credits. */
interface Deficit {
  readonly missing: number
  readonly rest: number
}

function deficitOf({ N }: Shape, state: Numbers | undefined, now: number): Deficit {
  if (state === undefined || state[0] < now) return { missing: 0, rest: 0 }
  const [full, rest, rate] = state
  // The remainder belongs to another rate: it is rounded up, so that a changed limit gives nothing back.
  return rest === 0 || rate === N ? { missing: full - now, rest } : { missing: full - now + 1, rest: 0 }
}

/** Units that are missing now, rounded up. */
export function missingUnits(shape: Shape, state: Numbers | undefined, now: number): number {
  const { missing, rest } = deficitOf(shape, state, now)
  // A bucket in long debt has no exact product.
  return missing > Number.MAX_SAFE_INTEGER / (2 * shape.N)
    ? Math.ceil(missing / (shape.P / shape.N))
    : Math.ceil((missing * shape.N + rest) / shape.P)
}

function bucketOf({ N }: Shape, credits: number, now: number): Numbers {
  const rest = credits % N
  return [now + Math.floor(credits / N), rest, rest > 0 ? N : 0]
}

/**
 * The second entry after a charge (units above 0) or a give-back (below 0) that left the bucket full at `full` (µs). `undefined` if no unit was
 * taken yet: an earlier birth would make the first units look as if they came after a gap, and others would count fewer.
 */
export function takenAfter(taken: Taken | undefined, units: number, full: number, keep: number, now: number): Taken | undefined {
  if (units === 0 && ownTaken(taken, now).birth === 0) return undefined
  const [, before, birth] = taken === undefined || taken[0] < now ? ([0, 0, now] as const) : taken
  return [full + keep * 1000, before + units, birth]
}

/** Units that this region took since the birth of the bucket. */
export function ownTaken(taken: Taken | undefined, now: number): { readonly units: number; readonly birth: number } {
  return taken === undefined || taken[0] < now ? { units: 0, birth: 0 } : { units: taken[1], birth: taken[2] }
}

/** A reset holds for `keep`: no message from before it comes later. */
export function resetWithin(reset: number, now: number, keep: number): number {
  return reset > now - keep * 1000 ? reset : 0
}

interface Terms extends Source {
  /** ms */
  readonly keep: number
  /** How many regions there are. */
  readonly regions: number
}

/** Applies what another region has taken to a bucket: what is more than was applied is taken, what is less is given back. */
export function applyBucket(
  shape: Shape,
  state: Numbers | undefined,
  taken: Taken | undefined,
  account: Account | undefined,
  record: EntryRecord,
  terms: Terms,
  now: number,
): Applied {
  const { region, version, at, keep } = terms
  if (at < now / 1000 - keep) return { result: 'late', wait: 0 }
  const known = account ?? NO_ACCOUNT
  const [reported, mine] = [resetWithin(record.reset, now, keep), resetWithin(known.reset, now, keep)]
  if (reported < mine) return { result: 'late', wait: 0 }
  const isReset = reported > mine
  const parts = isReset ? known.parts.map((part) => ({ ...part, first: 0, units: 0, at: 0 })) : known.parts
  const units = differenceOf(partOf(parts, region), record, terms)
  const { after, forgiven } = chargedBucket(shape, isReset ? undefined : state, units, terms.regions, now)
  const own = isReset || taken === undefined || taken[0] < now ? undefined : taken
  return {
    result: 'done',
    wait: 0,
    state: after,
    taken: own === undefined ? undefined : [Math.max(own[0], (after?.[0] ?? 0) + keep * 1000), own[1], own[2]],
    account: {
      ...known,
      ...(isReset ? { reset: reported, publishedReset: reported, published: 0, first: 0 } : {}),
      parts: withPart(parts, { region, version, first: record.start, units: record.units, before: 0, at }),
      until: now + 2 * keep * 1000,
    },
    over: newlyOver(missingUnits(shape, isReset ? undefined : state, now), missingUnits(shape, after, now), shape.burst),
    forgiven,
  }
}

/** Units that a record has more than was applied. After a long silence they have partly come back. */
function differenceOf(part: Part | undefined, { start, units, before }: EntryRecord, { at, keep }: Terms): number {
  const isSame = part !== undefined && part.first === start
  const difference = isSame ? units - part.units : units
  const since = Math.max(part?.at ?? 0, start / 1000)
  return at - since > keep ? Math.min(difference, before) : difference
}

/** Takes units by force, or gives units back. At most a full bucket and a burst of each other region are missing. */
function chargedBucket(
  shape: Shape,
  state: Numbers | undefined,
  units: number,
  regions: number,
  now: number,
): { readonly after: Numbers | undefined; readonly forgiven: number } {
  const { N, P, burst } = shape
  const { missing, rest } = deficitOf(shape, state, now)
  const most = regions * burst * P
  if (units === 0) return { after: state, forgiven: 0 }
  // Own forced charges may have gone further.
  if (missing > Math.floor(most / N)) return { after: state, forgiven: Math.max(0, units) }
  const credits = missing * N + rest
  if (units < 0) {
    const left = Math.max(0, credits - Math.min(-units, regions * burst) * P)
    return { after: left === 0 ? undefined : bucketOf(shape, left, now), forgiven: 0 }
  }
  const wanted = Math.min(units, regions * burst) * P
  const taken = Math.max(0, Math.min(wanted, most - credits))
  return { after: bucketOf(shape, credits + taken, now), forgiven: units - Math.floor(taken / P) }
}
