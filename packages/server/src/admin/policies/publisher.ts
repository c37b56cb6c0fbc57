import type { Clock } from '@sluice/core'
import { diffDocuments, parseDocument, PolicyError, type PolicyFeed, runTests } from '@sluice/policies'
import { json } from '../../http/answers.ts'
import type { Answer } from '../../http/route.ts'
import type { PolicyWriter, StoredDocument } from '../../publish/writer.ts'
import { AdminError } from '../admin-error.ts'
import type { Call } from '../endpoint.ts'
import type { InstanceList } from '../instances/instance.ts'
import { optionalText, wrong } from '../read.ts'
import { etagOf } from './current.ts'
import type { Publications } from './publications.ts'

/** A note in the audit log. */
export const MAX_NOTE = 500
/** ms that `wait` waits for every instance, at most and by default. */
const MAX_WAIT = 25_000
/** ms that this instance gets to take a new document over, before the answer says that it has not. */
const TAKE_OVER = 2_000
/** Requests that the tests of a document may send here: more would keep the service from its own work. */
const MAX_TEST_REQUESTS = 200_000

/** What a publisher works with. */
interface PublisherParts {
  readonly feed: PolicyFeed
  readonly clock: Required<Clock>
  readonly instances: InstanceList
  readonly publications: Publications
  /** `undefined`: the service does not know where its documents come from. */
  readonly place: PolicyWriter | undefined
}

/** How long it took until every instance had the document; `null`: it is not known who has it. */
interface Waited {
  readonly waitedMs: number
  readonly laggards: readonly string[] | null
  readonly waitFailed?: string
}

/** Publishes documents to the place that this service follows, in the way of `sluice policies publish`. */
export class Publisher {
  private readonly parts: PublisherParts

  constructor(parts: PublisherParts) {
    this.parts = parts
  }

  /** @throws AdminError (409) if the service does not know where its documents come from */
  get writer(): PolicyWriter {
    const { place } = this.parts
    if (place !== undefined) return place
    throw new AdminError(
      409,
      'ERR_ADMIN_REQUEST',
      'admin.publishTo: expected the place of the documents, got nothing; set it, or publish with  sluice policies publish',
    )
  }

  /** Publishes a document that is valid, over the revision `previous`. @throws AdminError (409) with the current revision */
  async publish(call: Call, document: StoredDocument, previous: number, before: StoredDocument | undefined): Promise<Answer> {
    const { audit, body } = call
    const { namespace, revision } = document
    const wait = waitOf(body)
    audit.target = String(revision)
    audit.note ??= optionalText(body, 'note', MAX_NOTE)
    audit.before = before && shortOf(before)
    const { writer } = this
    const { isPublished, current = 0 } = await writer.write(document, previous)
    if (!isPublished) {
      const reason = `revision ${revision} is not published: ${writer.name} has revision ${current === 0 ? 'none' : current} now, and ${previous === 0 ? 'none' : previous} was expected`
      throw new AdminError(409, 'ERR_PUBLISH_CONFLICT', reason, { current })
    }
    audit.after = shortOf(document)
    this.parts.publications.note(namespace, revision, call.identity.name)
    const isInForce = await this.takeOver(document)
    const changes = before === undefined ? [] : changesOf(before.text, document.text)
    const waited = wait === undefined ? {} : await this.waitFor(namespace, revision, wait)
    return json(200, { namespace, revision, previous: before?.revision ?? null, inForce: isInForce, changes, ...waited })
  }

  /** Reads the source now, rather than when it says that something has changed. */
  private async takeOver({ namespace, revision }: StoredDocument): Promise<boolean> {
    const { feed, clock } = this.parts
    const isInForce = (): boolean => (feed.inForce(namespace)?.document.revision ?? 0) >= revision
    if (isInForce()) return true
    let cancel: () => void = () => undefined
    const late = new Promise<void>((resolve) => (cancel = clock.after(TAKE_OVER, resolve)))
    await Promise.race([feed.refresh().catch(() => undefined), late])
    cancel()
    return isInForce()
  }

  private async waitFor(namespace: string, revision: number, ms: number): Promise<Waited> {
    const { instances, clock } = this.parts
    const from = clock.monotonic()
    try {
      const laggards = await instances.waitFor(namespace, revision, ms)
      return { waitedMs: Math.round(clock.monotonic() - from), laggards }
    } catch (error) {
      // The document is published, whatever is known of the others.
      return { waitedMs: Math.round(clock.monotonic() - from), laggards: null, waitFailed: (error as Error).message }
    }
  }
}

/**
 * A document that may be published: valid, of this namespace, and with tests that pass.
 * @throws PolicyError; AdminError (422) with `problems` for a test that fails
 */
export function publishable(namespace: string, text: string): StoredDocument {
  const document = parseDocument(text, { source: 'text' })
  if (document.namespace !== namespace) throw new PolicyError('text', [otherNamespace(namespace, document.namespace)])
  const requests = (document.tests ?? []).reduce((sum, { times = 1 }) => sum + times, 0)
  if (requests > MAX_TEST_REQUESTS)
    throw new AdminError(
      422,
      'ERR_ADMIN_REQUEST',
      `tests: expected at most ${MAX_TEST_REQUESTS} requests, got ${requests}; publish with  sluice policies publish`,
    )
  const problems = runTests(document).flatMap(({ name, failures }) =>
    failures.map((failure) => ({ path: 'tests', message: `${name}: ${failure}` })),
  )
  if (problems.length > 0)
    throw new AdminError(422, 'ERR_ADMIN_REQUEST', `text: expected tests that pass, got ${problems.length} that fail`, { problems })
  return { namespace, revision: document.revision, text }
}

export function otherNamespace(
  expected: string,
  got: string,
): { readonly path: string; readonly message: string; readonly line: undefined; readonly column: undefined } {
  return { path: 'namespace', message: `expected ${expected}, got ${got}`, line: undefined, column: undefined }
}

/** What the audit log has of a document: its text is in the history. */
function shortOf({ revision, text }: StoredDocument): object {
  return { revision, etag: etagOf(text) }
}

/** `undefined` for a document that was not valid before. */
function changesOf(before: string, after: string): ReturnType<typeof diffDocuments> {
  try {
    return diffDocuments(parseDocument(before), parseDocument(after))
  } catch {
    return []
  }
}

/** ms; `undefined` not to wait. */
function waitOf({ wait }: Call['body']): number | undefined {
  if (wait === undefined || wait === null || wait === false) return undefined
  if (wait === true) return MAX_WAIT
  if (Number.isInteger(wait) && (wait as number) >= 0 && (wait as number) <= MAX_WAIT) return wait as number
  throw wrong('wait', `true, or ms from 0 to ${MAX_WAIT}`, wait)
}
