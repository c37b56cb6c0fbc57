import { json } from '../../http/answers.ts'
import type { Answer } from '../../http/route.ts'
import type { Admin } from '../admin.ts'
import type { Call, Endpoints } from '../endpoint.ts'
import { numberIn } from '../read.ts'
import { currentOf, etagOf } from './current.ts'

/** What can be read of the documents. */
export function policyReadEndpoints(admin: Admin): Endpoints {
  const namespace = ({ params }: Call): string => params['namespace'] ?? ''
  return [
    {
      method: 'GET',
      path: 'policies',
      action: 'read',
      summary: 'Lists the namespaces by name: `limit` rows after the name `after`.',
      handle: (call) => list(admin, call),
    },
    {
      method: 'GET',
      path: 'policies/:namespace',
      action: 'read',
      namespace,
      summary: 'The document in force in this instance, as text.',
      handle: (call) => one(admin, namespace(call)),
    },
  ]
}

function list({ feed, publications }: Admin, { identity: { scopes }, query }: Call): Answer {
  const limit = numberIn(query, 'limit', 1, 10_000, 500)
  const after = query.get('after') ?? ''
  const all = feed
    .health()
    .namespaces.filter((row) => row.namespace > after && scopes.allows('read', row.namespace))
    .toSorted((a, b) => (a.namespace < b.namespace ? -1 : 1))
  const rows = all.slice(0, limit).map(({ namespace, revision, from, inSource }) => {
    const document = feed.inForce(namespace)?.document
    const { at = null, by = null } = publications.of(namespace, revision) ?? {}
    return {
      namespace,
      revision,
      policies: document?.policies?.length ?? 0,
      from,
      inSource,
      publishedAt: at,
      by,
      killSwitch: publications.switchOf(namespace) ?? null,
    }
  })
  return json(200, { rows, next: all.length > limit ? (rows.at(-1)?.namespace ?? null) : null })
}

function one(admin: Admin, namespace: string): Answer {
  const { document, text } = currentOf(admin.feed, namespace)
  const etag = etagOf(text)
  const format = text.trimStart().startsWith('{') ? 'json' : 'yaml'
  return json(200, { namespace, revision: document.revision, text, format, etag }, [['ETag', etag]])
}
