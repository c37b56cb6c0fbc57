const PREFIX = 5
/** The longest length of a message within another that needs no moving of bytes. */
const SHORT = 127

/**
 * Writes protobuf messages. All answers are written into one block of memory, and each is copied out once it is whole: writing never
 * waits, so no two answers are written at a time.
 */
export class Writer {
  private buffer = Buffer.allocUnsafeSlow(4_096)
  private at = PREFIX

  /** Begins a message. */
  begin(): this {
    this.at = PREFIX
    return this
  }

  /** The message with the prefix of gRPC: it is not compressed, and this is its length. */
  frame(): Buffer {
    const { buffer, at } = this
    buffer[0] = 0
    buffer.writeUInt32BE(at - PREFIX, 1)
    return this.copy(0)
  }

  /** The message alone. */
  message(): Buffer {
    return this.copy(PREFIX)
  }

  /** A whole number from 0, at most 2^53. Nothing for 0, which is the default of each field. */
  uint(tag: number, value: number): void {
    if (!(value > 0)) return
    this.reserve(20)
    this.varint(tag)
    this.varint(Math.min(value, Number.MAX_SAFE_INTEGER))
  }

  /** A number whose presence says something, so 0 is written as well. `null`: it is absent. */
  optional(tag: number, value: number | null): void {
    if (value === null) return
    this.reserve(20)
    this.varint(tag)
    this.varint(Math.min(value, Number.MAX_SAFE_INTEGER))
  }

  bool(tag: number, value: boolean): void {
    this.uint(tag, value ? 1 : 0)
  }

  text(tag: number, value: string): void {
    if (value === '') return
    const most = value.length * 3
    this.reserve(most + 20)
    this.varint(tag)
    if (most <= SHORT) {
      const start = this.at + 1
      const length = this.buffer.write(value, start)
      this.buffer[this.at] = length
      this.at = start + length
      return
    }
    this.varint(Buffer.byteLength(value))
    this.at += this.buffer.write(value, this.at)
  }

  bytes(tag: number, value: Uint8Array): void {
    this.reserve(value.length + 20)
    this.varint(tag)
    this.varint(value.length)
    this.raw(value)
  }

  /** Fields that are written already. */
  raw(value: Uint8Array): void {
    this.reserve(value.length)
    this.buffer.set(value, this.at)
    this.at += value.length
  }

  /** Also 0: a `double` is written as one of several fields here, whose presence says which. */
  double(tag: number, value: number): void {
    this.reserve(20)
    this.varint(tag)
    this.at = this.buffer.writeDoubleLE(value, this.at)
  }

  /** Begins a message in a field. Returns what `leave` needs. */
  enter(tag: number): number {
    this.reserve(20)
    this.varint(tag)
    return this.at++
  }

  /** Ends the message in a field, and writes its length before it. */
  leave(start: number): void {
    const length = this.at - start - 1
    if (length <= SHORT) {
      this.buffer[start] = length
      return
    }
    const size = sizeOf(length)
    this.reserve(size)
    this.buffer.copyWithin(start + size, start + 1, this.at)
    this.at = start
    this.varint(length)
    this.at += length
  }

  private varint(value: number): void {
    const { buffer } = this
    let { at } = this
    let rest = value
    while (rest >= 128) {
      buffer[at++] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    buffer[at++] = rest
    this.at = at
  }

  private copy(from: number): Buffer {
    const made = Buffer.allocUnsafe(this.at - from)
    this.buffer.copy(made, 0, from, this.at)
    return made
  }

  private reserve(bytes: number): void {
    if (this.at + bytes <= this.buffer.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.at + bytes))
    this.buffer.copy(larger, 0, 0, this.at)
    this.buffer = larger
  }
}

function sizeOf(value: number): number {
  let size = 1
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size += 1
  return size
}
