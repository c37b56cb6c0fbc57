import type { IncomingMessage } from 'node:http'
import { systemClock } from '@sluice/core'
import { AdminError } from './admin-error.ts'

/** A document of 1 MiB, with room for the escapes of JSON. */
export const MAX_BYTES: number = 3 * 1_048_576
/** ms for a whole body. */
const TIMEOUT = 10_000

/** The object that a request has as its body; an empty one without a body. @throws AdminError with status 400, 408, 413 or 415 */
export async function jsonBody(incoming: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const text = (await bytesOf(incoming)).toString('utf8')
  if (text.trim() === '') return {}
  const type = incoming.headers['content-type'] ?? ''
  // A page of another site cannot send this type without asking first, also where the browser adds a certificate.
  if (!/^application\/json\s*(?:;|$)/i.test(type)) throw new AdminError(415, 'ERR_ADMIN_REQUEST', 'body: expected application/json')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new AdminError(400, 'ERR_ADMIN_REQUEST', `body: expected JSON: ${(error as Error).message}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new AdminError(422, 'ERR_ADMIN_REQUEST', 'body: expected an object')
  return value as Record<string, unknown>
}

function bytesOf(incoming: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    const fail = (error: Error): void => {
      cancel()
      incoming.off('data', take)
      // What still comes is read and dropped, so that the answer can be sent.
      incoming.resume()
      reject(error)
    }
    const take = (chunk: Buffer): void => {
      length += chunk.length
      if (length > MAX_BYTES) fail(new AdminError(413, 'ERR_ADMIN_REQUEST', `body: expected at most ${MAX_BYTES} bytes`))
      else chunks.push(chunk)
    }
    const cancel = systemClock.after(TIMEOUT, () =>
      fail(new AdminError(408, 'ERR_ADMIN_REQUEST', `body: expected all of it in ${TIMEOUT} ms`)),
    )
    incoming.on('data', take)
    incoming.once('end', () => {
      cancel()
      resolve(Buffer.concat(chunks))
    })
    incoming.once('error', fail)
    incoming.once('close', () => fail(new AdminError(400, 'ERR_ADMIN_REQUEST', 'body: the connection was closed before its end')))
  })
}
