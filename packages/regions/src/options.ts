import { type Charge, SluiceError } from '@sluice/core'
import { invalid, knownOptions } from '@sluice/core/store-kit'
import { ExchangedLimits } from './exchanged.ts'
import { linkTo } from './link.ts'
import type { ShareTable } from './record.ts'
import { regionId, type RegionMode, type RegionPolicyOptions, type Regions } from './regions.ts'
import type { RegionStore } from './region-store.ts'
import type { RegionTransport } from './transport.ts'

/**
 * One limit over several regions, each with its own store.
 * @example
 * ```ts
 * import { regions, type RegionTransport } from '@sluice/regions'
 *
 * declare const transport: RegionTransport
 * const eu = regions({ self: 'eu', all: ['eu', 'us', 'ap'], transport, policies: { billing: 'strict', login: 'local' } })
 * ```
 */
export interface RegionsOptions {
  /** The name of this region. One of `all`. */
  readonly self: string
  /** The names of all regions, from 2 to 64, in the same order everywhere. */
  readonly all: readonly string[]
  /** Carries messages between the regions. */
  readonly transport: RegionTransport
  /** What the regions promise for policies that `policies` does not name. Default: `eventual`. */
  readonly mode?: RegionMode
  /** By name of the policy, what its regions promise. */
  readonly policies?: Readonly<Record<string, RegionMode | RegionPolicyOptions>>
  /** ms between two exchanges, from 50 to 60,000. Each process adds or subtracts up to a fifth at random. Default: 1,000. */
  readonly interval?: number
  /** The part of a limit from which a change is published within 50 ms, above 0 and at most 1. Default: 0.01. */
  readonly urgent?: number
  /** The part of a limit below which a region publishes nothing until another has. From 0 to 1/(2n). Default: 0.1, or 1/(2n) if that is less. */
  readonly minimum?: number
  /** ms for which late messages are distinguished from new ones, from 10 intervals to a day. Default: 60,000. */
  readonly keep?: number
  /** ms without a message after which a region counts as silent. Default: 10,000. */
  readonly silence?: number
  /** What a region may use while another is silent: the whole limit, or the share of the regions that it hears. Default: `whole`. */
  readonly whenSilent?: 'whole' | 'share'
  /** `strict` only: how the rights are divided, from a time on. Default: equally. */
  readonly shares?: { readonly version: number; readonly from: string; readonly of: Readonly<Record<string, number>> }
}

const OPTIONS = ['self', 'all', 'transport', 'mode', 'policies', 'interval', 'urgent', 'minimum', 'keep', 'silence', 'whenSilent', 'shares']
const MODES: readonly unknown[] = ['eventual', 'strict', 'local']
const MAX_REGIONS = 64

/**
 * Describes the regions that share limits, for the option `regions` of a store.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { regions, type RegionTransport } from '@sluice/regions'
 *
 * declare const transport: RegionTransport
 * const us = regions({ self: 'us', all: ['eu', 'us'], transport, interval: 500 })
 * ```
 */
export function regions(options: RegionsOptions): Regions {
  knownOptions('regions()', options, OPTIONS, {})
  const { self, all, transport } = options
  checkNames(all)
  if (!all.includes(self)) throw invalid('regions: self', `one of ${all.join(', ')}`, self)
  if (typeof transport?.publish !== 'function' || typeof transport.subscribe !== 'function') {
    throw invalid('regions: transport', 'a transport with publish and subscribe, such as kafkaTransport() or streamTransport()', transport)
  }
  const interval = numberIn('interval', options.interval ?? 1_000, 50, 60_000)
  const most = 1 / (2 * all.length)
  const whenSilent = options.whenSilent ?? 'whole'
  if (whenSilent !== 'whole' && whenSilent !== 'share') throw invalid('regions: whenSilent', "'whole' or 'share'", whenSilent)
  const policies = policiesOf(options)
  const others = policyOf('mode', options.mode ?? 'eventual')
  const policy = (name: string): Required<RegionPolicyOptions> => policies.get(name) ?? others
  const limits = new ExchangedLimits((name) => policy(name).mode, interval)
  const described: Regions = Object.freeze({
    self,
    all: Object.freeze([...all]),
    index: all.indexOf(self),
    transport,
    interval,
    urgent: numberIn('urgent', options.urgent ?? 0.01, Number.MIN_VALUE, 1),
    minimum: numberIn('minimum', options.minimum ?? Math.min(0.1, most), 0, most),
    keep: numberIn('keep', options.keep ?? 60_000, 10 * interval, 86_400_000),
    silence: numberIn('silence', options.silence ?? 10_000, interval, 86_400_000),
    whenSilent,
    hasStrict: [others, ...policies.values()].some(({ mode }) => mode === 'strict'),
    shares: options.shares === undefined ? undefined : tableOf(options.shares, all),
    modes: Object.freeze([...new Set([others, ...policies.values()].map(({ mode }) => mode))]),
    policy,
    exchangeOf: (target: Pick<Charge, 'scope' | 'limit'>) => limits.of(target),
    attach: (store: RegionStore) => linkTo(described, store),
  })
  return described
}

