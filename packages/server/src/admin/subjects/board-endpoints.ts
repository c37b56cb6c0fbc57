import type { Duration } from '@sluice/core'
import { millisOf } from '@sluice/core/store-kit'
import { json } from '../../http/answers.ts'
import type { Answer } from '../../http/route.ts'
import type { Admin } from '../admin.ts'
import type { Call, Endpoints } from '../endpoint.ts'
import { numberIn, wrong } from '../read.ts'
import { type BoardEntry, MINUTES } from './subject-board.ts'

/** Who is refused most, and who soon will be. */
export function boardEndpoints(admin: Admin): Endpoints {
  const namespace = ({ query }: Call): string | undefined => query.get('namespace') ?? undefined
  return [
    {
      method: 'GET',
      path: 'violators',
      action: 'read',
      namespace,
      summary: 'The subjects that were refused most, by limit, in the time `since`.',
      handle: (call) => violators(admin, call),
    },
    {
      method: 'GET',
      path: 'nearest',
      action: 'read',
      namespace,
      summary: 'The subjects that are nearest to a limit, of those for which this instance has decided in the last 15 minutes.',
      handle: (call) => nearest(admin, call),
    },
  ]
}

async function violators(admin: Admin, { query, identity: { scopes } }: Call): Promise<Answer> {
  const namespace = query.get('namespace') ?? undefined
  const limit = numberIn(query, 'limit', 1, 1_000, 50)
  const since = sinceIn(query)
  const mayRead = (name: string): boolean => scopes.allows('read', name)
  // Hashes or subjects, as the processes send them. Each namespace is asked for by itself, so that others cost the limit nothing.
  const found = await admin.analytics?.topViolators({ since: since.text, limit, namespace }).catch(() => undefined)
  if (found !== undefined) {
    const rows = found
      .filter((row) => mayRead(row.namespace))
      .map(({ namespace: of, policy, subject, violations }) => ({
        namespace: of,
        policy,
        limit: null,
        subject,
        refused: violations,
        lastAt: null,
      }))
    return json(200, { rows, from: 'analytics', minutes: Math.ceil(since.ms / 60_000) })
  }
  const sums = new Map<string, { row: BoardEntry; refused: number; lastAt: number }>()
  for (const entry of admin.board.since(admin.clock.now() - since.ms)) {
    if (entry.refused === 0 || !mayRead(entry.namespace) || (namespace !== undefined && entry.namespace !== namespace)) continue
    const key = JSON.stringify([entry.namespace, entry.name, entry.subject])
    const sum = sums.get(key)
    if (sum === undefined) sums.set(key, { row: entry, refused: entry.refused, lastAt: entry.lastAt })
    else sum.refused += entry.refused
  }
  const rows = [...sums.values()]
    .toSorted((a, b) => b.refused - a.refused)
    .slice(0, limit)
    .map(({ row, refused, lastAt }) => ({ ...namesOf(row), refused, lastAt }))
  return json(200, { rows, from: 'instance', minutes: Math.min(MINUTES, Math.ceil(since.ms / 60_000)) })
}

function nearest(admin: Admin, { query, identity: { scopes } }: Call): Answer {
  const namespace = query.get('namespace') ?? undefined
  const limit = numberIn(query, 'limit', 1, 1_000, 50)
  const now = admin.clock.now()
  const last = new Map<string, BoardEntry>()
  for (const entry of admin.board.since(now - MINUTES * 60_000)) {
    const isAsked = (namespace === undefined || entry.namespace === namespace) && scopes.allows('read', entry.namespace)
    if (!isAsked || entry.resetAt <= now || entry.max === 0) continue
    const key = JSON.stringify([entry.namespace, entry.name, entry.subject])
    // Later minutes come first.
    if (!last.has(key)) last.set(key, entry)
  }
  const rows = [...last.values()]
    .toSorted((a, b) => b.used / b.max - a.used / a.max)
    .slice(0, limit)
    .map((entry) => ({ ...namesOf(entry), used: entry.used, max: entry.max, remaining: entry.remaining, resetAt: entry.resetAt }))
  return json(200, { rows, from: 'instance', minutes: MINUTES })
}

function namesOf({ namespace, name, subject }: BoardEntry): object {
  const dot = name.indexOf('.')
  return { namespace, policy: name.slice(0, Math.max(dot, 0)), limit: name.slice(dot + 1), subject }
}

function sinceIn(query: URLSearchParams): { readonly text: Duration; readonly ms: number } {
  const text = query.get('since') ?? '15m'
  if (!/^\d{1,4}(?:s|m|h|d)$/.test(text)) throw wrong('since', 'a time such as 15m, 1h or 2d', text)
  return { text: text as Duration, ms: millisOf(text as Duration, 'since') }
}
