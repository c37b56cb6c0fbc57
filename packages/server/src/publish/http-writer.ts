import { systemClock } from '@sluice/core'
import { parseDocument } from '@sluice/policies'
import { failed } from './failed.ts'
import type { PolicyWriter, StoredDocument, WriteAnswer } from './writer.ts'

/** ms for a whole answer. */
const TIMEOUT = 10_000

interface Answer {
  readonly status: number
  readonly text: string
  readonly etag: string | undefined
}

/**
 * A document at a URL that `httpSource` reads. It is written by PUT with the ETag that was read, so that the server refuses a writer that
 * has not read the last one.
 * @param token sent as `Authorization: Bearer`
 */
export function httpWriter(to: string, token: string | undefined): PolicyWriter {
  const url = new URL(to)
  const name = `${url.origin}${url.pathname}`
  let etag: string | undefined
  const ask = async (method: 'GET' | 'PUT', headers: Record<string, string>, body?: string): Promise<Answer> => {
    const abort = new AbortController()
    const stop = systemClock.after(TIMEOUT, () => abort.abort())
    try {
      const response = await fetch(url, {
        method,
        // A redirection would send the token to another server.
        redirect: 'error',
        signal: abort.signal,
        headers: { ...headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
        ...(body === undefined ? {} : { body }),
      })
      return { status: response.status, text: await response.text(), etag: response.headers.get('etag') ?? undefined }
    } catch (error) {
      const { cause, message } = error as { readonly cause?: unknown; readonly message: string }
      throw failed(
        `${name} cannot be reached: ${abort.signal.aborted ? `no answer in ${TIMEOUT} ms` : cause instanceof Error ? cause.message : message}`,
        error,
      )
    } finally {
      stop()
    }
  }
  const read = async (namespace: string | undefined): Promise<StoredDocument | undefined> => {
    const { status, text, etag: tag } = await ask('GET', { accept: 'application/yaml, application/json, text/plain' })
    etag = tag
    if (status === 404 || status === 410 || status === 204 || (status === 200 && text.trim() === '')) return undefined
    if (status !== 200)
      throw failed(`${name} cannot be read: it answers with status ${status}${status === 401 ? '; set SLUICE_TOKEN' : ''}`)
    const document = parseDocument(text, { source: name })
    if (namespace !== undefined && document.namespace !== namespace)
      throw failed(`${name} has the namespace "${document.namespace}", not "${namespace}"; publish to another URL`)
    return { namespace: document.namespace, revision: document.revision, text }
  }
  return {
    name,
    read,
    async write(document, previous): Promise<WriteAnswer> {
      // The ETag must be that of the revision which the caller knows.
      const stored = await read(document.namespace)
      if ((stored?.revision ?? 0) !== previous) return { isPublished: stored?.text === document.text, current: stored?.revision }
      if (stored !== undefined && etag === undefined)
        throw failed(`${name} sends no ETag, so two publishers could overwrite each other; use a server that sends one`)
      const condition: Record<string, string> = stored === undefined || etag === undefined ? { 'if-none-match': '*' } : { 'if-match': etag }
      const { status } = await ask('PUT', { 'content-type': 'application/yaml', ...condition }, document.text)
      if (status === 200 || status === 201 || status === 204) return { isPublished: true, current: document.revision }
      if (status === 412 || status === 409) return { isPublished: false, current: (await read(document.namespace))?.revision }
      throw failed(`${name} cannot be written: it answers with status ${status}${status === 401 ? '; set SLUICE_TOKEN' : ''}`)
    },
    close() {},
  }
}
