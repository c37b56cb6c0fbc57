// The scenarios of `npm run simulate:regions`.
import { fixedWindow, type Limit } from '@sluice/core'
import { type Random, zipf } from '../simulation/random.ts'

/** One request: whose it is, and the region that it comes to. */
export interface Request {
  readonly subject: number
  readonly region: number
}

export interface RegionScenario {
  readonly name: string
  readonly regions: number
  /** In each region. */
  readonly processes: number
  /** How many subjects there are. Each is asked for at least once if `isEachAsked`. */
  readonly subjects: number
  readonly isEachAsked: boolean
  /** ms between two exchanges of a process. */
  readonly interval: number
  /** ms: the shortest and the longest way of a message. */
  readonly way: readonly [least: number, most: number]
  readonly limit: Limit
  readonly seconds: number
  /** Costs are counted from this second on. */
  readonly countedFrom: number
  /** Requests a second of all regions together, beside those of `isEachAsked`. */
  readonly demand: number
  /** The requests that come at this time (s), for one arrival. */
  readonly traffic: (random: Random, second: number) => readonly Request[]
}

const LIMIT = 120
const { limit } = fixedWindow({ name: 'minute', limit: LIMIT, window: '1m' })
/** The part of the requests of a client that does not come to its own region. */
const AWAY = 0.1

/** `size` scales the processes, the subjects and the load. */
export function regionScenarios(size = 1): readonly RegionScenario[] {
  const regions = 10
  const count = (n: number): number => Math.max(1, Math.round(n * size))
  const common = { regions, processes: count(1_000), interval: 1_000, way: [100, 150] as const, limit }
  const crowd = { ...common, subjects: count(1_000_000), isEachAsked: true, seconds: 15, countedFrom: 10 }
  const error = { ...common, isEachAsked: false, seconds: 60, countedFrom: 0 }
  const busy = Math.max(10, count(200))
  const atHome =
    (draw: (random: Random) => number) =>
    (random: Random): readonly Request[] => {
      const subject = draw(random)
      return [{ subject, region: random.next() < AWAY ? random.below(regions) : subject % regions }]
    }
  const evenly = (random: Random): readonly Request[] => [{ subject: random.below(busy), region: random.below(regions) }]
  const perMinute = (requests: number): number => (busy * requests) / 60
  const active = (n: number): RegionScenario => ({
    ...crowd,
    name: `a million subjects, ${n.toLocaleString('en')} of them at half their limit`,
    demand: count(n),
    traffic: atHome((random) => random.below(count(n))),
  })
  return [
    { ...crowd, name: 'a million subjects, each far below its limit', demand: 0, traffic: () => [] },
    active(1_000),
    active(10_000),
    { ...crowd, name: 'a million subjects, Zipf', demand: count(20_000), traffic: atHome(zipf(count(1_000_000), 1)) },
    {
      ...error,
      name: 'each client in one region, 2 × its limit',
      subjects: busy,
      demand: perMinute(2 * LIMIT),
      traffic: (random) => {
        const subject = random.below(busy)
        return [{ subject, region: subject % regions }]
      },
    },
    {
      ...error,
      name: 'each client in another region every 5 s, 2 × its limit',
      subjects: busy,
      demand: perMinute(2 * LIMIT),
      traffic: (random, second) => {
        const subject = random.below(busy)
        return [{ subject, region: (subject + Math.floor(second / 5)) % regions }]
      },
    },
    { ...error, name: 'evenly in all regions, 2 × the limit', subjects: busy, demand: perMinute(2 * LIMIT), traffic: evenly },
    { ...error, name: 'evenly in all regions, 10 × the limit', subjects: busy, demand: perMinute(10 * LIMIT), traffic: evenly },
    {
      ...error,
      name: 'the whole limit at once in all regions',
      subjects: busy,
      demand: busy / 60,
      traffic: (random) => {
        const subject = random.below(busy)
        return Array.from({ length: regions * LIMIT }, (_, i) => ({ subject, region: i % regions }))
      },
    },
  ]
}
