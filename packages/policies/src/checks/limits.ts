import { isSluiceError } from '@sluice/core'
import { checkNames, limitsOfRule, type Report, unknownSubject } from './common.ts'
import { ruleOf } from '../compile/limit-rules.ts'
import type { LimitSpec, PolicyDocument, PolicySpec } from '../document.ts'
import type { Path } from '../problems.ts'
import { checkTimeZone } from './schedule.ts'

const CALENDAR = ['day', 'week', 'month', 'quarter', 'year']

/** Checks one limit: its subject, its numbers, and what its algorithm needs. */
export function checkOneLimit({ subjects = {} }: PolicyDocument, limit: LimitSpec, path: Path, report: Report): void {
  if (!Object.hasOwn(subjects, limit.subject)) report([...path, 'subject'], unknownSubject(limit.subject, subjects))
  if (limit.algorithm !== 'concurrency') checkCost(limit, path, report)
  const { timeZone, window } = limit as { readonly timeZone?: string; readonly window?: string }
  if (timeZone !== undefined) {
    const isCalendar = CALENDAR.includes(window ?? '')
    if (!isCalendar) report([...path, 'timeZone'], `expected a window of the calendar with it: ${CALENDAR.join(', ')}`)
    if (!checkTimeZone(timeZone, [...path, 'timeZone'], report) || !isCalendar) return
  }
  checkRule(limit, path, report)
}

/** Checks what core checks of a limit. @returns whether it is a limit of core */
export function checkRule(limit: LimitSpec, path: Path, report: Report): boolean {
  try {
    ruleOf('policy', limit)
    return true
  } catch (error) {
    if (!isSluiceError(error)) throw error
    // Without the code and its page, which the whole error has once.
    const message = error.message.replace(/^limit "[^"]*": /, '').replace(/ \([A-Z_]+, see [^)]*\)$/, '')
    // Core names the field that is wrong.
    const [start, fields = ''] = /^([a-zA-Z.]+): /.exec(message) ?? ['']
    const steps = fields.split('.')
    const isHere = Object.hasOwn(limit, steps[0] ?? '')
    report(isHere ? [...path, ...steps] : path, isHere ? message.slice(start.length) : message)
    return false
  }
}

function checkCost({ cost }: Exclude<LimitSpec, { algorithm: 'concurrency' }>, path: Path, report: Report): void {
  if (typeof cost === 'object' && cost.default > cost.max)
    report([...path, 'cost', 'default'], `expected at most max (${cost.max}), got ${cost.default}`)
}

/** Limits of one name are one counter, so they must agree in what a counter is. */
export function checkLimits(policy: PolicySpec, path: Path, report: Report): void {
  const counters = new Map<string, { readonly limit: LimitSpec; readonly rule: number }>()
  for (const [i, rule] of policy.rules.entries()) {
    const at = [...path, 'rules', i]
    if (rule.limits !== undefined) checkNames(rule.limits, [...at, 'limits'], 'limit', report)
    for (const [tier, limits] of Object.entries(rule.tiers ?? {})) checkNames(limits, [...at, 'tiers', tier], 'limit', report)
    for (const { limit, path: place } of limitsOfRule(rule, at)) {
      const name = limit.name.toLowerCase()
      const other = counters.get(name)
      if (other === undefined) {
        counters.set(name, { limit, rule: i })
        continue
      }
      const difference = differenceOf(limit, other.limit)
      if (difference !== undefined)
        report(
          [...place, difference],
          `expected the same ${difference} as in rule "${policy.rules[other.rule]?.name}": one name is one counter`,
        )
      else if (other.rule !== i && !(limit.shared === true && other.limit.shared === true))
        report(
          [...place, 'name'],
          `"${limit.name}" is also in rule "${policy.rules[other.rule]?.name}"; write shared: true in both to count together, or choose another name`,
        )
    }
  }
}

function differenceOf(one: LimitSpec, other: LimitSpec): string | undefined {
  const fields = ['name', 'algorithm', 'subject', 'window', 'timeZone', 'anchor', 'ttl'] as const
  return fields.find((field) => valueOf(one, field) !== valueOf(other, field))
}

function valueOf(limit: LimitSpec, field: string): unknown {
  const value = (limit as unknown as Readonly<Record<string, unknown>>)[field]
  return field === 'anchor' ? anchorId(value as AnchorOf) : value
}

type AnchorOf = Extract<LimitSpec, { algorithm: 'fixedWindow' }>['anchor']

/** One text for each beginning, in whatever order its parts are. */
function anchorId(anchor: AnchorOf): string {
  if (typeof anchor !== 'object') return anchor === 'first' ? anchor : ''
  const { month, day, weekday, hour = 0, minute = 0 } = anchor
  const parts = [month, day, weekday, hour === 0 && minute === 0 ? undefined : `${hour}:${minute}`]
  return parts.some((part) => part !== undefined) ? JSON.stringify(parts) : ''
}
