import type { Clock } from '@sluice/core'
import { Evaluator, parseDocument, type PolicyDocument, PolicyError, type Verdict } from '@sluice/policies'
import { json } from '../../http/answers.ts'
import type { Answer } from '../../http/route.ts'
import type { Admin } from '../admin.ts'
import type { Call, Endpoints } from '../endpoint.ts'
import { currentOf } from '../policies/current.ts'
import { otherNamespace } from '../policies/publisher.ts'
import { MAX_TEXT } from '../policies/review-endpoints.ts'
import { textOf, wholeOf } from '../read.ts'
import type { RecordedRequest } from './recorder.ts'

/** Requests that are decided before others of the service get their turn. */
const AT_ONCE = 200
const SHOWN = 20

/** What another document would have done with the last requests. */
export function impactEndpoints(admin: Admin): Endpoints {
  return [
    {
      method: 'POST',
      path: 'policies/:namespace/impact',
      action: 'read',
      namespace: ({ params }) => params['namespace'] ?? '',
      summary: 'Decides the last requests of this instance again: under the document in force, and under the one that is sent.',
      handle: (call) => impact(admin, call, call.params['namespace'] ?? ''),
    },
  ]
}

async function impact(admin: Admin, { body }: Call, namespace: string): Promise<Answer> {
  const { document: before } = currentOf(admin.feed, namespace)
  const after = parseDocument(textOf(body, 'text', MAX_TEXT), { source: 'text' })
  if (after.namespace !== namespace) throw new PolicyError('text', [otherNamespace(namespace, after.namespace)])
  const minutes = body['minutes'] === undefined ? 15 : wholeOf(body, 'minutes', 1)
  const { requests, isCut } = admin.recorder.since(namespace, admin.clock.now() - minutes * 60_000)
  const [old, other] = [await refusalsOf(before, requests, admin.clock), await refusalsOf(after, requests, admin.clock)]
  return json(200, {
    requests: requests.length,
    refusedBefore: old.refused,
    refusedAfter: other.refused,
    from: requests[0]?.at ?? null,
    to: requests.at(-1)?.at ?? null,
    limits: compared(old.limits, other.limits, (limit) => ({ limit })),
    subjects: compared(old.subjects, other.subjects, (key) => {
      const [limit = '', subject = ''] = JSON.parse(key) as string[]
      return { limit, subject }
    }).slice(0, SHOWN),
    basis:
      `every check and every request of a gateway that this instance decided${isCut ? ', as far back as they are kept (the last 20,000)' : ''}; ` +
      'both documents begin with empty counters, and see no response and no header that the document in force does not read; each descriptor of Envoy is a request by itself',
  })
}

interface Refusals {
  refused: number
  readonly limits: Map<string, number>
  readonly subjects: Map<string, number>
}

async function refusalsOf(document: PolicyDocument, requests: readonly RecordedRequest[], clock: Required<Clock>): Promise<Refusals> {
  const evaluator = new Evaluator(document, { maxSubjects: 100_000 })
  const refusals: Refusals = { refused: 0, limits: new Map(), subjects: new Map() }
  let now = 0
  for (const [i, { request, at }] of requests.entries()) {
    if (i % AT_ONCE === AT_ONCE - 1) await new Promise<void>((resolve) => void clock.after(0, resolve))
    // A clock that stepped back.
    now = Math.max(now, at)
    add(refusals, evaluator.decide(request, now))
  }
  return refusals
}

function add(refusals: Refusals, { isAdmitted, refusedBy = 'missing subject', limits }: Verdict): void {
  if (isAdmitted) return
  refusals.refused += 1
  refusals.limits.set(refusedBy, (refusals.limits.get(refusedBy) ?? 0) + 1)
  const subject = limits.find(({ name }) => name === refusedBy)?.subject
  if (subject === undefined) return
  const key = JSON.stringify([refusedBy, subject])
  refusals.subjects.set(key, (refusals.subjects.get(key) ?? 0) + 1)
}

/** Both counts of each key, the largest difference first. */
function compared<T>(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
  named: (key: string) => T,
): readonly (T & { readonly refusedBefore: number; readonly refusedAfter: number })[] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .map((key) => ({ ...named(key), refusedBefore: before.get(key) ?? 0, refusedAfter: after.get(key) ?? 0 }))
    .toSorted((a, b) => Math.abs(b.refusedAfter - b.refusedBefore) - Math.abs(a.refusedAfter - a.refusedBefore))
}
