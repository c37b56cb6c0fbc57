import { pause, type PolicySource, type Snapshot, type SourceEvent } from '@sluice/core/store-kit'
import { follow, snapshotOf } from './http/changes.ts'
import { ACCEPT_STREAM, Documents } from './http/documents.ts'
import { discard } from './http/fetch.ts'
import { type HttpSettings, type HttpSourceOptions, settingsOf } from './http/options.ts'
import { get, isStream } from './http/request.ts'

/**
 * A document at a URL, asked for again and again; or all documents of a server that sends their changes as events. The server decides
 * which: it answers with a document, or with `text/event-stream`.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { httpSource, policyFeed } from '@sluice/policies'
 *
 * const headers = { authorization: `Bearer ${process.env['POLICY_TOKEN']}` }
 * const feed = await policyFeed({ source: httpSource('https://config.example.com/sluice.yaml', { headers }) })
 * ```
 */
export function httpSource(url: string, options: HttpSourceOptions = {}): PolicySource {
  const settings = settingsOf(url, options)
  const documents = new Documents(settings)
  // Without the query, which may have a signature.
  const name = `${settings.url.origin}${settings.url.pathname}`
  let sendsEvents = false
  return {
    name,
    async load(signal: AbortSignal): Promise<Snapshot> {
      const deadline = documents.deadline(signal)
      try {
        const response = await get(settings, { accept: ACCEPT_STREAM, ...documents.condition }, deadline)
        sendsEvents = isStream(response)
        if (sendsEvents) return await snapshotOf(response)
        const answer = await documents.read(response, deadline)
        const text = answer.kind === 'missing' ? undefined : documents.text
        return { documents: text === undefined ? [] : [{ key: name, text }] }
      } finally {
        deadline.end()
      }
    },
    async watch(cursor, emit, signal: AbortSignal): Promise<void> {
      try {
        if (sendsEvents) await listen(settings, documents, cursor, emit, signal)
        else await poll(settings, documents, name, emit, signal)
      } catch (error) {
        // The request was aborted with the watch.
        if (!signal.aborted) throw error
      }
    },
  }
}

/** Ends when the server ends the stream: then all is loaded again. */
async function listen(
  settings: HttpSettings,
  documents: Documents,
  cursor: string | undefined,
  emit: (event: SourceEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const deadline = documents.deadline(signal)
  try {
    const since: Record<string, string> = cursor === undefined || cursor === '' ? {} : { 'last-event-id': cursor }
    const response = await get(settings, { accept: ACCEPT_STREAM, ...since }, deadline)
    if (isStream(response)) await follow(response, emit, deadline, settings.idleTimeout)
    else await discard(response)
  } finally {
    deadline.end()
  }
}

/** Ends when the server begins to send events. */
async function poll(
  { interval, clock }: HttpSettings,
  documents: Documents,
  key: string,
  emit: (event: SourceEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    // The processes of a fleet that began together do not ask together for ever.
    await pause(interval * (0.9 + Math.random() * 0.2), clock, signal)
    if (signal.aborted) return
    const answer = await documents.ask(signal)
    if (answer.kind === 'text') emit({ type: 'put', key, text: answer.text })
    else if (answer.kind === 'missing') emit({ type: 'missing', key })
    else if (answer.kind === 'same') emit({ type: 'progress' })
    else return
  }
}
