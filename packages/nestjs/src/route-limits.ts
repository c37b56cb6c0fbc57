import type { ExecutionContext } from '@nestjs/common'
import { amendLimit, slidingWindow, SluiceError } from '@sluice/core'
import { type Extension, invalid, knownOptions } from '@sluice/core/adapter-kit'
import { type Rule, rulesOf } from './limit-rules.ts'
import { type RateLimitResult, resultFunctions } from './options.ts'
import type { LimitOverride, LimitOverrides, OverrideOptions, RouteOptions } from './register.ts'

/** The arguments of one `@RateLimit` or `@OverrideRateLimit`, checked when the class is defined. */
export interface RouteLimits {
  /** Names the state. Default: `Class` or `Class.method`. */
  readonly name?: string | undefined
  /** The policy of the module whose limits are added. */
  readonly policy?: string | undefined
  /** The limits to add. One named `default` takes the name of the state. */
  readonly added: readonly Rule[]
  /** Other numbers for limits of the module, its class or decorators above, by name. */
  readonly overrides: Readonly<Record<string, LimitOverride>>
  /** The other options that apply on the route. */
  readonly options: Extension<ExecutionContext, RateLimitResult>
}

const OPTIONS = [
  'name',
  'label',
  'limit',
  'window',
  'limits',
  'key',
  'missing',
  'skip',
  'cost',
  'refundWhen',
  'settle',
  'message',
  'statusCode',
  'blockedStatus',
]

/** @throws what the factories of limits throw; ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_OPTION_CONFLICT */
export function addedLimits(given: string | RouteOptions): RouteLimits {
  if (typeof given === 'string') return { policy: given, added: [], overrides: {}, options: {} }
  refuseOverrides(given)
  knownOptions('@RateLimit', given, OPTIONS)
  const { name, label, limit, window, limits, key, cost, ...rest } = given
  if (limits !== undefined && (limit !== undefined || window !== undefined))
    throw new SluiceError('ERR_OPTION_CONFLICT', '@RateLimit: expected either limits or limit and window, got both')
  const addsLimits = limits !== undefined || limit !== undefined || window !== undefined
  if (label !== undefined && (limits !== undefined || !addsLimits))
    throw new SluiceError(
      'ERR_OPTION_CONFLICT',
      '@RateLimit: label: expected limit or window beside it, got none; give each limit of a list its own label',
    )
  if (key !== undefined && !addsLimits)
    throw new SluiceError('ERR_OPTION_CONFLICT', '@RateLimit: key: expected limit, window or limits beside it, got none')
  const options = { ...rest, ...resultFunctions(rest), cost: typeof cost === 'function' || cost === undefined ? cost : () => cost }
  return { name, added: addsLimits ? rulesOf(limits ?? { label, limit, window, key }, key) : [], overrides: {}, options }
}

/** @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_LIMIT_INEXACT */
export function overriddenLimits(given: LimitOverrides, options: OverrideOptions): RouteLimits {
  if (!isObject(given) || Object.keys(given).length === 0)
    throw invalid('@OverrideRateLimit', 'an object of limits by name, such as { short: { limit: 1 } }', given)
  knownOptions('@OverrideRateLimit', options, ['name'])
  const overrides = given as RouteLimits['overrides']
  for (const [name, override] of Object.entries(overrides)) {
    if (!isObject(override))
      throw invalid(`@OverrideRateLimit: ${name}`, 'an object with limit and window (to add a limit use @RateLimit)', override)
    knownOptions(`@OverrideRateLimit: ${name}`, override, ['label', 'limit', 'window'])
    // The limit to override is not known before the application starts, so the numbers are checked on another limit.
    amendLimit(slidingWindow({ name, limit: 1, window: '1m' }), override)
  }
  return { name: options.name, added: [], overrides, options: {} }
}

/**
 * Applies one decorator to the limits before it. A limit that it adds replaces one of the same name.
 * @param state the name of the state for the limits that it adds and overrides
 */
export function applyRouteLimits(
  before: readonly Rule[],
  { added, overrides }: Pick<RouteLimits, 'added' | 'overrides'>,
  state: string,
): readonly Rule[] {
  const own = added.map((rule) => amendLimit(rule, rule.limit.name === 'default' ? { name: state } : { scope: state }))
  const replaced = new Set(own.map(({ limit }) => limit.name))
  const kept = before.filter(({ limit }) => !replaced.has(limit.name))
  return [...kept.map((rule) => overridden(rule, overrides, state)), ...own]
}

function overridden(rule: Rule, overrides: RouteLimits['overrides'], scope: string): Rule {
  const { name } = rule.limit
  return Object.hasOwn(overrides, name) ? amendLimit(rule, { ...overrides[name], scope }) : rule
}

/** An unknown option whose value is an object is the name of a limit, as in `@Throttle` of @nestjs/throttler. */
function refuseOverrides(given: RouteOptions): void {
  const name = isObject(given) ? Object.keys(given).find((key) => !OPTIONS.includes(key) && isObject(given[key as never])) : undefined
  if (name !== undefined)
    throw new SluiceError(
      'ERR_OPTION_UNKNOWN',
      `@RateLimit: "${name}" is not an option; to override limit "${name}" use @OverrideRateLimit`,
    )
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
