import type { IncomingMessage } from 'node:http'
import { SluiceError } from '@sluice/core'
import { RequestError } from './request-error.ts'
import type { Exchange } from './route.ts'

/**
 * Reads the body of a request as JSON.
 * @throws ERR_REQUEST_MEDIA unless it is sent as JSON; ERR_REQUEST_TOO_LARGE; ERR_REQUEST_INVALID
 */
export async function readJson({ incoming, maxBody }: Pick<Exchange, 'incoming' | 'maxBody'>): Promise<unknown> {
  checkType(incoming)
  const bytes = await readBytes(incoming, maxBody)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new RequestError([{ path: '', message: 'expected a body in UTF-8, got other bytes' }])
  }
  try {
    return JSON.parse(text) as unknown
  } catch {
    // The message of the parser repeats some of the text, which may be a credential.
    throw new RequestError([{ path: '', message: `expected a body of JSON, got ${bytes.length} bytes that are none` }])
  }
}

/** A page of another site can send no JSON without asking first, so no visitor of it can take units here. */
function checkType({ headers }: IncomingMessage): void {
  const type =
    /^[^;]*/
      .exec(headers['content-type'] ?? '')?.[0]
      .trim()
      .toLowerCase() ?? ''
  if (type === 'application/json' || /^application\/[\w.-]+\+json$/.test(type)) return
  throw new SluiceError('ERR_REQUEST_MEDIA', 'expected the header Content-Type: application/json, got another one or none')
}

function readBytes(incoming: IncomingMessage, max: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    incoming.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= max) return void chunks.push(chunk)
      // What is left is read and dropped, so that the client gets the answer.
      chunks.length = 0
      reject(tooLarge(max))
    })
    incoming.once('end', () => resolve(Buffer.concat(chunks)))
    incoming.once('error', reject)
    incoming.once('close', () => reject(new RequestError([{ path: '', message: 'the client left before it had sent the body' }])))
  })
}

function tooLarge(max: number): SluiceError {
  return new SluiceError('ERR_REQUEST_TOO_LARGE', `expected a body of at most ${max} bytes, got more; send fewer entries at a time`)
}