function checkNames(all: unknown): asserts all is readonly string[] {
  const isList = Array.isArray(all) && all.length >= 2 && all.length <= MAX_REGIONS && new Set(all).size === all.length
  if (isList && all.every((name) => typeof name === 'string' && /^[\w.-]{1,64}$/.test(name))) return checkIds(all)
  throw invalid('regions: all', `2 to ${MAX_REGIONS} different names of letters, digits, dots and hyphens`, all)
}

/** Ledgers name regions by hashes. */
function checkIds(all: readonly string[]): void {
  const other = all.find((name, i) => all.findIndex((each) => regionId(each) === regionId(name)) !== i)
  if (other !== undefined) throw invalid('regions: all', 'names whose 32-bit hashes differ', other)
}

function policiesOf({ policies = {}, mode = 'eventual' }: RegionsOptions): ReadonlyMap<string, Required<RegionPolicyOptions>> {
  const entries = Object.entries(policies).map(([name, options]) => {
    const place = `policies["${name}"]`
    if (typeof options !== 'object') return [name, policyOf(place, options)] as const
    knownOptions(`regions: ${place}`, options, ['mode', 'slack', 'floor'], {})
    return [name, policyOf(place, options.mode ?? mode, options)] as const
  })
  return new Map(entries)
}

function policyOf(place: string, mode: RegionMode, { slack = 0, floor = 0 }: RegionPolicyOptions = {}): Required<RegionPolicyOptions> {
  if (!MODES.includes(mode)) throw invalid(`regions: ${place}`, "'eventual', 'strict' or 'local'", mode)
  return { mode, slack: numberIn(`${place}.slack`, slack, 0, 1), floor: numberIn(`${place}.floor`, floor, 0, 1) }
}

function tableOf({ version, from, of }: NonNullable<RegionsOptions['shares']>, all: readonly string[]): ShareTable {
  const time = Date.parse(from)
  if (!Number.isSafeInteger(version) || version < 1) throw invalid('regions: shares.version', 'a whole number from 1', version)
  if (Number.isNaN(time)) throw invalid('regions: shares.from', 'a time such as 2026-12-01T00:00:00Z', from)
  const shares = all.map((name) => numberIn(`shares.of["${name}"]`, of[name] ?? 0, 0, 1))
  const unknown = Object.keys(of).find((name) => !all.includes(name))
  if (unknown !== undefined) throw invalid('regions: shares.of', `shares of ${all.join(', ')}`, unknown)
  const sum = shares.reduce((total, share) => total + share, 0)
  if (sum > 1 + 1e-9) throw new SluiceError('ERR_OPTION_INVALID', `regions: shares.of: expected shares whose sum is at most 1, got ${sum}`)
  return { version, from: time, of: Object.fromEntries(all.map((name, i) => [name, shares[i] as number])) }
}

function numberIn(name: string, value: unknown, least: number, most: number): number {
  if (typeof value === 'number' && value >= least && value <= most) return value
  throw invalid(`regions: ${name}`, `a number from ${least === Number.MIN_VALUE ? 'above 0' : least} to ${most}`, value)
}
