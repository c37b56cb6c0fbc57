import { limitsOfRule } from '../checks/common.ts'
import type { LimitSpec, PolicyDocument } from '../document.ts'
import type { Path } from '../problems.ts'

/** A limit of a document, which is one counter for each of its subjects. */
export interface Counter {
  /** `<policy>.<limit>`. */
  readonly name: string
  readonly limit: LimitSpec
  /** The place of its first limit. */
  readonly path: Path
  /** What it counts by. Where one of these differs, counting starts anew. */
  readonly identity: Readonly<Record<'algorithm' | 'window' | 'subject', string>>
}

/** The counters of a document, by name. */
export function countersOf(document: PolicyDocument): ReadonlyMap<string, Counter> {
  const counters = new Map<string, Counter>()
  for (const [p, policy] of (document.policies ?? []).entries()) {
    for (const [r, rule] of policy.rules.entries()) {
      for (const { limit, path } of limitsOfRule(rule, ['policies', p, 'rules', r])) {
        const name = `${policy.name}.${limit.name}`
        if (!counters.has(name)) counters.set(name, { name, limit, path, identity: identityOf(document, limit) })
      }
    }
  }
  return counters
}

/** What differs between two counters of one name: `its window was 1m and is 1h`. Empty if counting goes on. */
export function differencesOf(before: Counter, after: Counter): readonly string[] {
  const fields = ['algorithm', 'window', 'subject'] as const
  return fields
    .filter((field) => before.identity[field] !== after.identity[field])
    .map((field) => `its ${field} was ${before.identity[field]} and is ${after.identity[field]}`)
}

/** The length of a window: calendar windows have their zone, and their beginning. `concurrency` has none, and its ttl changes no counter. */
export function windowOf(limit: LimitSpec): string {
  if (limit.algorithm === 'concurrency') return 'none'
  if (limit.algorithm !== 'fixedWindow') return limit.window
  const { window, timeZone = 'UTC', anchor } = limit
  const zone = /^[a-z]/.test(window) ? ` in ${timeZone}` : ''
  return `${window}${zone}${anchorInWords(anchor)}`
}

function anchorInWords(anchor: Extract<LimitSpec, { algorithm: 'fixedWindow' }>['anchor']): string {
  if (anchor === undefined || anchor === 'epoch') return ''
  if (anchor === 'first') return ' from the first request'
  const { month, day, weekday, hour = 0, minute = 0 } = anchor
  const time = hour + minute === 0 ? '' : `${hour}:${String(minute).padStart(2, '0')}`
  const parts = [month === undefined ? '' : `month ${month}`, day === undefined ? '' : `day ${day}`, weekday ?? '', time]
  const words = parts.filter((part) => part !== '').join(', ')
  return words === '' ? '' : ` from ${words}`
}

function identityOf({ subjects = {} }: PolicyDocument, limit: LimitSpec): Counter['identity'] {
  const parts = (subjects[limit.subject]?.parts ?? []).map((part) =>
    Object.entries(part)
      .map(([kind, value]) => (value === true ? kind : `${kind} ${String(value)}`))
      .join(' '),
  )
  return { algorithm: limit.algorithm, window: windowOf(limit), subject: `${limit.subject} (${parts.join(', ')})` }
}
