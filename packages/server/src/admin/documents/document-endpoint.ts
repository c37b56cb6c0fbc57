import type { Clock } from '@sluice/core'
import type { PolicyFeed } from '@sluice/policies'
import { EventStreams, type Reader } from '../../http/event-streams.ts'
import type { Answer } from '../../http/route.ts'
import type { Admin } from '../admin.ts'
import { AdminError } from '../admin-error.ts'
import type { Call, Endpoints } from '../endpoint.ts'
import { currentOf, etagOf } from '../policies/current.ts'
import { RevisionLog } from './revision-log.ts'

/** Processes that follow the documents at a time. */
const MAX_READERS = 10_000
/** ms between two events that say that nothing has changed. */
const PROGRESS = 15_000

/** The documents for other processes, as `httpSource` reads them. */
export function documentEndpoints(admin: Admin): Endpoints {
  const streams = new EventStreams(MAX_READERS)
  const log = new RevisionLog(admin.feed)
  admin.onClose(() => {
    streams.close()
    log.close()
  })
  return [
    {
      method: 'GET',
      path: '/v1/policies',
      action: 'read',
      namespace: ({ query }) => query.get('namespace') ?? undefined,
      summary: 'The documents for httpSource(): their texts and changes as events, or for Accept: application/yaml the one of `namespace`.',
      handle: (call) => {
        const isStream = (call.exchange.incoming.headers.accept ?? '').includes('text/event-stream')
        if (!isStream) return one(admin, call)
        return streams.answer((reader) => new Follower(reader, log, admin, call).start())
      },
    },
  ]
}

/** One document. @throws AdminError (400) without a name, if there are several */
function one({ feed }: Admin, { query, exchange, identity }: Call): Answer {
  const names = feed.namespaces.filter((name) => identity.scopes.allows('read', name))
  const namespace = query.get('namespace') ?? (names.length === 1 ? names[0] : undefined)
  if (namespace === undefined)
    throw new AdminError(400, 'ERR_ADMIN_REQUEST', 'namespace: expected one of several, got none; or accept text/event-stream')
  const { text } = currentOf(feed, namespace)
  const etag = etagOf(text)
  const headers = [
    ['ETag', etag],
    ['Cache-Control', 'no-cache'],
  ] as const
  if (exchange.incoming.headers['if-none-match'] === etag) return { status: 304, headers }
  return { status: 200, headers: [...headers, ['Content-Type', 'application/yaml']], body: text }
}

/** Sends one reader what it has not read yet, and then each change. */
class Follower {
  private readonly reader: Reader
  private readonly log: RevisionLog
  private readonly feed: PolicyFeed
  private readonly clock: Required<Clock>
  private readonly since: string | undefined
  private readonly mayRead: (namespace: string) => boolean
  /** What must still be sent, in order. */
  private readonly due = new Set<string>()
  private isSending = false
  private cancel: () => void = () => undefined

  constructor(reader: Reader, log: RevisionLog, { feed, clock }: Admin, { query, exchange, identity }: Call) {
    this.reader = reader
    this.log = log
    this.feed = feed
    this.clock = clock
    const { 'last-event-id': since } = exchange.incoming.headers
    this.since = typeof since === 'string' && since !== '' ? since : undefined
    const only = query.get('namespace')
    this.mayRead = (namespace) => (only === null || namespace === only) && identity.scopes.allows('read', namespace)
  }

  /** Returns what to call when the reader has left. */
  start(): () => void {
    const { log, since } = this
    const missed = since === undefined ? log.namespaces : log.since(since)
    if (missed === undefined) {
      // The numbers of another instance, or of this one before it began again: all is read again.
      this.reader.send('resync', {})
      this.reader.end()
      return () => undefined
    }
    const unsubscribe = log.subscribe((namespace) => this.add([namespace]))
    this.add(missed)
    this.progressAgain()
    return () => {
      unsubscribe()
      this.cancel()
    }
  }

  private add(namespaces: readonly string[]): void {
    for (const namespace of namespaces) if (this.mayRead(namespace)) this.due.add(namespace)
    if (!this.isSending) void this.send()
  }

  /** One document at a time, as fast as the reader takes them. */
  private async send(): Promise<void> {
    this.isSending = true
    for (const namespace of this.due) {
      this.due.delete(namespace)
      const text = this.feed.inForce(namespace)?.text
      if (text !== undefined) this.reader.send('put', { key: namespace, text })
      await this.reader.drained()
    }
    this.isSending = false
    this.reader.send('progress', {}, this.log.cursor)
  }

  private progressAgain(): void {
    this.cancel = this.clock.after(PROGRESS, () => {
      // While the source of this service is away, nobody knows whether something has changed.
      if (!this.isSending && this.feed.health().source === 'connected') this.reader.send('progress', {}, this.log.cursor)
      this.progressAgain()
    })
  }
}
