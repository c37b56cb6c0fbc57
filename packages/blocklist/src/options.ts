import { type Clock, type Duration, systemClock } from '@sluice/core'
import { type BlockRecord, type BlockStorage, completeClock, invalid, knownOptions, millisOf } from '@sluice/core/store-kit'
import type { BlockChange } from './changes.ts'
import { type Target, targetOf } from './target.ts'

/** When a client that goes on in spite of refusals is blocked. All conditions must hold within one window. */
export interface BlockRule {
  /** Names the rule in entries and metrics: a letter, then up to 31 letters, digits, `_` or `-`. Default: `'strikes'`. */
  readonly name?: string | undefined
  /** `'enforce'` blocks. `'shadow'` writes entries that only report. `'off'` counts nothing. Default: `'shadow'`. */
  readonly mode?: 'enforce' | 'shadow' | 'off' | undefined
  /** What a block does: `'refuse'` answers with 403, `'drop'` closes the connection where the host can. Default: `'refuse'`. */
  readonly action?: 'refuse' | 'drop' | undefined
  /** The time in which the conditions must hold: 10 s to 1 h. Default: `'60s'`. */
  readonly window?: Duration | undefined
  /** Refusals before the last `Retry-After` had passed: a whole number, at least 2. Default: 100. */
  readonly strikes?: number | undefined
  /** Distinct endpoints that refused: 1 to 200. Default: 5. */
  readonly endpoints?: number | undefined
  /** Which part of the requests was refused: above 0, up to 1. Default: 0.8. */
  readonly refusedShare?: number | undefined
  /** The first block. Each further one lasts twice as long. Default: `'60s'`. */
  readonly first?: Duration | undefined
  /** The longest block. Default: `'24h'`. */
  readonly longest?: Duration | undefined
  /** The time without a block after which the next one is half as long. Default: `'1d'`. */
  readonly quiet?: Duration | undefined
  /** New blocks a minute, by all processes together: at least 1. Beyond it nothing is blocked, and an anomaly is reported. Default: 60. */
  readonly maxPerMinute?: number | undefined
  /** New blocks a minute as a part of the active subjects: above 0, up to 1. One block is always possible. Default: 0.01. */
  readonly maxShare?: number | undefined
  /** After a new revision of a policy, its refusals are no strikes for this long. Default: `'10m'`. */
  readonly afterRevision?: Duration | undefined
  /** From this many authenticated subjects within 10 minutes on, an address is not blocked by the rule: 1 to 16. Default: 3. */
  readonly sharedAddress?: number | undefined
}

/** Functions that are called with what happens to a list. All are optional. An observer that throws does no harm. */
export interface BlockListObservers {
  /** Called for each entry that is added, removed or has ended, in every process; not for those that were there at its start. */
  readonly change?: ((change: BlockChange) => void) | undefined
  /** Called with `ANOMALY_BLOCKS_…`: the budget of new blocks is spent, or the list is full. Default: `console.warn`, once for each. */
  readonly anomaly?: ((event: { readonly code: string; readonly message: string }) => void) | undefined
  /** Called with `WARN_BLOCKS_…`, once for each outage of the storage and at its end. Default: `console.warn`. */
  readonly warning?: ((event: { readonly code: string; readonly message: string }) => void) | undefined
}

/** The options of `block`. */
export interface BlockOptions {
  /** `'refuse'` answers with 403, `'drop'` closes the connection where the host can, `'shadow'` only reports. Default: `'refuse'`. */
  readonly action?: 'refuse' | 'drop' | 'shadow' | undefined
  /** Why, for those who read the list: at most 200 characters. Default: ''. */
  readonly reason?: string | undefined
}

/** The options of `allow`. */
export interface AllowOptions {
  /** ms, or a duration such as `'30d'`: at most 366 days. Default: until `disallow`. */
  readonly duration?: Duration | undefined
  /** Why, for those who read the list: at most 200 characters. Default: ''. */
  readonly reason?: string | undefined
}

