import type { Limit } from '@sluice/core'
import { rateOf } from '@sluice/core/algorithms'
import type { Numbers } from './types.ts'

interface Bucket {
  /** Credits that are missing, in units of 1/P of a token, at `at` (µs). */
  credits: number
  at: number
  /** When it had been filled again last (µs). */
  fullAt: number
  /** Units that the region took less those given back, since the start of the history or its last reset. */
  taken: number
  /** When the first unit was taken since the bucket was full for longer than `keep` (µs), and `taken` before it. */
  birth: number
  takenAtBirth: number
  /** The latest reset (µs). */
  reset: number
  /** Other credits that it may lack after the record that it heard last. */
  alternative: number | undefined
}

interface Snapshot {
  readonly order: number
  readonly taken: number
  readonly takenAtBirth: number
  readonly birth: number
  readonly missing: number
  readonly at: number
  readonly reset: number
}

/** Computes what each region's bucket must lack, from the history alone: what it took, and what it heard that others took. */
export class BucketOracle {
  readonly limit: Limit
  private readonly buckets: Bucket[]
  private readonly known: Map<number, Snapshot>[]
  private readonly keep: number
  private readonly generations: number[]

  /** @param keep ms */
  constructor(limit: Limit, regions: number, keep: number) {
    this.limit = limit
    this.keep = keep
    this.generations = Array.from({ length: regions }, () => 0)
    this.buckets = Array.from({ length: regions }, newBucket)
    this.known = Array.from({ length: regions }, () => new Map())
  }

  took(region: number, units: number, now: number): void {
    if (units === 0) return
    const bucket = this.refilled(region, now)
    this.endBirth(bucket, now)
    if (bucket.birth === 0) {
      bucket.birth = now
      bucket.takenAtBirth = bucket.taken
    }
    bucket.taken += units
    bucket.credits = Math.max(0, bucket.credits + units * rateOf(this.limit).P)
    this.mark(bucket)
  }

  /** Changes when what was taken before is forgotten, so that a give-back of it would be of units that others took. */
  generation(region: number): number {
    return this.generations[region] as number
  }

  lost(region: number): void {
    this.generations[region] = (this.generations[region] as number) + 1
    this.buckets[region] = newBucket()
    this.known[region] = new Map()
  }

  reset(region: number, at: number): void {
    const bucket = this.buckets[region] as Bucket
    if (at <= bucket.reset) return
    this.generations[region] = (this.generations[region] as number) + 1
    this.buckets[region] = { ...newBucket(), reset: at }
    // Which record came last stays known, so that an older one is still old.
    for (const [from, { order }] of this.known[region] ?? []) this.known[region]?.set(from, forgotten(order))
  }

  /** A region resets by itself: later than all resets that it knows, also of a region whose clock is ahead. `now`: µs. */
  resetNow(region: number, now: number): void {
    this.reset(region, Math.max(now, (this.buckets[region]?.reset ?? 0) + 1))
  }

  snapshot(region: number, order: number, now: number): Snapshot {
    const bucket = this.refilled(region, now)
    const { taken, takenAtBirth, birth, credits, reset } = bucket
    return { order, taken, takenAtBirth, birth, missing: Math.ceil(credits / rateOf(this.limit).P), at: Math.floor(now / 1000), reset }
  }

