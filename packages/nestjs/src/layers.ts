import { amendLimit, type LimitRule, slidingWindow, SluiceError } from '@sluice/core'
import { type Extension, invalid, knownOptions } from '@sluice/core/adapter-kit'
import type { ExecutionContext } from '@nestjs/common'
import { type PolicyLimits, type RateLimitResult, resultFunctions } from './options.ts'
import type { NumbersByName, RouteOptions } from './register.ts'

type Rule = LimitRule<string, ExecutionContext>
type Over = Extension<ExecutionContext, RateLimitResult>

/** What one decorator says, checked when the class is defined. */
export interface Layer {
  /** Names its state, in place of `Class` or `Class.method`. */
  readonly name?: string | undefined
  /** A policy of the module. */
  readonly policy?: string | undefined
  /** To be added, or to take the place of those of the same name; one named `default` gets the name of the state. */
  readonly rules: readonly Rule[]
  readonly numbers: Readonly<Record<string, { readonly limit?: number | undefined; readonly window?: never }>>
  readonly over: Over
}

const OVER = ['missing', 'skip', 'cost', 'refundWhen', 'settle', 'message', 'statusCode'] as const
const KNOWN = ['name', 'limit', 'window', 'limits', 'key', ...OVER] as const

/** @throws what core's factories throw; ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_OPTION_CONFLICT */
export function layerOf(given: string | RouteOptions | NumbersByName): Layer {
  if (typeof given === 'string') return { policy: given, rules: [], numbers: {}, over: {} }
  if (isNumbers(given)) {
    for (const [name, numbers] of Object.entries(given)) {
      knownOptions(`@RateLimit: ${name}`, numbers, ['limit', 'window'])
      amendLimit(rulesOf({})[0] as Rule, numbers as object)
    }
    return { rules: [], numbers: given as Layer['numbers'], over: {} }
  }
  knownOptions('@RateLimit', given, KNOWN)
  const { name, limit, window, limits, key, cost, ...rest } = given as RouteOptions
  if (limits !== undefined && (limit !== undefined || window !== undefined))
    throw new SluiceError('ERR_OPTION_CONFLICT', '@RateLimit: expected either limits or limit and window, got both')
  const defines = limits !== undefined || limit !== undefined || window !== undefined
  if (key !== undefined && !defines) throw new SluiceError('ERR_OPTION_CONFLICT', '@RateLimit: key: expected a limit beside it, got none')
  const over: Over = { ...rest, ...resultFunctions(rest), cost: typeof cost === 'function' || cost === undefined ? cost : () => cost }
  return { name, rules: defines ? rulesOf(limits ?? { limit, window, key }, key) : [], numbers: {}, over }
}

/** A list as it is, each limit with the key given unless it has its own; the shorthand as one sliding window named `default`. */
export function rulesOf(limits: PolicyLimits, key?: Rule['key']): readonly Rule[] {
  if (!isList(limits)) {
    knownOptions('limits', limits, ['limit', 'window', 'key'])
    const { limit = 100, window = '1m' } = limits
    return [slidingWindow({ name: 'default', limit, window, key: limits.key })]
  }
  return limits.map((rule, i) => {
    if (typeof rule?.limit !== 'object') throw invalid(`limits[${i}]`, 'a limit made by slidingWindow(), tokenBucket() or a sibling', rule)
    return rule.key === undefined && key !== undefined ? { ...rule, key } : rule
  })
}

/** Puts the layer over the limits that hold so far; `name` is that of its state. */
export function lay(below: readonly Rule[], layer: Pick<Layer, 'rules' | 'numbers'>, name: string): readonly Rule[] {
  const own = layer.rules.map((rule) =>
    rule.limit.name === 'default' ? { ...amendLimit(rule, { name }) } : amendLimit(rule, { scope: name }),
  )
  const replaced = new Set(own.map(({ limit }) => limit.name))
  const kept = below.filter(({ limit }) => !replaced.has(limit.name))
  return [...kept.map((rule) => amended(rule, layer.numbers, name)), ...own]
}

function amended(rule: Rule, numbers: Layer['numbers'], scope: string): Rule {
  return Object.hasOwn(numbers, rule.limit.name) ? amendLimit(rule, { ...numbers[rule.limit.name], scope }) : rule
}

function isList(limits: PolicyLimits): limits is readonly Rule[] {
  return Array.isArray(limits)
}

/** By its first word: numbers of limits by name, where nothing is an option of ours. */
function isNumbers(given: RouteOptions | NumbersByName): boolean {
  if (typeof given !== 'object' || given === null) return false
  const entries = Object.entries(given)
  return entries.length > 0 && entries.every(([name, value]) => !(KNOWN as readonly string[]).includes(name) && isObject(value))
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
