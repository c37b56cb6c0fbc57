import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { systemClock } from '@sluice/core'
import { isPromise } from '@sluice/core/adapter-kit'
import type { EndpointMetrics } from '../../metrics/endpoint-metrics.ts'
import { lengthOf, MessageBuffer, PREFIX } from './message-buffer.ts'
import type { CallInfo, UnaryMethod } from './method.ts'
import { ANSWER, refuse, trailersOf, WITH_TRAILERS } from './respond.ts'
import { nameOf, STATUS, type StatusCode, StatusError, timeoutOf } from './status.ts'
import type { CallLimits, CallOrigin } from './call-limits.ts'

/** A caller that sets no deadline waits no longer than this, in ms. Also a request that never comes whole ends then. */
const MAX_TIMEOUT = 60_000
const OK = trailersOf(STATUS.OK, '')

/** One call of a method with one request and one answer. */
export class UnaryCall implements CallInfo {
  readonly headers: IncomingHttpHeaders
  private readonly stream: ServerHttp2Stream
  private readonly method: UnaryMethod
  private readonly limits: CallLimits
  private readonly metrics: EndpointMetrics
  private readonly from: number = systemClock.monotonic()
  /** The first chunk, which nearly always is the whole request. */
  private first: Buffer | undefined
  private others: MessageBuffer | undefined
  private readonly timeout: number
  private cancelDeadline: (() => void) | undefined
  private isAnswered = false

  /** @throws StatusError for a deadline that is malformed */
  constructor({ stream, headers, limits, metrics }: CallOrigin, method: UnaryMethod) {
    this.stream = stream
    this.headers = headers
    this.method = method
    this.limits = limits
    this.metrics = metrics
    this.timeout = Math.min(timeoutOf(headers['grpc-timeout']) ?? MAX_TIMEOUT, MAX_TIMEOUT)
  }

  /** Reads the request, and answers it. */
  begin(): void {
    const { stream } = this
    stream.on('data', (chunk: Buffer) => this.take(chunk))
    stream.on('end', () => this.handle())
    stream.on('close', () => this.stop(STATUS.CANCELLED))
  }

  get peer(): string | undefined {
    return this.stream.session?.socket.remoteAddress
  }

  /** Only calls that wait for something have a timer: nearly all are answered as soon as they are whole. */
  private awaitDeadline(): void {
    this.cancelDeadline ??= systemClock.after(this.timeout, () => {
      this.fail(new StatusError(STATUS.DEADLINE_EXCEEDED, 'the deadline of the call has passed'))
    })
  }

  private take(chunk: Buffer): void {
    if (this.first === undefined) {
      this.first = chunk
      if (chunk.length < PREFIX) this.others = this.bufferOf(chunk)
    } else {
      this.others ??= this.bufferOf(this.first)
      this.others.add(chunk)
    }
    if (this.isAnswered) return
    try {
      // A message that is too long is refused before it comes.
      const { others, first, limits } = this
      if (others !== undefined) others.check()
      if (others !== undefined || first.length < PREFIX + lengthOf(first, limits.maxMessage)) this.awaitDeadline()
    } catch (error) {
      this.fail(error)
    }
  }

  private bufferOf(chunk: Buffer): MessageBuffer {
    const buffer = new MessageBuffer(this.limits.maxMessage)
    buffer.add(chunk)
    return buffer
  }

  private handle(): void {
    if (this.isAnswered) return
    try {
      const answer = this.method.unary(this.message(), this)
      if (isPromise(answer)) {
        this.awaitDeadline()
        answer.then(
          (late) => this.answer(late),
          (error: unknown) => this.fail(error),
        )
      } else this.answer(answer)
    } catch (error) {
      this.fail(error)
    }
  }

  /** The only message. @throws StatusError */
  private message(): Buffer {
    const { first, others } = this
    if (others === undefined && first !== undefined && first.length === PREFIX + lengthOf(first, this.limits.maxMessage))
      return first.subarray(PREFIX)
    const buffer = others ?? (first && this.bufferOf(first))
    const message = buffer?.next()
    if (message !== undefined && buffer?.isPartial === false) return message
    if (message !== undefined) throw new StatusError(STATUS.UNIMPLEMENTED, 'expected one message, got more')
    if (buffer?.isPartial === true) throw new StatusError(STATUS.INTERNAL, 'expected the rest of a message, got the end of the request')
    throw new StatusError(STATUS.UNIMPLEMENTED, 'expected one message, got none')
  }

  private answer(frame: Buffer): void {
    const { stream } = this
    if (this.isAnswered) return
    this.stop(STATUS.OK)
    if (stream.destroyed || stream.closed) return
    stream.on('wantTrailers', sendOk)
    stream.respond(ANSWER, WITH_TRAILERS)
    stream.end(frame)
  }

  private fail(error: unknown): void {
    if (this.isAnswered) return
    const { status, message } = this.limits.statusOf(error)
    this.stop(status)
    refuse(this.stream, status, message)
  }

  private stop(status: StatusCode): void {
    if (this.isAnswered) return
    this.isAnswered = true
    this.metrics.answered(nameOf(status), systemClock.monotonic() - this.from)
    this.cancelDeadline?.()
  }
}

function sendOk(this: ServerHttp2Stream): void {
  this.sendTrailers(OK)
}
