import type { CallLimits } from '../transport/call-limits.ts'
import type { StreamCall, StreamListener } from '../transport/method.ts'
import { STATUS, StatusError } from '../transport/status.ts'
import { Reader } from '../wire/reader.ts'
import { Writer } from '../wire/writer.ts'
import type { Ask, Write } from './ask.ts'

/** Requests that have no answer yet. Beyond it, no more are read. */
const MAX_IN_FLIGHT = 1_024
/** The numbers of the fields of `StreamRequest`. Those of `StreamResponse` are the same. */
const KINDS = { 0x12: 'check', 0x1a: 'peek', 0x22: 'settle', 0x2a: 'release' } as const
const ERROR = 0x32
const DRAIN = 0x3a

const writer = new Writer()

/** A request of the call, until it is answered. */
interface Pending {
  readonly id: number
  /** The field of the answer, and what writes it; `undefined` while it is not known. */
  answer: { readonly tag: number; readonly write: Write } | undefined
}

/** Many requests on one call. They are decided at once, and answered in their order. */
export class RequestStream implements StreamListener {
  private readonly call: StreamCall
  private readonly asks: Readonly<Record<'check' | 'peek' | 'settle' | 'release', Ask>>
  private readonly statusOf: CallLimits['statusOf']
  private readonly pending: Pending[] = []
  private lastId = 0
  private isHalfClosed = false

  constructor(call: StreamCall, asks: RequestStream['asks'], statusOf: CallLimits['statusOf']) {
    this.call = call
    this.asks = asks
    this.statusOf = statusOf
  }

  /** @throws StatusError for a request without an id that is larger than the one before */
  message(message: Buffer): void {
    const reader = new Reader(message)
    let id = 0
    let tag = 0
    let ask: Ask = () => Promise.reject(new StatusError(STATUS.INVALID_ARGUMENT, 'expected a request'))
    let request = reader
    for (let field = reader.tag(); field !== 0; field = reader.tag()) {
      if (field === 0x08) id = reader.uint64()
      else if (isKind(field)) {
        tag = field
        ask = this.asks[KINDS[field]]
        request = new Reader(reader.bytes())
      } else reader.skip(field)
    }
    if (!(id > this.lastId && Number.isSafeInteger(id)))
      throw new StatusError(STATUS.INVALID_ARGUMENT, `id: expected a number above ${this.lastId}, got ${id}`)
    this.lastId = id
    this.await({ id, answer: undefined }, tag, ask(request))
  }

  halfClosed(): void {
    this.isHalfClosed = true
    this.flush()
  }

  draining(): void {
    this.send(0, DRAIN, () => undefined)
  }

  private await(pending: Pending, tag: number, asked: Promise<Write>): void {
    this.pending.push(pending)
    if (this.pending.length >= MAX_IN_FLIGHT) this.call.pause()
    asked.then(
      (write) => {
        pending.answer = { tag, write }
        this.flush()
      },
      (error: unknown) => {
        const { status, message } = this.statusOf(error)
        const write: Write = (to) => {
          to.uint(0x08, status)
          to.text(0x12, message)
        }
        pending.answer = { tag: ERROR, write }
        this.flush()
      },
    )
  }

  /** Sends the answers of the oldest requests, up to the first one that has none. */
  private flush(): void {
    const { pending } = this
    let count = 0
    for (let first = pending[0]; first?.answer !== undefined; first = pending[count]) {
      this.send(first.id, first.answer.tag, first.answer.write)
      count += 1
    }
    pending.splice(0, count)
    if (pending.length < MAX_IN_FLIGHT) this.call.resume()
    if (this.isHalfClosed && pending.length === 0) this.call.end(STATUS.OK)
  }

  private send(id: number, tag: number, write: Write): void {
    writer.begin()
    writer.uint(0x08, id)
    const start = writer.enter(tag)
    write(writer)
    writer.leave(start)
    this.call.send(writer.frame())
  }
}

function isKind(field: number): field is keyof typeof KINDS {
  return Object.hasOwn(KINDS, field)
}
