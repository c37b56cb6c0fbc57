import { invalid } from '@sluice/core/store-kit'
import type { EventBatch, EventSink } from '../events.ts'

/** The part of a writable stream of Node that is used. */
export interface LineStream {
  write(text: string, done: (error?: Error | null) => void): unknown
  on?(event: 'error', listener: () => void): unknown
}

/**
 * Writes each event as a line of JSON, with its `topic`. A file is opened for each batch, so that it may be renamed and begun anew at any time. A
 * stream is not ended.
 * @param target the path of a file, which only its owner can read, or a stream such as `process.stdout`
 * @throws ERR_OPTION_INVALID
 * @example
 * ```ts
 * import { decisionEvents, jsonLines } from '@sluice/telemetry'
 *
 * const events = decisionEvents({ sink: jsonLines(process.stdout), subjects: 'plain' })
 * await events.close()
 * ```
 */
export function jsonLines(target: string | LineStream): EventSink {
  if (typeof target === 'string' && target !== '') return { name: target, send: (batch) => append(target, linesOf(batch)) }
  if (typeof target !== 'object' || typeof target?.write !== 'function')
    throw invalid('jsonLines', 'the path of a file, or a stream', target)
  // The application handles its stream. Without a listener, an error of it would end the process.
  target.on?.('error', () => undefined)
  return { name: 'of a stream', send: (batch) => write(target, linesOf(batch)) }
}

function linesOf({ topic, events }: EventBatch): string {
  return events.map((event) => `${JSON.stringify({ topic, ...event })}\n`).join('')
}

async function append(path: string, text: string): Promise<void> {
  // Imported when it is used, so that an edge runtime without files can load this package.
  const { appendFile } = await import('node:fs/promises')
  await appendFile(path, text, { mode: 0o600 })
}

function write(stream: LineStream, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => (error ? reject(error) : resolve()))
  })
}
