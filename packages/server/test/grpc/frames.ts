// Frames of HTTP/2, as RFC 9113 has them: 3 bytes of length, type, flags, 4 bytes of stream, payload.

export interface Frame {
  readonly type: 'DATA' | 'HEADERS' | 'RST_STREAM' | 'GOAWAY' | 'other'
  readonly stream: number
  /** Whether it is the last one of its stream. */
  readonly isEnd: boolean
  readonly payload: Buffer
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')

const TYPES: Readonly<Record<number, Frame['type']>> = { 0: 'DATA', 1: 'HEADERS', 3: 'RST_STREAM', 7: 'GOAWAY' }

/** The whole frames in the bytes of one side. A part of one at the end is left out. */
export function framesOf(bytes: Buffer): readonly Frame[] {
  const frames: Frame[] = []
  for (let at = bytes.subarray(0, PREFACE.length).equals(PREFACE) ? PREFACE.length : 0; at + 9 <= bytes.length;) {
    const length = bytes.readUIntBE(at, 3)
    const end = at + 9 + length
    if (end > bytes.length) break
    const type = TYPES[bytes[at + 3] as number] ?? 'other'
    const flags = bytes[at + 4] as number
    const isEnd = (type === 'DATA' || type === 'HEADERS') && (flags & 1) === 1
    frames.push({ type, isEnd, stream: bytes.readUInt32BE(at + 5) & 0x7f_ff_ff_ff, payload: bytes.subarray(at + 9, end) })
    at = end
  }
  return frames
}

/** The data of each stream, in the order of the streams. */
export function dataOf(frames: readonly Frame[]): readonly Buffer[] {
  const streams = new Map<number, Buffer[]>()
  for (const { type, stream, payload } of frames) if (type === 'DATA') streams.set(stream, [...(streams.get(stream) ?? []), payload])
  return [...streams].toSorted(([a], [b]) => a - b).map(([, all]) => Buffer.concat(all))
}
