import { diffDocuments, lintDocument, parseDocument, PolicyError } from '@sluice/policies'
import { json } from '../../http/answers.ts'
import type { Answer } from '../../http/route.ts'
import type { Admin } from '../admin.ts'
import type { Call, Endpoints } from '../endpoint.ts'
import { textOf } from '../read.ts'
import { otherNamespace } from './publisher.ts'

/** Characters of a document. The parser bounds its bytes. */
export const MAX_TEXT = 1_048_576

/** What an author asks before a document is published. */
export function reviewEndpoints(admin: Admin): Endpoints {
  const namespace = ({ params }: Call): string => params['namespace'] ?? ''
  return [
    {
      method: 'POST',
      path: 'policies/:namespace/validate',
      action: 'read',
      namespace,
      summary: 'Says what is wrong with a document, and what is probably not meant.',
      handle: (call) => validate(admin, namespace(call), textOf(call.body, 'text', MAX_TEXT)),
    },
    {
      method: 'POST',
      path: 'policies/:namespace/diff',
      action: 'read',
      namespace,
      summary: 'Says what would change for whom.',
      handle: (call) => diff(admin, namespace(call), textOf(call.body, 'text', MAX_TEXT)),
    },
  ]
}

function validate({ feed }: Admin, namespace: string, text: string): Answer {
  try {
    const document = parseDocument(text, { source: 'text' })
    if (document.namespace !== namespace)
      return json(200, { ok: false, problems: [otherNamespace(namespace, document.namespace)], findings: [] })
    const findings = lintDocument(text, { source: 'text', previous: feed.inForce(namespace)?.document })
    return json(200, { ok: true, problems: [], findings })
  } catch (error) {
    if (error instanceof PolicyError) return json(200, { ok: false, problems: error.problems, findings: [] })
    throw error
  }
}

function diff({ feed }: Admin, namespace: string, text: string): Answer {
  const before = feed.inForce(namespace)?.document
  const after = parseDocument(text, { source: 'text' })
  if (after.namespace !== namespace) throw new PolicyError('text', [otherNamespace(namespace, after.namespace)])
  return json(200, {
    before: before?.revision ?? null,
    after: after.revision,
    changes: before === undefined ? [] : diffDocuments(before, after),
  })
}
