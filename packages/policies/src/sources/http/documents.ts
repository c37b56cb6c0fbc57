import { MAX } from '../../schema-parts.ts'
import { Deadline } from './deadline.ts'
import { discard, type FetchedResponse, textOf } from './fetch.ts'
import type { HttpSettings } from './options.ts'
import { get, hasKnownEnd, isStream } from './request.ts'

/** What a server answered that has one document. */
export type Answer =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'same' }
  | { readonly kind: 'missing' }
  /** The server sends events now. The answer is not read. */
  | { readonly kind: 'stream' }

const ACCEPT = 'application/yaml, application/json;q=0.9, text/plain;q=0.8, */*;q=0.5'
/** The server chooses events if it has them. */
export const ACCEPT_STREAM: string = `text/event-stream, ${ACCEPT}`

/** Asks a server for its one document, and knows whether it is the one of the last time. */
export class Documents {
  private readonly settings: HttpSettings
  private etag: string | undefined
  private last: { readonly text: string } | undefined

  constructor(settings: HttpSettings) {
    this.settings = settings
  }

  /** The text of the last answer that had one. */
  get text(): string | undefined {
    return this.last?.text
  }

  /** The headers that let the server answer 304. */
  get condition(): Readonly<Record<string, string>> {
    return this.etag === undefined ? {} : { 'if-none-match': this.etag }
  }

  async ask(signal: AbortSignal): Promise<Answer> {
    const deadline = this.deadline(signal)
    try {
      const response = await get(this.settings, { accept: ACCEPT, ...this.condition }, deadline)
      if (!isStream(response)) return await this.read(response, deadline)
      await discard(response)
      return { kind: 'stream' }
    } finally {
      deadline.end()
    }
  }

  /** A deadline for one answer. */
  deadline(signal: AbortSignal): Deadline {
    const { timeout, clock } = this.settings
    const deadline = new Deadline(signal, clock)
    deadline.within(timeout, `no whole answer within ${timeout} ms`)
    return deadline
  }

  async read(response: FetchedResponse, deadline: Deadline): Promise<Answer> {
    const { status, headers } = response
    if (status === 304 && this.last !== undefined) {
      await discard(response)
      return { kind: 'same' }
    }
    if (status === 404 || status === 410 || status === 204) {
      await discard(response)
      return this.missing()
    }
    if (status !== 200) {
      await discard(response)
      const advice = status === 401 || status === 403 ? '; check the option headers' : ''
      throw new Error(`the server answered ${status}${advice}`)
    }
    const text = await textOf(response, MAX.bytes)
    if (!hasKnownEnd(response)) await this.confirm(text, deadline)
    if (text.trim() === '') return this.missing()
    this.etag = headers.get('etag') ?? undefined
    if (text === this.last?.text) return { kind: 'same' }
    this.last = { text }
    return { kind: 'text', text }
  }

  /** A half document may be a valid one, with fewer limits. Two that are cut are cut at two places. */
  private async confirm(text: string, deadline: Deadline): Promise<void> {
    const again = await get(this.settings, { accept: ACCEPT }, deadline)
    if (again.status !== 200 || (await textOf(again, MAX.bytes)) !== text)
      throw new Error('the answer has no known end, and two of them differ; let the server send Content-Length, and no Content-Encoding')
  }

  private missing(): Answer {
    this.etag = undefined
    this.last = undefined
    return { kind: 'missing' }
  }
}