/**
 * The options of `blockList`.
 * @example
 * ```ts
 * import { blockList, type BlockListOptions } from '@sluice/blocklist'
 *
 * const options: BlockListOptions = {
 *   rule: { mode: 'enforce', strikes: 50, first: '5m' },
 *   allow: ['192.0.2.0/24'],
 *   on: { change: ({ change, record }) => console.log(change, record.rule, record.level) },
 * }
 * const blocks = blockList(options)
 * ```
 */
export interface BlockListOptions {
  /** Where the list is kept, such as `redisBlockStorage(redis)` of `@sluice/redis`. Default: the memory of this process. */
  readonly storage?: BlockStorage | undefined
  /** When strikes become a block; `false` for none. Default: 100 strikes on 5 endpoints within 60 s, in `'shadow'`. */
  readonly rule?: BlockRule | false | undefined
  /** Addresses, CIDRs and subjects that are never struck or blocked by this process. `allow()` adds others to the storage. Default: none. */
  readonly allow?: readonly Target[] | undefined
  /** How many leading bits of an IPv6 address the rule blocks: 32 to 64, as the option of `rateLimit`. Default: 56. */
  readonly ipv6Prefix?: number | undefined
  /** How many subjects with refusals one process follows at once: 100 to 100,000. Default: 10,000. */
  readonly maxSubjects?: number | undefined
  /** Entries that the list may have: 1 to 1,000,000. Default: 100,000. */
  readonly maxEntries?: number | undefined
  /** Functions that are called with changes, anomalies and warnings. */
  readonly on?: BlockListObservers | undefined
  /** Where time comes from, for tests. Default: the clock of the system. */
  readonly clock?: Clock | undefined
}

/** A rule with all of its numbers. Durations are in ms. */
export interface RuleSettings {
  readonly name: string
  readonly effect: Exclude<BlockRecord['effect'], 'allow'>
  readonly window: number
  readonly strikes: number
  readonly endpoints: number
  readonly refusedShare: number
  readonly first: number
  readonly longest: number
  readonly quiet: number
  readonly maxPerMinute: number
  readonly maxShare: number
  readonly afterRevision: number
  readonly sharedAddress: number
}

export interface Settings {
  readonly rule: RuleSettings | undefined
  readonly allow: readonly ReturnType<typeof targetOf>[]
  readonly ipv6Prefix: number
  readonly maxSubjects: number
  readonly maxEntries: number
  readonly on: BlockListObservers
  readonly clock: Required<Clock>
}

const KNOWN = ['storage', 'rule', 'allow', 'ipv6Prefix', 'maxSubjects', 'maxEntries', 'on', 'clock'] as const
const RULE = [
  'name',
  'mode',
  'action',
  'window',
  'strikes',
  'endpoints',
  'refusedShare',
  'first',
  'longest',
  'quiet',
  'maxPerMinute',
  'maxShare',
  'afterRevision',
  'sharedAddress',
] as const
const OBSERVERS = ['change', 'anomaly', 'warning'] as const
const NAME = /^[A-Za-z][\w-]{0,31}$/

/** @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN */
export function settingsOf(options: BlockListOptions): Settings {
  knownOptions('blockList', options, KNOWN)
  const { storage, rule = {}, allow = [], ipv6Prefix = 56, maxSubjects = 10_000, maxEntries = 100_000, on = {}, clock } = options
  if (storage !== undefined && typeof storage?.report !== 'function')
    throw invalid('blockList: storage', 'what redisBlockStorage() or memoryBlockStorage() returns', storage)
  if (!Array.isArray(allow)) throw invalid('blockList: allow', 'an array of addresses, CIDRs and subjects', allow)
  whole('ipv6Prefix', ipv6Prefix, 32, 64)
  whole('maxSubjects', maxSubjects, 100, 100_000)
  whole('maxEntries', maxEntries, 1, 1_000_000)
  knownOptions('blockList: on', on, OBSERVERS)
  for (const name of OBSERVERS) {
    if (on[name] !== undefined && typeof on[name] !== 'function') throw invalid(`blockList: on.${name}`, 'a function', on[name])
  }
  return {
    rule: rule === false ? undefined : ruleSettings(rule),
    allow: allow.map((target, i) => targetOf(`blockList: allow[${i}]`, target)),
    ipv6Prefix,
    maxSubjects,
    maxEntries,
    on,
    clock: completeClock(clock ?? systemClock),
  }
}

