import { Random } from './sim-clock.ts'
import type { Heartbeat, RegionBook, RegionsModule, RegionViolation, ShareReading, ShareTable } from './types.ts'

const NAMES = ['eu', 'us', 'ap']
/** ms */
const KEEP = 10_000

interface Region {
  readonly name: string
  book: RegionBook | undefined
  /** ms by which its clock differs. */
  readonly skew: number
  readonly readings: ShareReading[]
}

/**
 * Plays one random history of share tables: they come to each region at another time or never, promises are heard late, processes read the book
 * of their region at random times, a region loses its data and hears of it again, and windows begin. In each window the rights of all regions must be at most the limit. A region may have used
 * the most that one of its processes takes for its rights. What a sliding window has counted weighs in the next one, so there the larger rights
 * of two windows must fit together.
 * @returns the first promise that was broken; `undefined` if all were kept
 */
export function playShares(regions: RegionsModule, seed: number): RegionViolation | undefined {
  const random = new Random(seed)
  const names = NAMES.slice(0, random.int(2, 3))
  const units = random.int(4, 100)
  const kind = random.pick(['fixed', 'sliding'] as const)
  const length = random.pick([3_000, 5_000, 20_000])
  const tables = [1, 2].map((version) => newTable(random, names, version))
  const all: Region[] = names.map((name) => ({ name, book: undefined, skew: random.int(-500, 500), readings: [] }))
  const used = new Map<number, number[]>()
  for (let now = 0; now < 90_000; now += random.int(100, 1_500)) {
    const region = random.pick(all)
    const ms = now + region.skew
    const dice = random.next()
    if (dice < 0.25) call(regions, region, names, ms, { shares: random.pick(tables) })
    else if (dice < 0.5) call(regions, region, names, ms, { heard: heardOf(region, tables, [random.pick(all)]) })
    else if (dice < 0.6) region.readings[random.int(0, 1)] = readingOf(region, ms)
    else if (dice < 0.62) lose(region, ms)
    for (const each of all) use(each, now + each.skew)
    const violation = check(now)
    if (violation !== undefined) return violation
  }
  return undefined

  /** Each process of a region takes its rights of the window of now. */
  function use(region: Region, ms: number): void {
    const start = Math.floor(ms / length) * length
    const place = { self: region.name, all: names, keep: KEEP }
    for (const i of [0, 1]) {
      const reading = region.readings[i]
      let rights = reading === undefined ? undefined : regions.rightsIn({ units, kind, length }, reading, place, start)
      if (rights === undefined) {
        const fresh = readingOf(region, ms)
        region.readings[i] = fresh
        rights = regions.rightsIn({ units, kind, length }, fresh, place, start) ?? 0
      }
      const list = used.get(start) ?? names.map(() => 0)
      const index = names.indexOf(region.name)
      list[index] = Math.max(list[index] as number, rights)
      used.set(start, list)
    }
  }

  /** Its beat asks the others, and theirs say what it had promised. */
  function lose(region: Region, ms: number): void {
    region.book = undefined
    call(regions, region, names, ms, { heard: heardOf(region, tables, all) })
  }

  function readingOf(region: Region, readAt: number): ShareReading {
    return { book: region.book?.shares ?? regions.NO_SHARES, readAt }
  }

  function check(at: number): RegionViolation | undefined {
    for (const [start, list] of used) {
      const before = kind === 'sliding' ? used.get(start - length) : undefined
      const sum = list.reduce((total, rights, i) => total + Math.max(rights, before?.[i] ?? 0), 0)
      if (sum > units)
        return { rule: 'the sum of rights', at, region: names.join(', '), detail: `${sum} of ${units} in the window of ${start}` }
    }
    return undefined
  }
}

/** A process of a region calls its book. */
function call(regions: RegionsModule, region: Region, all: readonly string[], ms: number, changes: Partial<Heartbeat>): void {
  const request = {
    self: region.name,
    all,
    reads: 1,
    shares: undefined,
    heard: [],
    isAsked: false,
    every: 1_000,
    silence: 5_000,
    keep: KEEP,
  }
  const result = regions.heartbeat(region.book, { ...request, ...changes }, ms)
  if (result.result === 'done') region.book = result.book
}

/** What a region hears by beats of others. It knows the tables of its options. */
function heardOf(region: Region, tables: readonly ShareTable[], others: readonly Region[]): Heartbeat['heard'] {
  return others.flatMap(({ name, book }) => {
    if (name === region.name) return []
    const { promised: shares, heard } = book?.shares ?? { promised: [], heard: {} }
    const promised = tables.filter(({ version }) => heard[region.name]?.includes(version) === true)
    return [{ region: name, age: 0, lag: 0, reads: 1, shares, promised }]
  })
}

function newTable(random: Random, names: readonly string[], version: number): ShareTable {
  const first = random.pick([0, 0.1, 0.5, 0.9, 1])
  const of = Object.fromEntries(names.map((name, i) => [name, i === 0 ? first : (1 - first) / (names.length - 1)]))
  return { version, from: version * 30_000 + random.int(-10_000, 10_000), of }
}
