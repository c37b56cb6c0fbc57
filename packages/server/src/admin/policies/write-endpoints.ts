import { parseDocument } from '@sluice/policies'
import { json } from '../../http/answers.ts'
import type { Answer } from '../../http/route.ts'
import { repeatedText } from '../../publish/repeated-text.ts'
import type { PublishedRevision, StoredDocument } from '../../publish/writer.ts'
import type { Admin } from '../admin.ts'
import { AdminError } from '../admin-error.ts'
import type { Call, Endpoints } from '../endpoint.ts'
import { textOf, wholeOf } from '../read.ts'
import { publishable } from './publisher.ts'
import { MAX_TEXT } from './review-endpoints.ts'

/** What changes the documents, and what they were before. */
export function policyWriteEndpoints(admin: Admin): Endpoints {
  const namespace = ({ params }: Call): string => params['namespace'] ?? ''
  return [
    {
      method: 'PUT',
      path: 'policies/:namespace',
      action: 'policies',
      namespace,
      writes: 'policies.publish',
      summary: 'Publishes a document over the revision `expected`. With `wait`, the answer says which live instances do not have it.',
      handle: (call) => put(admin, call, namespace(call)),
    },
    {
      method: 'POST',
      path: 'policies/:namespace/rollback',
      action: 'policies',
      namespace,
      writes: 'policies.rollback',
      summary: 'Publishes the content of the revision `to` as a new one.',
      handle: (call) => rollback(admin, call, namespace(call)),
    },
    {
      method: 'GET',
      path: 'policies/:namespace/history',
      action: 'read',
      namespace,
      summary: 'The revisions that were kept, the latest first.',
      handle: (call) => history(admin, namespace(call)),
    },
    {
      method: 'GET',
      path: 'policies/:namespace/history/:revision',
      action: 'read',
      namespace,
      summary: 'The text of a revision.',
      handle: async (call) => {
        const { revision, text, at } = await keptOf(admin, namespace(call), Number(call.params['revision']))
        return json(200, { namespace: namespace(call), revision, text, at: at ?? null })
      },
    },
  ]
}

async function put({ publisher }: Admin, call: Call, namespace: string): Promise<Answer> {
  const expected = wholeOf(call.body, 'expected', 0)
  const document = publishable(namespace, textOf(call.body, 'text', MAX_TEXT))
  const before = await publisher.writer.read(namespace)
  return publisher.publish(call, document, expected, before)
}

async function rollback(admin: Admin, call: Call, namespace: string): Promise<Answer> {
  const to = wholeOf(call.body, 'to', 1)
  const current = await storedOf(admin, namespace)
  const target = await keptOf(admin, namespace, to)
  if (target.revision >= current.revision)
    throw new AdminError(409, 'ERR_PUBLISH_CONFLICT', `to: expected a revision before ${current.revision}, got ${to}`, {
      current: current.revision,
    })
  const revision = current.revision + 1
  // Its tests are not run: what was in force before must be reachable at night.
  const document = { namespace, revision, text: repeatedText(target.text, revision, target.revision) }
  return admin.publisher.publish(call, document, current.revision, current)
}

async function history(admin: Admin, namespace: string): Promise<Answer> {
  const kept = await allKept(admin, namespace)
  const { rows: entries } = await admin.audit.read({ namespace, limit: 1_000 })
  const published = entries.filter(({ action, outcome }) => outcome === 'done' && /^(?:policies|subjects)\./.test(action))
  const rows = kept.map(({ revision, at, text }) => {
    const entry = published.find(
      ({ target, after }) => target === String(revision) || (after as { revision?: number } | undefined)?.revision === revision,
    )
    const { rollbackOf = null, description = null } = headOf(text)
    return { revision, at: at ?? entry?.at ?? null, by: entry?.who ?? null, note: entry?.note ?? null, rollbackOf, description }
  })
  return json(200, { rows })
}

/** The document of the place. @throws AdminError (404) */
export async function storedOf({ publisher }: Admin, namespace: string): Promise<StoredDocument> {
  const stored = await publisher.writer.read(namespace)
  if (stored !== undefined) return stored
  throw new AdminError(404, 'ERR_ADMIN_REQUEST', `namespace: expected one that ${publisher.writer.name} has, got ${namespace}`)
}

async function allKept({ publisher }: Admin, namespace: string): Promise<readonly PublishedRevision[]> {
  const { writer } = publisher
  if (writer.history === undefined) throw new AdminError(409, 'ERR_ADMIN_REQUEST', `${writer.name} keeps no history`)
  return await writer.history(namespace)
}

/** A revision of the history. @throws AdminError (404) */
export async function keptOf(admin: Admin, namespace: string, revision: number): Promise<PublishedRevision> {
  const kept = await allKept(admin, namespace)
  const found = kept.find((each) => each.revision === revision)
  if (found !== undefined) return found
  const known = kept.slice(0, 20).map((each) => each.revision)
  throw new AdminError(404, 'ERR_ADMIN_REQUEST', `revision: expected one that was kept (${known.join(', ') || 'none'}), got ${revision}`)
}

/** A revision of another version of Sluice may not be valid here. */
function headOf(text: string): { readonly rollbackOf?: number | undefined; readonly description?: string | undefined } {
  try {
    const { rollbackOf, description } = parseDocument(text)
    return { rollbackOf, description: description?.split('\n')[0] }
  } catch {
    return {}
  }
}
