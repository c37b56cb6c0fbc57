import type { SourceDocument, SourceEvent } from '@sluice/core/store-kit'
import type { Deadline } from './deadline.ts'
import { EventStream } from './event-stream.ts'
import { chunksOf, type FetchedResponse } from './fetch.ts'
import { MAX } from '../../schema-parts.ts'

/** A document in JSON may be longer than its text. */
const MAX_EVENT = 4 * MAX.bytes
const MAX_DOCUMENTS = 1_000

type Change = SourceEvent & { readonly cursor?: string | undefined }

/** The changes that a server sends. `heard` is called whenever anything comes, also a comment. */
async function* changesOf(response: FetchedResponse, heard: () => void): AsyncGenerator<Change, void, undefined> {
  const stream = new EventStream(MAX_EVENT)
  for await (const chunk of chunksOf(response)) {
    heard()
    for (const { type, data, id } of stream.push(chunk)) {
      if (type === 'progress') yield { type, cursor: id }
      else if (type === 'resync') yield { type }
      else if (type === 'put' || type === 'missing') {
        const { key, text } = fieldsOf(type, data)
        yield type === 'put' ? { type, key, text, cursor: id } : { type, key, cursor: id }
      }
      // Other events are of later versions of the protocol.
    }
  }
}

function fieldsOf(type: string, data: string): { readonly key: string; readonly text: string } {
  const { key, text = type === 'put' ? undefined : '' } = parsed(data)
  if (typeof key !== 'string' || typeof text !== 'string')
    throw new Error(`the server sent an event "${type}" without ${type === 'put' ? '{ key, text }' : '{ key }'} in JSON`)
  return { key, text }
}

function parsed(data: string): { readonly key?: unknown; readonly text?: unknown } {
  try {
    return (JSON.parse(data) ?? {}) as object
  } catch {
    return {}
  }
}

/** All documents of a server that sends events: what comes before the first `progress`. */
export async function snapshotOf(
  response: FetchedResponse,
): Promise<{ readonly cursor: string | undefined; readonly documents: SourceDocument[] }> {
  const texts = new Map<string, string>()
  for await (const change of changesOf(response, () => undefined)) {
    if (change.type === 'put') texts.set(change.key, change.text)
    else if (change.type === 'missing') texts.delete(change.key)
    else if (change.type === 'resync') throw new Error('the server sent "resync" before it sent its documents')
    else return { cursor: change.cursor, documents: Array.from(texts, ([key, text]) => ({ key, text })) }
    if (texts.size > MAX_DOCUMENTS) throw new Error(`the server has more than ${MAX_DOCUMENTS} documents`)
  }
  throw new Error('the stream ended before all documents had come')
}

/** Reports each change until the stream ends. */
export async function follow(
  response: FetchedResponse,
  emit: (event: SourceEvent) => void,
  deadline: Deadline,
  idleTimeout: number,
): Promise<void> {
  const heard = (): void => deadline.within(idleTimeout, `the stream was silent for ${idleTimeout} ms`)
  heard()
  for await (const change of changesOf(response, heard)) emit(change)
}
