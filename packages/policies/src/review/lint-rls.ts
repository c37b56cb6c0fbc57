import { limitsOfRule, type Report } from '../checks/common.ts'
import type { LimitSpec, PolicyDocument } from '../document.ts'

/** Finds what Envoy's rate limit service does not hold: Envoy asks before a request, and says nothing of its end. */
export function findUnserved({ policies = [], subjects = {} }: PolicyDocument, report: Report): void {
  const used = new Set<string>()
  for (const [p, { rules }] of policies.entries()) {
    for (const [r, rule] of rules.entries()) {
      for (const { limit, path } of limitsOfRule(rule, ['policies', p, 'rules', r])) {
        used.add(limit.subject)
        const reason = reasonOf(limit)
        if (reason !== undefined) report(path, `the rate limit service of Envoy skips the limit "${limit.name}": ${reason}`)
        else if (hasDelay(limit)) report(path, `the rate limit service of Envoy admits at once what "${limit.name}" would delay`)
      }
    }
  }
  for (const [name, { parts, missing = 'address' }] of Object.entries(subjects)) {
    if (!used.has(name)) continue
    if (missing === 'address' || parts.some((part) => 'ip' in part))
      report(
        ['subjects', name],
        `a descriptor without "${name}" needs the entry remote_address, or its call fails; write missing: skip if it is not limited then`,
      )
    if (parts.some((part) => 'body' in part || 'cookie' in part))
      report(['subjects', name], `a descriptor has no body and no cookies; read "${name}" from an attribute`)
  }
}

function reasonOf(limit: LimitSpec): string | undefined {
  if (limit.algorithm === 'concurrency') return 'Envoy does not say when a request ends'
  if (limit.settle !== undefined) return 'Envoy does not settle what a request took'
  return limit.refundOn === undefined ? undefined : 'Envoy does not say the status of the response'
}

function hasDelay(limit: LimitSpec): boolean {
  return ('delay' in limit && limit.delay !== undefined) || ('queue' in limit && limit.queue === true)
}
