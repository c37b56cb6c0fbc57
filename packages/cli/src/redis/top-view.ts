import type { SubjectViolations } from '@sluice/redis'
import { type Paint, table } from '../terminal/terminal.ts'
import type { PolicyUsage, Top, TopQuery } from './read-top.ts'

/** Columns of 80 that remain for names beside the numbers. */
const WIDEST_NAME = 16
/** A hash has 32. */
const WIDEST_SUBJECT = 40

/** The pages of `sluice top`: at most 80 columns. */
export function topView({ from, to, usage, violators }: Top, query: TopQuery, paint: Paint): string {
  const span = `${timeOf(from)} to ${timeOf(to)} UTC`
  const shadow = query.mode === 'shadow' ? ', in shadow' : ''
  return [
    paint('bold', `Requests${shadow}, ${span}`),
    usage.length === 0 ? nothing('usage', query, paint) : headed(usageTable(usage), paint),
    '',
    paint('bold', `Refused most${shadow}, ${span}`),
    violators.length === 0
      ? paint('dim', '  nobody was refused')
      : headed(
          table(
            ['refusals', 'policy', 'subject'],
            violators.map(({ violations, namespace, policy, subject }) => [
              violations,
              nameOf(namespace, policy),
              cut(subject, WIDEST_SUBJECT),
            ]),
          ),
          paint,
        ),
  ].join('\n')
}

/** The refusals of one subject. */
export function subjectView(subject: string, policies: readonly SubjectViolations[], query: TopQuery, paint: Paint): string {
  const title = paint('bold', `Refusals of ${cut(subject, WIDEST_SUBJECT)} in the last ${query.since}, by whole hours`)
  if (policies.length === 0) return `${title}\n${nothing('refusal of this subject', query, paint)}`
  const rows = policies.flatMap(({ namespace, policy, violations, endpoints }) => [
    [violations, nameOf(namespace, policy), 'all'] as const,
    ...endpoints.map((each) => [each.violations, '', cut(each.endpoint, WIDEST_SUBJECT)] as const),
  ])
  return `${title}\n${headed(table(['refusals', 'policy', 'endpoint'], rows), paint)}`
}

function usageTable(usage: readonly PolicyUsage[]): string {
  return table(
    ['namespace', 'policy', 'requests', 'refused', 'share', 'now/s'],
    usage.map(({ namespace, policy, requests, refused, blocked, unavailable, perSecond }) => {
      const all = refused + blocked + unavailable
      return [
        cut(namespace, WIDEST_NAME),
        policy === '' ? '(requests)' : cut(policy, WIDEST_NAME),
        requests,
        all,
        `${((100 * all) / requests).toFixed(1)} %`.padStart(7),
        perSecond,
      ]
    }),
  )
}

function nothing(what: string, { namespace, policy }: TopQuery, paint: Paint): string {
  const where = [namespace, policy].filter((name) => name !== undefined).join(', ')
  return paint('dim', `  no ${what} is counted${where === '' ? '' : ` of ${where}`}; do the processes have redisAnalytics()?`)
}

/** A limiter without a document is its own policy. */
function nameOf(namespace: string, policy: string): string {
  return cut(namespace === policy ? policy : `${namespace}.${policy}`, WIDEST_NAME + 8)
}

function headed(text: string, paint: Paint): string {
  const [head = '', ...rows] = text.split('\n')
  return [paint('dim', head), ...rows].join('\n')
}

function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace('T', ' ')
}