function ruleSettings(rule: BlockRule): RuleSettings | undefined {
  knownOptions('blockList: rule', rule, RULE)
  const { name = 'strikes', mode = 'shadow', action = 'refuse', strikes = 100, endpoints = 5, refusedShare = 0.8 } = rule
  const { maxPerMinute = 60, maxShare = 0.01, sharedAddress = 3 } = rule
  if (typeof name !== 'string' || !NAME.test(name) || name === 'manual')
    throw invalid('blockList: rule.name', "a letter, then up to 31 letters, digits, _ or -, but not 'manual'", name)
  if (mode !== 'enforce' && mode !== 'shadow' && mode !== 'off') throw invalid('blockList: rule.mode', "'enforce', 'shadow' or 'off'", mode)
  if (action !== 'refuse' && action !== 'drop') throw invalid('blockList: rule.action', "'refuse' or 'drop'", action)
  whole('rule.strikes', strikes, 2, 1_000_000)
  // Of 256 bits, 200 stand for about 390 endpoints: above that, two endpoints too often count as one.
  whole('rule.endpoints', endpoints, 1, 200)
  whole('rule.maxPerMinute', maxPerMinute, 1, 1_000_000)
  whole('rule.sharedAddress', sharedAddress, 1, 16)
  share('rule.refusedShare', refusedShare)
  share('rule.maxShare', maxShare)
  const window = millisOf(rule.window ?? '60s', 'blockList: rule.window')
  if (window < 10_000 || window > 3_600_000) throw invalid('blockList: rule.window', '10 s to 1 h', rule.window)
  const first = millisOf(rule.first ?? '60s', 'blockList: rule.first')
  const longest = millisOf(rule.longest ?? '24h', 'blockList: rule.longest')
  if (longest < first) throw invalid('blockList: rule.longest', `at least rule.first (${first} ms)`, rule.longest)
  if (mode === 'off') return undefined
  return {
    name,
    effect: mode === 'shadow' ? 'shadow' : action,
    window,
    strikes,
    endpoints,
    refusedShare,
    first,
    longest,
    quiet: millisOf(rule.quiet ?? '1d', 'blockList: rule.quiet'),
    maxPerMinute,
    maxShare,
    afterRevision: millisOf(rule.afterRevision ?? '10m', 'blockList: rule.afterRevision'),
    sharedAddress,
  }
}

function whole(name: string, value: number, least: number, most: number): void {
  if (!(Number.isInteger(value) && value >= least && value <= most))
    throw invalid(`blockList: ${name}`, `a whole number from ${least} to ${most}`, value)
}

function share(name: string, value: number): void {
  if (!(typeof value === 'number' && value > 0 && value <= 1)) throw invalid(`blockList: ${name}`, 'a number above 0, up to 1', value)
}

/** The text of an operator, in one line. @throws ERR_OPTION_INVALID */
export function reasonOf(what: string, reason: string = ''): string {
  if (typeof reason !== 'string' || reason.length > MAX_REASON || CONTROLS.test(reason))
    throw invalid(`${what}: reason`, `at most ${MAX_REASON} characters without line breaks`, reason)
  return reason
}

const MAX_REASON = 200
const CONTROLS = /[\p{Cc}\p{Zl}\p{Zp}]/u
