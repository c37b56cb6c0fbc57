// How far the regions together exceed a limit, beside what they may by the bound of docs/regions.md.
import type { RegionScenario } from './scenario.ts'

/** Of the subjects that were over their limit. Numbers are parts of the limit. */
export interface Excess {
  readonly subjects: number
  readonly mean: number
  readonly worst: number
  /** The bound of the worst one, when it was admitted last. */
  readonly bound: number
  /** Admissions above their bound. Anything but 0 fails. */
  readonly violations: number
}

/** What the regions have admitted of one subject. */
interface Subject {
  total: number
  readonly byRegion: Uint32Array
  /** The latest admissions. */
  readonly recent: { readonly at: number; readonly region: number }[]
  /** µs of the first record, by region. */
  readonly publishedAt: Map<number, number>
  /** Units that others admitted and this region may not know, at the last admission. */
  bound: number
}

/** Checks each admission above the limit: how many units of others has its region not counted, and how many may these be? */
export class ErrorMeter {
  private readonly limit: number
  private readonly scenario: RegionScenario
  private readonly countOf: (region: number, subject: number) => number
  private readonly subjects = new Map<number, Subject>()
  private violations = 0
  /** µs in which what others admitted may not have been applied. */
  private readonly lag: number
  private readonly way: number

  /**
   * @param countOf what the store of a region counts
   * @param strictness 1; less for a bound that is too low, to see that it fails
   */
  constructor(limit: number, scenario: RegionScenario, countOf: (region: number, subject: number) => number, strictness: number) {
    this.limit = limit
    this.scenario = scenario
    this.countOf = countOf
    this.way = scenario.way[1] * 1_000
    this.lag = (1_750 * scenario.interval + this.way) * strictness
  }

  /** A region has admitted one unit. `now`: µs. */
  admitted(id: number, region: number, now: number): void {
    const subject = this.subjectOf(id)
    const { byRegion, recent } = subject
    subject.total += 1
    byRegion[region] = (byRegion[region] ?? 0) + 1
    while (recent[0] !== undefined && recent[0].at < now - this.lag) recent.shift()
    recent.push({ at: now, region })
    if (subject.total <= this.limit) return
    subject.bound = this.unknownTo(region, subject, now)
    const unapplied = subject.total - this.countOf(region, id)
    if (unapplied > subject.bound || subject.total - this.limit > unapplied) this.violations += 1
  }

  /** A region has published its count. */
  published(id: number, region: number, now: number): void {
    const { publishedAt } = this.subjectOf(id)
    if (!publishedAt.has(region)) publishedAt.set(region, now)
  }

  excess(): Excess {
    let [sum, size, worst, bound] = [0, 0, 0, 0]
    for (const subject of this.subjects.values()) {
      const excess = subject.total - this.limit
      if (excess <= 0) continue
      sum += excess
      size += 1
      if (excess <= worst) continue
      worst = excess
      bound = subject.bound
    }
    const part = (units: number): number => units / this.limit
    return { subjects: size, mean: size === 0 ? 0 : part(sum / size), worst: part(worst), bound: part(bound), violations: this.violations }
  }

  private subjectOf(id: number): Subject {
    let subject = this.subjects.get(id)
    if (subject === undefined) {
      const byRegion = new Uint32Array(this.scenario.regions)
      this.subjects.set(id, (subject = { total: 0, byRegion, recent: [], publishedAt: new Map(), bound: 0 }))
    }
    return subject
  }

  /** What the others admitted within the lag, and what those hide whose count is below `minimum`. */
  private unknownTo(region: number, { byRegion, recent, publishedAt }: Subject, now: number): number {
    let units = 0
    byRegion.forEach((all, other) => {
      if (other === region) return
      const late = recent.filter((each) => each.region === other).length
      const isHidden = (publishedAt.get(other) ?? Infinity) > now - this.way
      units += isHidden ? all : late
    })
    return units
  }
}
