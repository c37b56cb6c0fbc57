import { type OverrideSpec, parseDocument } from '@sluice/policies'
import { isMap, isSeq, parseDocument as parseYaml, type YAMLMap } from 'yaml'
import type { Answer } from '../../http/route.ts'
import type { Admin } from '../admin.ts'
import type { Call } from '../endpoint.ts'
import { storedOf } from '../policies/write-endpoints.ts'
import { futureOf, optionalText, textOf, wrong } from '../read.ts'

/** Publishes a revision with an override of one subject: in place of an earlier one of the same policy and subject. */
export async function override(admin: Admin, call: Call, namespace: string): Promise<Answer> {
  const { body } = call
  const policy = textOf(body, 'policy', 64)
  const entry = entryOf(body, admin.clock.now())
  call.audit.note = `${policy}: ${entry.subject} ${entry.is ?? ''}${body['note'] === undefined ? '' : `: ${optionalText(body, 'note', 500)}`}`
  const current = await storedOf(admin, namespace)
  const revision = current.revision + 1
  const text = withOverride(current.text, policy, entry, revision)
  // What the document does not allow, such as an override of a limit with another subject, is refused here with its line.
  parseDocument(text, { source: 'the document with the override' })
  const answer = await admin.publisher.publish(call, { namespace, revision, text }, current.revision, current)
  call.audit.target = entry.is
  return answer
}

function entryOf(body: Call['body'], now: number): OverrideSpec {
  const until = futureOf(body, 'until', now)
  if (until === undefined) throw wrong('until', 'an instant: every override of a subject ends', body['until'])
  const { limits, exempt } = body
  const tier = optionalText(body, 'tier', 64)
  const given = [limits, tier, exempt].filter((each) => each !== undefined && each !== null && each !== false)
  if (given.length !== 1) throw wrong('limits, tier, exempt', 'exactly one of them', given.length)
  const effect =
    tier !== undefined
      ? { tier }
      : exempt === true
        ? ({ exempt: true } as const)
        : { limits: limits as NonNullable<OverrideSpec['limits']> }
  return { subject: textOf(body, 'subjectName', 64), is: textOf(body, 'is', 1_024), ...effect, until: new Date(until).toISOString() }
}

/** The text with the override and the revision. All else stays, with its comments. @throws AdminError (422) */
function withOverride(text: string, policy: string, entry: OverrideSpec, revision: number): string {
  const document = parseYaml(text)
  const policies = document.get('policies')
  const items = isSeq(policies) ? policies.items.filter((each): each is YAMLMap => isMap(each)) : []
  const found = items.find((each) => each.get('name') === policy)
  if (found === undefined) throw wrong('policy', `one of ${items.map((each) => String(each.get('name'))).join(', ')}`, policy)
  const overrides = found.get('overrides')
  if (isSeq(overrides)) {
    overrides.items = overrides.items.filter(
      (each) => !(isMap(each) && each.get('subject') === entry.subject && each.get('is') === entry.is),
    )
    overrides.add(document.createNode(entry))
  } else found.set('overrides', document.createNode([entry]))
  document.set('revision', revision)
  document.delete('rollbackOf')
  return document.toString({ lineWidth: 0 })
}
