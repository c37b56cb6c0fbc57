import type { Limit } from '@sluice/core'
import type { SubjectLimit } from '@sluice/policies'
import { json } from '../../http/answers.ts'
import type { Answer } from '../../http/route.ts'
import type { Admin } from '../admin.ts'
import { AdminError } from '../admin-error.ts'
import type { Call, Endpoints } from '../endpoint.ts'
import { currentOf } from '../policies/current.ts'
import { textOf, wrong } from '../read.ts'
import { override } from './override.ts'

/** Characters of a subject. */
const MAX_SUBJECT = 1_024

/** What is counted for one subject, and what can be done about it. */
export function subjectEndpoints(admin: Admin): Endpoints {
  const namespace = ({ params }: Call): string => params['namespace'] ?? ''
  return [
    {
      method: 'GET',
      path: 'subjects/:namespace',
      action: 'read',
      namespace,
      summary: 'What each limit counts for the subject `subject`, its block, its overrides, and what was decided in the last minutes.',
      handle: (call) => inspect(admin, call, namespace(call)),
    },
    {
      method: 'POST',
      path: 'subjects/:namespace/reset',
      action: 'subjects',
      namespace,
      writes: 'subjects.reset',
      summary: 'Deletes what is counted for a subject.',
      handle: (call) => reset(admin, call, namespace(call)),
    },
    {
      method: 'POST',
      path: 'subjects/:namespace/override',
      action: 'subjects',
      namespace,
      writes: 'subjects.override',
      summary: 'Publishes a revision in which other numbers, another tier or no limit hold for a subject, until an instant.',
      handle: (call) => override(admin, call, namespace(call)),
    },
  ]
}

async function inspect(admin: Admin, { query }: Call, namespace: string): Promise<Answer> {
  const subject = query.get('subject') ?? ''
  if (subject === '' || subject.length > MAX_SUBJECT) throw wrong('subject', `a text of 1 to ${MAX_SUBJECT} characters`, subject)
  currentOf(admin.feed, namespace)
  const policies = admin.feed.of(namespace)
  const [limits, why] = await Promise.all([policies.subjectLimits(subject), admin.blocks?.why(subject).catch(() => undefined)])
  return json(200, {
    namespace,
    subject,
    limits: limits.map(rowOf),
    block: why?.blocked ?? null,
    overrides: policies.overridesOf(subject),
    history: admin.board.historyOf(namespace, subject),
  })
}

async function reset(admin: Admin, call: Call, namespace: string): Promise<Answer> {
  const subject = textOf(call.body, 'subject', MAX_SUBJECT)
  call.audit.target = subject
  currentOf(admin.feed, namespace)
  const policies = admin.feed.of(namespace)
  const before = (await policies.subjectLimits(subject)).filter(({ decision }) => (decision.outcomes[0]?.used ?? 0) > 0)
  if (before.some(({ decision: { source } }) => source === 'open' || source === 'closed' || source === 'local'))
    throw new AdminError(503, 'ERR_STORE_UNAVAILABLE', 'the store is away: nothing was deleted')
  call.audit.before = before.slice(0, 20).map(({ name, decision }) => ({ limit: name, used: decision.outcomes[0]?.used }))
  const wasCounted = await policies.reset(subject)
  call.audit.after = []
  return json(200, { namespace, subject, wasCounted })
}

function rowOf({ policy, rule, name, limit, tier, mode, subject, decision }: SubjectLimit): object {
  const [outcome] = decision.outcomes
  const max = maxOf(limit)
  const used = outcome?.used ?? 0
  return {
    policy,
    rule,
    limit: name.slice(policy.length + 1),
    algorithm: limit.algorithm,
    tier: tier ?? null,
    subjectName: subject,
    used,
    max,
    remaining: outcome?.remaining ?? Math.max(0, max - used),
    resetAt: outcome === undefined || used === 0 ? null : Math.ceil(outcome.at / 1000) + outcome.resetAfter,
    windowMs: typeof limit.window === 'number' ? limit.window : null,
    window: limit.window,
    mode,
    // Not the store: it is away, and this says nothing of what is counted.
    source: outcome?.source ?? 'none',
  }
}

function maxOf({ limit, burst }: Limit): number {
  return burst ?? limit
}