  /** A region applied a record. `now`: µs by its clock. Returns units that no bucket had room for. */
  heard(region: number, from: number, snapshot: Snapshot, now: number): void {
    if (snapshot.at < now / 1000 - this.keep) return
    const own = this.buckets[region] as Bucket
    const [reported, mine] = [this.within(snapshot.reset, now), this.within(own.reset, now)]
    const before = this.known[region]?.get(from)
    if (before !== undefined && before.order >= snapshot.order) return
    if (reported < mine) return
    if (reported > mine) this.reset(region, reported)
    const known = this.known[region]?.get(from)
    const isSame = known !== undefined && known.birth === snapshot.birth
    const difference = snapshot.taken - (isSame ? known.taken : snapshot.takenAtBirth)
    const since = Math.max(known?.at ?? 0, snapshot.birth / 1000)
    const isAfterGap = snapshot.at - since > this.keep
    const units = isAfterGap ? Math.min(difference, snapshot.missing) : difference
    this.known[region]?.set(from, snapshot)
    const { P, burst } = rateOf(this.limit)
    const bucket = this.refilled(region, now)
    this.endBirth(bucket, now)
    const most = this.buckets.length * burst * P
    // A region that has forgotten the other charges all that it took since its birth, as far as it misses it.
    const whole = Math.min(snapshot.taken - snapshot.takenAtBirth, snapshot.missing)
    bucket.alternative = isAfterGap ? Math.max(bucket.credits, Math.min(most, bucket.credits + whole * P)) : undefined
    if (units === 0) return
    bucket.credits =
      units > 0 ? Math.max(bucket.credits, Math.min(most, bucket.credits + units * P)) : Math.max(0, bucket.credits + units * P)
    // A give-back of others does not make the bucket forget when its first unit was taken.
    const { fullAt } = bucket
    this.mark(bucket)
    bucket.fullAt = bucket.credits === 0 ? fullAt : Math.max(bucket.fullAt, fullAt)
  }

  /** What is wrong with the state of a region; `undefined` if it lacks what it must. `now`: µs by its clock. */
  problem(region: number, numbers: Numbers | undefined, now: number): string | undefined {
    const expected = this.refilled(region, now).credits
    const credits = creditsOf(this.limit, numbers, now)
    const bucket = this.buckets[region] as Bucket
    if (credits !== expected && credits === bucket.alternative) {
      bucket.credits = credits
      this.mark(bucket)
      return undefined
    }
    return credits === expected ? undefined : `lacks ${credits} credits, ${expected} were taken here or heard of`
  }

  /** A give-back that fills a bucket, and a forced charge that empties it, take a fraction of a unit that they do not name. */
  adopt(region: number, numbers: Numbers | undefined, now: number): void {
    const bucket = this.refilled(region, now)
    const credits = creditsOf(this.limit, numbers, now)
    if (credits === bucket.credits || Math.abs(credits - bucket.credits) >= rateOf(this.limit).P) return
    bucket.credits = credits
    this.mark(bucket)
  }

  /** How many credits more than a full bucket a region would lack; 0 or less if none. */
  excess(region: number, now: number): number {
    const { P, burst } = rateOf(this.limit)
    return this.refilled(region, now).credits - burst * P
  }

  private refilled(region: number, now: number): Bucket {
    const bucket = this.buckets[region] as Bucket
    bucket.credits = Math.max(0, bucket.credits - Math.max(0, now - bucket.at) * rateOf(this.limit).N)
    // A fraction of a µs before the end, Redis reads the bucket as full.
    bucket.at = Math.max(bucket.at, now)
    return bucket
  }

  private endBirth(bucket: Bucket, now: number): void {
    if (now <= bucket.fullAt + this.keep * 1000) return
    // Nothing was taken since, also if a record says so before the next unit is taken.
    bucket.birth = 0
    bucket.takenAtBirth = bucket.taken
  }

  private mark(bucket: Bucket): void {
    bucket.fullAt = bucket.at + Math.floor(bucket.credits / rateOf(this.limit).N)
  }

  private within(reset: number, now: number): number {
    return reset > now - this.keep * 1000 ? reset : 0
  }
}

function forgotten(order: number): Snapshot {
  return { order, taken: 0, takenAtBirth: 0, birth: -1, missing: 0, at: 0, reset: 0 }
}

function creditsOf(limit: Limit, numbers: Numbers | undefined, now: number): number {
  return numbers === undefined || numbers[0] < now ? 0 : (numbers[0] - now) * rateOf(limit).N + numbers[1]
}

function newBucket(): Bucket {
  return { credits: 0, at: 0, fullAt: 0, taken: 0, birth: 0, takenAtBirth: 0, reset: 0, alternative: undefined }
}
