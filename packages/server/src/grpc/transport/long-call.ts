import { constants, type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { systemClock } from '@sluice/core'
import { afterTurn } from '@sluice/core/store-kit'
import type { EndpointMetrics } from '../../metrics/endpoint-metrics.ts'
import type { CallLimits, CallOrigin } from './call-limits.ts'
import { MessageBuffer } from './message-buffer.ts'
import type { StreamCall, StreamListener, StreamMethod } from './method.ts'
import { ANSWER, trailersOf, WITH_TRAILERS } from './respond.ts'
import { nameOf, STATUS, type StatusCode, StatusError, timeoutOf } from './status.ts'

/** Answers in bytes that wait for a client that reads more slowly than it asks. Beyond it, no more requests are read. */
const FULL = 262_144
/** Beyond it, the call ends: requests that were read before have answers, too. */
const MAX_UNSENT = 4 * 1_048_576

/** A call that lasts: requests come and answers go until one side ends it. */
export class LongCall implements StreamCall {
  readonly headers: IncomingHttpHeaders
  private readonly stream: ServerHttp2Stream
  private readonly limits: CallLimits
  private readonly metrics: EndpointMetrics
  private readonly from: number = systemClock.monotonic()
  private status: StatusCode = STATUS.CANCELLED
  private readonly buffer: MessageBuffer
  private readonly listener: StreamListener
  private readonly cancelDeadline: (() => void) | undefined
  private trailers: OutgoingHttpHeaders | undefined
  private isPaused = false
  /** Whether the answers before must be sent first. */
  private isFull = false
  private isHalfClosed = false

  /** @throws StatusError */
  constructor({ stream, headers, limits, metrics }: CallOrigin, method: StreamMethod) {
    this.stream = stream
    this.headers = headers
    this.limits = limits
    this.metrics = metrics
    this.buffer = new MessageBuffer(limits.maxMessage)
    const timeout = timeoutOf(headers['grpc-timeout'])
    stream.respond(ANSWER, WITH_TRAILERS)
    stream.on('wantTrailers', () => this.finish())
    this.listener = method.stream(this)
    stream.on('data', (chunk: Buffer) => {
      this.buffer.add(chunk)
      this.read()
    })
    stream.on('end', () => {
      this.isHalfClosed = true
      this.read()
    })
    stream.on('close', () => {
      this.cancelDeadline?.()
      this.metrics.answered(nameOf(this.status), systemClock.monotonic() - this.from)
    })
    if (timeout !== undefined) this.cancelDeadline = systemClock.after(timeout, () => this.expire())
  }

  get peer(): string | undefined {
    return this.stream.session?.socket.remoteAddress
  }

  send(frame: Buffer): void {
    const { stream } = this
    if (this.trailers !== undefined || stream.destroyed) return
    stream.write(frame)
    if (stream.writableLength > MAX_UNSENT) this.end(STATUS.RESOURCE_EXHAUSTED, 'the client does not read its answers')
    else if (stream.writableLength > FULL && !this.isFull) this.waitForClient()
  }

  end(status: StatusCode, message = ''): void {
    const { stream } = this
    if (this.trailers !== undefined) return
    this.trailers = trailersOf(status, message)
    this.status = status
    if (stream.destroyed) return
    stream.end()
  }

  pause(): void {
    this.isPaused = true
    this.stream.pause()
  }

  resume(): void {
    if (!this.isPaused) return
    this.isPaused = false
    this.readOn()
  }

  onClose(run: () => void): void {
    this.stream.once('close', run)
  }

  drain(): void {
    this.listener.draining?.()
  }

  private waitForClient(): void {
    this.isFull = true
    this.stream.pause()
    this.stream.once('drain', () => {
      this.isFull = false
      this.readOn()
    })
  }

  private readOn(): void {
    if (this.isPaused || this.isFull) return
    this.stream.resume()
    this.read()
  }

  /** All answers are sent. What the client still sends is not read. */
  private finish(): void {
    const { stream } = this
    if (stream.destroyed) return
    stream.sendTrailers(this.trailers ?? trailersOf(STATUS.INTERNAL, ''))
    // nghttp2 drops trailers that it has not sent yet when a stream is closed.
    if (!this.isHalfClosed) afterTurn(() => stream.close(constants.NGHTTP2_NO_ERROR))
  }

  private expire(): void {
    this.end(STATUS.DEADLINE_EXCEEDED, 'the deadline of the call has passed')
  }

  private read(): void {
    try {
      while (!this.isPaused && !this.isFull && this.trailers === undefined) {
        const message = this.buffer.next()
        if (message === undefined) break
        this.listener.message?.(message)
      }
      if (!this.isHalfClosed || this.isPaused || this.isFull || this.trailers !== undefined) return
      if (this.buffer.isPartial) throw new StatusError(STATUS.INTERNAL, 'expected the rest of a message, got the end of the requests')
      this.listener.halfClosed?.()
    } catch (error) {
      const { status, message } = this.limits.statusOf(error)
      this.end(status, message)
    }
  }
}
