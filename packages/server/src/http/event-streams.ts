import type { ServerResponse } from 'node:http'
import { systemClock } from '@sluice/core'
import { problem } from './answers.ts'
import type { Answer } from './route.ts'

/** ms between two comments, so that neither side nor a proxy takes a quiet stream for a dead one. */
const HEARTBEAT = 15_000
/** Bytes that may wait for a reader. One that is slower is cut, and connects again. */
const MAX_WAITING = 1_048_576

/** One reader of a stream of events. */
export interface Reader {
  /** Sends an event: `data` as JSON, on one line. */
  send(event: string, data: unknown, id?: string): void
  /** Resolves when the reader has taken what was sent, or has left. */
  drained(): Promise<void>
  /** Ends the stream. */
  end(): void
}

/** The readers of a stream of events (`text/event-stream`). */
export class EventStreams {
  private readonly most: number
  private readonly responses = new Set<ServerResponse>()
  private isClosed = false

  /** @param most how many readers there may be at a time */
  constructor(most: number) {
    this.most = most
  }

  get size(): number {
    return this.responses.size
  }

  /** The answer that opens a stream. @param opened called with its reader; returns what to call when the reader has left */
  answer(opened: (reader: Reader) => () => void): Answer {
    if (this.isClosed || this.responses.size >= this.most)
      return { ...problem(503, `Expected fewer than ${this.most} readers of this stream.`), headers: [['Retry-After', '5']] }
    return {
      status: 200,
      headers: [
        ['Content-Type', 'text/event-stream'],
        ['Cache-Control', 'no-store'],
        // nginx would keep events until it has many.
        ['X-Accel-Buffering', 'no'],
      ],
      body: (response) => this.open(response, opened),
    }
  }

  close(): void {
    this.isClosed = true
    for (const response of this.responses) response.end()
  }

  private open(response: ServerResponse, opened: (reader: Reader) => () => void): void {
    this.responses.add(response)
    const write = (text: string): void => {
      if (response.destroyed || response.writableEnded) return
      if (response.writableLength > MAX_WAITING) response.destroy()
      else response.write(text)
    }
    let cancel: () => void = () => undefined
    const beat = (): void => {
      write(': alive\n\n')
      cancel = systemClock.after(HEARTBEAT, beat)
    }
    beat()
    const left = opened({
      drained: () => drained(response),
      send: (event, data, id) => write(eventText(event, data, id)),
      end: () => void response.end(),
    })
    response.once('close', () => {
      cancel()
      this.responses.delete(response)
      left()
    })
  }
}

/** An event as it is sent. */
function eventText(event: string, data: unknown, id?: string): string {
  return `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`
}

function drained(response: ServerResponse): Promise<void> {
  if (!response.writableNeedDrain || response.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    const end = (): void => {
      response.off('drain', end)
      response.off('close', end)
      resolve()
    }
    response.on('drain', end)
    response.on('close', end)
  })
}
