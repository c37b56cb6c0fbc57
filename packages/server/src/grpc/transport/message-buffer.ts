import { STATUS, StatusError } from './status.ts'

/** Before each message: whether it is compressed, and its length. */
export const PREFIX = 5

/** Collects the bytes of a call, and splits them into messages. DATA frames end anywhere, also within a prefix. */
export class MessageBuffer {
  private readonly maxMessage: number
  private chunks: Buffer[] = []
  private size = 0

  constructor(maxMessage: number) {
    this.maxMessage = maxMessage
  }

  /** Whether bytes are here that are no whole message. */
  get isPartial(): boolean {
    return this.size > 0
  }

  add(chunk: Buffer): void {
    this.chunks.push(chunk)
    this.size += chunk.length
  }

  /** @throws StatusError if the next message is compressed, or too long */
  check(): void {
    if (this.size >= PREFIX) lengthOf(this.headOfAtLeast(PREFIX), this.maxMessage)
  }

  /**
   * The next message: the bytes after its prefix. `undefined`: more has to come.
   * @throws StatusError for a message that is compressed, or too long
   */
  next(): Buffer | undefined {
    if (this.size < PREFIX) return undefined
    const head = this.headOfAtLeast(PREFIX)
    const length = lengthOf(head, this.maxMessage)
    const end = PREFIX + length
    if (this.size < end) return undefined
    const whole = this.headOfAtLeast(end)
    this.size -= end
    if (whole.length === end) this.chunks.shift()
    else this.chunks[0] = whole.subarray(end)
    return whole.subarray(PREFIX, end)
  }

  /** The first chunk, joined with those after it until it is long enough. Each byte is copied once for a prefix and once for a message. */
  private headOfAtLeast(length: number): Buffer {
    const { chunks } = this
    const first = chunks[0] as Buffer
    if (first.length >= length) return first
    let count = 0
    for (let size = 0; size < length; count++) size += (chunks[count] as Buffer).length
    const joined = Buffer.concat(chunks.slice(0, count))
    chunks.splice(0, count, joined)
    return joined
  }
}

/** The length in a prefix. @throws StatusError for a message that is compressed, or too long */
export function lengthOf(prefixed: Buffer, maxMessage: number): number {
  const flag = prefixed[0] as number
  if (flag === 1) throw new StatusError(STATUS.UNIMPLEMENTED, 'expected messages without compression; grpc-accept-encoding is identity')
  if (flag !== 0) throw new StatusError(STATUS.INTERNAL, `expected 0 as the first byte of a message, got ${flag}`)
  const length = prefixed.readUInt32BE(1)
  if (length > maxMessage)
    throw new StatusError(STATUS.RESOURCE_EXHAUSTED, `expected a message of at most ${maxMessage} bytes, got ${length}`)
  return length
}
