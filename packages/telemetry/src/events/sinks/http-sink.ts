import { invalid, knownOptions } from '@sluice/core/store-kit'
import { DECISIONS, type EventBatch, type EventSink, type SinkRefusal, USAGE } from '../events.ts'

/** The options of `httpSink`. */
export interface HttpSinkOptions {
  /** Where batches are posted: one URL, or one for each topic. User and password in it are not sent: use `headers`. */
  readonly url: string | URL | { readonly decisions: string | URL; readonly usage: string | URL }
  /** Further headers, such as `authorization`. Default: none. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Whether bodies are compressed by gzip. Default: `true`. */
  readonly gzip?: boolean | undefined
}

/** What a repetition does not change: the request itself is not valid. */
const FINAL: readonly number[] = [400, 413, 415, 422]
/** Characters of an answer that a warning shows. */
const MAX_SHOWN = 200

/**
 * Posts each batch as lines of JSON. Any status of 2xx takes the batch. After 400, 413, 415 and 422 its events are dropped; after anything else it
 * is sent again, not before `Retry-After` has passed.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { decisionEvents, httpSink } from '@sluice/telemetry'
 *
 * const insert = (table: string) => `http://127.0.0.1:8123/?query=${encodeURIComponent(`INSERT INTO ${table} FORMAT JSONEachRow`)}`
 * const sink = httpSink({ url: { decisions: insert('decisions_in'), usage: insert('usage_in') } })
 * const events = decisionEvents({ sink, secret: process.env['SLUICE_SECRET'] ?? 'only-for-this-example' })
 * await events.close()
 * ```
 */
export function httpSink(options: HttpSinkOptions): EventSink {
  knownOptions('httpSink', options, ['url', 'headers', 'gzip'])
  const { headers, gzip = true } = options
  const urls = urlsOf(options.url)
  if (typeof gzip !== 'boolean') throw invalid('httpSink: gzip', 'true or false', gzip)
  const isCompressed = gzip && typeof CompressionStream === 'function'
  const own = new Headers(headers)
  own.set('content-type', 'application/x-ndjson')
  if (isCompressed) own.set('content-encoding', 'gzip')
  return {
    name: new URL(urls[USAGE]).origin,
    async send(batch: EventBatch, signal: AbortSignal): Promise<void> {
      const text = batch.events.map((event) => `${JSON.stringify(event)}\n`).join('')
      const body = isCompressed ? await compressed(text) : text
      const init = {
        method: 'POST',
        headers: new Headers([...own, ['sluice-topic', batch.topic]]),
        body,
        signal,
        redirect: 'manual',
      } as const
      const response = await fetch(urls[batch.topic], init)
      // The connection is free for the next batch only when the body was read.
      const answer = await response.text()
      if (!response.ok) throw errorOf(response, answer)
    },
  }
}

function errorOf({ status, headers }: Response, answer: string): Error & SinkRefusal {
  const seconds = Number(headers.get('retry-after') ?? 0)
  const said = answer.trim() === '' ? '' : `: ${answer.trim().slice(0, MAX_SHOWN)}`
  const refusal = { isFinal: FINAL.includes(status), retryAfter: seconds > 0 ? seconds * 1_000 : undefined }
  return Object.assign(new Error(`status ${status}${said}`), refusal)
}

function compressed(text: string): Promise<ArrayBuffer> {
  return new Response(new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'))).arrayBuffer()
}

function urlsOf(url: HttpSinkOptions['url']): Readonly<Record<EventBatch['topic'], string>> {
  const isOne = typeof url === 'string' || url instanceof URL
  if (!isOne) knownOptions('httpSink: url', url, ['decisions', 'usage'])
  const [decisions, usage] = isOne ? [url, url] : [url.decisions, url.usage]
  return { [DECISIONS]: checked(decisions), [USAGE]: checked(usage) }
}

function checked(url: unknown): string {
  const parsed = URL.canParse(String(url)) ? new URL(String(url)) : undefined
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) throw invalid('httpSink: url', 'a URL that begins with http', url)
  // fetch refuses a URL with a password, and the message of its error would show it.
  if (parsed.username !== '' || parsed.password !== '')
    throw invalid('httpSink: url', 'a URL without user and password, which belong into headers', parsed.origin)
  return parsed.href
}
