import { STATUS, StatusError } from '../transport/status.ts'

const MAX_GROUPS = 32

/**
 * Reads protobuf messages from bytes, without copying them. Every length is checked against the message around it, so that a hostile one neither
 * reads beyond it nor loops.
 */
export class Reader {
  readonly buffer: Buffer
  private at: number
  private end: number

  constructor(buffer: Buffer) {
    this.buffer = buffer
    this.at = 0
    this.end = buffer.length
  }

  /** The tag of the next field: its number times 8, and its wire type. 0 at the end of the message. */
  tag(): number {
    if (this.at === this.end) return 0
    const tag = this.uint32()
    if (tag < 8) throw malformed('expected the number of a field, got 0')
    return tag
  }

  /** The low 32 bits of a varint, as protobuf reads the types `uint32`, `bool` and `enum`. */
  uint32(): number {
    const { buffer, end } = this
    let low = 0
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.at >= end) throw truncated()
      const byte = buffer[this.at++] as number
      // Shifts of 32 and more begin again at 0.
      if (shift < 32) low |= (byte & 127) << shift
      if (byte < 128) return low >>> 0
    }
    throw malformed('expected at most 10 bytes of a number')
  }

  /** A `uint64` as a number. Above 2^53 it is rounded. */
  uint64(): number {
    const { buffer, end } = this
    let value = 0
    let scale = 1
    for (let i = 0; i < 10; i++) {
      if (this.at >= end) throw truncated()
      const byte = buffer[this.at++] as number
      value += (i === 9 ? byte & 1 : byte & 127) * scale
      if (byte < 128) return value
      scale *= 128
    }
    throw malformed('expected at most 10 bytes of a number')
  }

  double(): number {
    const { at } = this
    this.advance(8)
    return this.buffer.readDoubleLE(at)
  }

  text(): string {
    const to = this.partEnd()
    const text = this.buffer.toString('utf8', this.at, to)
    this.at = to
    return text
  }

  bytes(): Buffer {
    const to = this.partEnd()
    const bytes = this.buffer.subarray(this.at, to)
    this.at = to
    return bytes
  }

  /** Begins to read the message in a field. Returns what `leave` needs. */
  enter(): number {
    const outer = this.end
    this.end = this.partEnd()
    return outer
  }

  leave(outer: number): void {
    this.at = this.end
    this.end = outer
  }

  /** Skips the value of a field that nobody knows. */
  skip(tag: number, groups = 0): void {
    const wire = tag & 7
    if (wire === 0) this.uint32()
    else if (wire === 1) this.advance(8)
    else if (wire === 2) this.at = this.partEnd()
    else if (wire === 3) this.skipGroup(tag, groups)
    else if (wire === 5) this.advance(4)
    else throw malformed(`expected a known wire type, got ${wire}`)
  }

  private skipGroup(start: number, groups: number): void {
    if (groups === MAX_GROUPS) throw malformed(`expected at most ${MAX_GROUPS} groups in each other`)
    for (;;) {
      const tag = this.tag()
      if (tag === 0) throw truncated()
      if ((tag & 7) !== 4) this.skip(tag, groups + 1)
      else if (tag === start + 1) return
      else throw malformed('expected the end of another group')
    }
  }

  private partEnd(): number {
    const length = this.uint32()
    const to = this.at + length
    if (to > this.end) throw truncated()
    return to
  }

  private advance(bytes: number): void {
    this.at += bytes
    if (this.at > this.end) throw truncated()
  }
}

function truncated(): StatusError {
  return malformed('expected more bytes')
}

function malformed(message: string): StatusError {
  return new StatusError(STATUS.INTERNAL, `the request is no valid message: ${message}`)
}
