// The scenarios of the simulation.
import { fixedWindow, type Limit, slidingWindow, tokenBucket } from '@sluice/core'
import type { Layers, Network, ClockError } from './instance.ts'

/** For each kind of event, the mean number of seconds between two in one process. */
export interface Disturbances {
  readonly pauses: number
  /** Maximum length of a pause in ms. */
  readonly longest: number
  /** A killed process is replaced a little later. */
  readonly kills: number
  /** Steps of the time of day by up to 1 s, forward or back. */
  readonly steps: number
}

export interface Scenario {
  readonly name: string
  readonly instances: number
  readonly seconds: number
  /** Requests per second of all processes together. */
  readonly demand: number
  readonly limit: Limit
  /** Number of subjects. With `zipf` s, the k-th has the weight 1/k^s. */
  readonly subjects: number
  readonly zipf?: number | undefined
  readonly layers: Layers
  readonly network: Network
  readonly clockError: ClockError
  readonly disturbances?: Disturbances | undefined
}

const NETWORK: Network = { least: 0.2, mean: 0.3, loss: 0 }
const BAD: Network = { least: 0.2, mean: 1.5, loss: 0.002 }
const CLOCK_ERROR: ClockError = { offset: 5_000, drift: 200e-6 }
const DISTURBANCES: Disturbances = { pauses: 3, longest: 600, kills: 15, steps: 5 }
const ALL: Layers = { denyCache: true, leases: {} }
/** Leases already at 10 requests, since each process sees few requests of a subject. */
const EARLY: Layers = { denyCache: true, leases: { hot: 10 } }
const CACHE: Layers = { denyCache: true, leases: false }

const hot = { subjects: 1, layers: ALL, network: NETWORK, clockError: CLOCK_ERROR }
const disturbed = { ...hot, network: BAD, disturbances: DISTURBANCES }
const zipf = { ...disturbed, subjects: 10_000, zipf: 1.1, instances: 100, seconds: 2.5, demand: 40_000 }

/** `size` scales the number of processes, the load and the limits. */
export function scenarios(size = 1): readonly Scenario[] {
  const bucket = (limit: number, burst: number): Limit =>
    tokenBucket({ name: 'bucket', limit: limit * size, window: '1s', burst: burst * size }).limit
  const fixed = (limit: number): Limit => fixedWindow({ name: 'fixed', limit: limit * size, window: '2s' }).limit
  const sliding = (limit: number): Limit => slidingWindow({ name: 'sliding', limit: limit * size, window: '2s' }).limit
  const all: readonly Scenario[] = [
    { name: 'bucket, below the limit', ...hot, instances: 100, seconds: 5, demand: 10_000, limit: bucket(20_000, 100_000) },
    { name: 'bucket, 3 × above', ...hot, instances: 100, seconds: 5, demand: 12_000, limit: bucket(4_000, 20_000) },
    { name: 'fixed window, 2 × above', ...hot, instances: 100, seconds: 5, demand: 12_000, limit: fixed(12_000) },
    { name: 'sliding window, 2 × above', ...hot, instances: 100, seconds: 5, demand: 12_000, limit: sliding(12_000) },
    { name: 'bucket, below, disturbed', ...disturbed, instances: 1_000, seconds: 2, demand: 60_000, limit: bucket(80_000, 400_000) },
    { name: 'bucket, 3 × above, disturbed', ...disturbed, instances: 300, seconds: 4, demand: 24_000, limit: bucket(8_000, 40_000) },
    { name: 'fixed window, 2 × above, disturbed', ...disturbed, instances: 300, seconds: 4, demand: 24_000, limit: fixed(24_000) },
    { name: 'sliding window, 2 × above, disturbed', ...disturbed, instances: 300, seconds: 4, demand: 24_000, limit: sliding(24_000) },
    { name: 'Zipf, buckets, all below, disturbed', ...zipf, limit: bucket(8_000, 32_000), layers: EARLY },
    { name: 'Zipf, fixed windows, few above, disturbed', ...zipf, limit: fixed(2_000), layers: EARLY },
    { name: 'the same, deny cache alone', ...zipf, limit: fixed(2_000), layers: CACHE },
  ]
  return all.map((one) => ({ ...one, instances: Math.ceil(one.instances * size), demand: one.demand * size }))
}
