import { hash32 } from '../hashing/hash32.ts'

/** One request that is under way. */
export interface Holder {
  readonly id: string
  /** Microseconds since the epoch. */
  readonly expires: number
}

/** Some holders, and when the first and the last of them expire: `NEVER` and 0 without any. */
interface Bucket {
  readonly holders: readonly Holder[]
  readonly earliest: number
  readonly latest: number
}

/**
 * Holders by the hash of their id: a change copies one bucket, and not all holders. Buckets are a power of two, about the square root of
 * the number of holders.
 */
export interface Holders {
  readonly buckets: readonly Bucket[]
  /** How many there are, with those that a store has left out: no outcome depends on them. */
  readonly count: number
  /** Of those that are listed. */
  readonly earliest: number
  readonly latest: number
}

/** So many holders are in one bucket. */
const FEW = 16

/** Later than any expiry. Not `Infinity`, which JSON does not have: some stores keep states as JSON. */
const NEVER = Number.MAX_SAFE_INTEGER

const EMPTY: Bucket = Object.freeze({ holders: [], earliest: NEVER, latest: 0 })
export const NO_HOLDERS: Holders = Object.freeze({ buckets: [EMPTY], count: 0, earliest: NEVER, latest: 0 })

/** `others`: how many there are that are not listed. They expire neither first nor last, also after what one decision can change. */
export function holdersOf(list: readonly Holder[], others = 0): Holders {
  const size = list.length <= FEW ? 1 : 2 ** Math.ceil(Math.log2(list.length / 2) / 2)
  const groups: Holder[][] = Array.from({ length: size }, () => [])
  for (const holder of list) groups[indexOf(holder.id, size)]?.push(holder)
  return summarized(groups.map(bucketOf), list.length + others)
}

export function listHolders({ buckets }: Holders): readonly Holder[] {
  return buckets.length === 1 ? (buckets[0] as Bucket).holders : buckets.flatMap(({ holders }) => holders)
}

/** Without the holders that have expired. */
export function liveHolders(all: Holders, now: number): Holders {
  if (all.earliest > now) return all
  const list = listHolders(all)
  const live = list.filter(({ expires }) => expires > now)
  return holdersOf(live, all.count - list.length)
}

export function findHolder({ buckets }: Holders, id: string): Holder | undefined {
  return buckets[indexOf(id, buckets.length)]?.holders.find((holder) => holder.id === id)
}

/** `holder` must not be one of them. */
export function withHolder(all: Holders, holder: Holder): Holders {
  const { buckets, count } = all
  const size = buckets.length
  if (count >= (size === 1 ? FEW : 2 * size * size)) return relisted(all, (list) => [...list, holder])
  const index = indexOf(holder.id, size)
  return summarized(replaced(buckets, index, bucketOf([...(buckets[index] as Bucket).holders, holder])), count + 1)
}

/** `holder` must be one of them. */
export function withoutHolder(all: Holders, holder: Holder): Holders {
  const { buckets, count } = all
  const size = buckets.length
  const isNot = (other: Holder): boolean => other !== holder
  if (size > 1 && count <= (size * size) / 8) return relisted(all, (list) => list.filter(isNot))
  const index = indexOf(holder.id, size)
  return summarized(replaced(buckets, index, bucketOf((buckets[index] as Bucket).holders.filter(isNot))), count - 1)
}

/** With another number of buckets. Seldom enough that a change takes constant time for it. */
function relisted(all: Holders, change: (list: readonly Holder[]) => readonly Holder[]): Holders {
  const list = listHolders(all)
  return holdersOf(change(list), all.count - list.length)
}

function replaced(buckets: readonly Bucket[], index: number, bucket: Bucket): readonly Bucket[] {
  const copy = buckets.slice()
  copy[index] = bucket
  return copy
}

function bucketOf(holders: readonly Holder[]): Bucket {
  let earliest = NEVER
  let latest = 0
  for (const { expires } of holders) {
    if (expires < earliest) earliest = expires
    if (expires > latest) latest = expires
  }
  return { holders, earliest, latest }
}

function summarized(buckets: readonly Bucket[], count: number): Holders {
  let earliest = NEVER
  let latest = 0
  for (const bucket of buckets) {
    if (bucket.earliest < earliest) earliest = bucket.earliest
    if (bucket.latest > latest) latest = bucket.latest
  }
  return { buckets, count, earliest, latest }
}

/** `size` is a power of two. */
function indexOf(id: string, size: number): number {
  return size === 1 ? 0 : hash32(id) & (size - 1)
}
