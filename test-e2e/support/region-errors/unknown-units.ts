// The bound of docs/regions.md, from what was admitted where and when.

/** Times are ms, by one clock. */
export interface Admission {
  readonly region: number
  readonly asked: number
  readonly answered: number
}

/** Parts of the limit. */
export interface Found {
  readonly admitted: number
  /** How far the regions together exceeded the limit. */
  readonly error: number
  /** How far they may. */
  readonly bound: number
}

export interface BoundTerms {
  readonly limit: number
  readonly regions: number
  /** ms in which what others admitted may not have been counted. */
  readonly lag: number
}

/** `U`: what others admitted within the lag before the last admission, and what a region with less than `minimum` had not published. */
export function foundOf(admissions: readonly Admission[], { limit, regions, lag }: BoundTerms): Found {
  const last = admissions.toSorted((a, b) => a.answered - b.answered).at(-1)
  if (last === undefined) return { admitted: 0, error: 0, bound: 0 }
  const minimum = Math.min(0.1, 1 / (2 * regions)) * limit
  let unknown = 0
  for (let region = 0; region < regions; region++) {
    if (region === last.region) continue
    const own = admissions.filter((each) => each.region === region)
    const old = own.filter(({ answered }) => answered < last.asked - lag).length
    unknown += own.length - (old < minimum ? 0 : old)
  }
  return { admitted: admissions.length / limit, error: Math.max(0, admissions.length - limit) / limit, bound: unknown / limit }
}
