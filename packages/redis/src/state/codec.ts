import type { Limit } from '@sluice/core'
import {
  type BucketState,
  calendarSpan,
  type ConcurrencyState,
  type FixedWindowState,
  type Holder,
  type LogEntry,
  type SlidingLogState,
  type SlidingWindowState,
} from '@sluice/core/algorithms'
import type { Ledger } from './leases.ts'

// How states are stored in Redis, and how scripts return them. The Lua of lua/ reads and writes the same bytes, so stores with and without
// scripts share their data.

/** A value as it is stored, and the ms since the epoch at which it expires. */
export interface StoredState {
  readonly value: string | Buffer
  readonly expires: number
}

/** A state in the reply of the full script: numbers, and texts as bytes. A client may be set to return numbers as text. */
export type ReplyState = readonly (Buffer | number)[]

interface StateCodec<S> {
  /** `undefined` for a value that is not such a state. It counts as absent. */
  decode(value: Buffer): S | undefined
  encode(state: S, limit: Limit, nowMicros: number): StoredState
  fromReply(fields: ReplyState): S
  /** The state of three numbers, for an algorithm that is stored as three numbers. */
  fromNumbers?(a: number, b: number, c: number): S
}

/** Forgets the type of the state: a state is only ever encoded under a limit of its own algorithm. */
function codec<S>(own: StateCodec<S>): StateCodec<unknown> {
  return own
}

/** Three big-endian doubles, of which only the first may be below 0, as in lua/state.lua. */
function readNumbers(value: Buffer): readonly [number, number, number] | undefined {
  if (value.length !== 24) return undefined
  const [a, b, c] = [value.readDoubleBE(0), value.readDoubleBE(8), value.readDoubleBE(16)]
  return [a, b, c].every(Number.isSafeInteger) && b >= 0 && c >= 0 ? [a, b, c] : undefined
}

function writeNumbers(...numbers: readonly [number, number, number]): Buffer {
  const value = Buffer.alloc(24)
  for (const [i, number] of numbers.entries()) value.writeDoubleBE(number, 8 * i)
  return value
}

/** The codec of an algorithm whose state is three numbers. */
function numbersCodec<S>(
  fromNumbers: (a: number, b: number, c: number) => S,
  encode: StateCodec<S>['encode'],
  isValid: (b: number, c: number) => boolean = () => true,
): StateCodec<unknown> {
  return codec<S>({
    decode(value) {
      const numbers = readNumbers(value)
      return numbers === undefined || !isValid(numbers[1], numbers[2]) ? undefined : fromNumbers(...numbers)
    },
    encode,
    fromReply: ([a, b, c]) => fromNumbers(Number(a), Number(b), Number(c)),
    fromNumbers,
  })
}

/** The start of the window (ms), the units counted in it, and 0. */
const fixedWindow = numbersCodec<FixedWindowState>(
  (start, count) => ({ start, count }),
  ({ start, count }, limit) => {
    const expires = typeof limit.window === 'number' ? start + limit.window : calendarSpan(limit, start).end
    return { value: writeNumbers(start, count, 0), expires }
  },
)

/** The start of the window (ms), the units counted in it, and those counted in the window before. */
const slidingWindow = numbersCodec<SlidingWindowState>(
  (start, count, previous) => ({ start, count, previous }),
  ({ start, count, previous }, { window }) => ({
    value: writeNumbers(start, count, previous),
    expires: start + 2 * (window as number),
  }),
)

/** The time at which the bucket is full (µs), a remainder of credits, and the rate of the remainder: 0 without a remainder. */
const bucket = numbersCodec<BucketState>(
  (full, rest, rate) => ({ full, rest, rate }),
  ({ full, rest, rate }) => ({
    value: writeNumbers(full, rest, rest > 0 ? rate : 0),
    expires: Math.ceil((rest > 0 ? full + 1 : full) / 1000),
  }),
  (rest, rate) => rest === 0 || rest < rate,
)

const RECORD = 16

/**
 * Records of 16 bytes, oldest first: time (µs, a double), units and id (4 bytes each). The last record may have 0 units: it keeps its id
 * from being used again.
 */
const slidingLog = codec<SlidingLogState>({
  decode(value) {
    if (value.length === 0 || value.length % RECORD !== 0) return undefined
    const entries: LogEntry[] = []
    let last = 0
    let next = 0
    for (let offset = 0; offset < value.length; offset += RECORD) {
      const time = value.readDoubleBE(offset)
      if (!(time >= last && time <= Number.MAX_SAFE_INTEGER)) return undefined
      last = time
      const entry = { time, units: value.readUInt32BE(offset + 8), id: value.readUInt32BE(offset + 12) }
      next = Math.max(next, entry.id + 1)
      if (entry.units > 0) entries.push(entry)
    }
    return { entries, next }
  },
  encode({ entries, next }, { window }, now) {
    const newest = entries.at(-1)
    const hasLastId = newest !== undefined && newest.id === next - 1
    const records = hasLastId ? entries : [...entries, { time: Math.max(newest?.time ?? 0, now), units: 0, id: next - 1 }]
    const value = Buffer.alloc(records.length * RECORD)
    for (const [i, { time, units, id }] of records.entries()) {
      value.writeDoubleBE(time, i * RECORD)
      value.writeUInt32BE(units, i * RECORD + 8)
      value.writeUInt32BE(id, i * RECORD + 12)
    }
    return { value, expires: Math.ceil(((records.at(-1)?.time ?? now) + (window as number) * 1000) / 1000) }
  },
  fromReply([next, ...fields]) {
    const entries: LogEntry[] = []
    for (let i = 0; i < fields.length; i += 3)
      entries.push({ time: Number(fields[i]), units: Number(fields[i + 1]), id: Number(fields[i + 2]) })
    return { entries, next: Number(next) }
  },
})

/** A line for each holder, in the order of acquisition: when it expires (µs), and its id. */
const concurrency = codec<ConcurrencyState>({
  decode(value) {
    const holders: Holder[] = []
    for (const line of value.toString().split('\n')) {
      if (line === '') continue
      const [, digits, id] = /^(\d+) (\S+)$/.exec(line) ?? []
      if (id === undefined || !Number.isSafeInteger(Number(digits))) return undefined
      holders.push({ expires: Number(digits), id })
    }
    return holders
  },
  encode(holders) {
    const latest = holders.reduce((most, { expires }) => Math.max(most, expires), 0)
    return { value: holders.map(({ expires, id }) => `${expires} ${id}`).join('\n'), expires: Math.ceil(latest / 1000) }
  },
  fromReply(fields) {
    const holders: Holder[] = []
    for (let i = 0; i < fields.length; i += 2) holders.push({ expires: Number(fields[i]), id: String(fields[i + 1]) })
    return holders
  },
})

const codecs: { readonly [K in Limit['algorithm']]: StateCodec<unknown> } = {
  fixedWindow,
  slidingWindow,
  slidingLog,
  tokenBucket: bucket,
  leakyBucket: bucket,
  concurrency,
}

/** The state in a value; `undefined` if the value is no state of this limit's algorithm. */
export function decodeState({ algorithm }: Limit, value: Buffer): unknown {
  return codecs[algorithm].decode(value)
}

export function encodeState(state: unknown, limit: Limit, nowMicros: number): StoredState {
  return codecs[limit.algorithm].encode(state, limit, nowMicros)
}

/** A state in the reply of the full script; `undefined` for an absent state, which the reply has as an empty list. */
export function stateFromReply({ algorithm }: Limit, fields: ReplyState | undefined): unknown {
  return fields === undefined || fields.length === 0 ? undefined : codecs[algorithm].fromReply(fields)
}

/** Whether the state is stored as three numbers, which is what the fast script decides. */
export function isThreeNumbers({ algorithm }: Limit): boolean {
  return codecs[algorithm].fromNumbers !== undefined
}

/** A state in the reply of the fast script: 24 bytes at the offset; `undefined` for an absent state, which the reply has as NaN. */
export function stateFromBytes({ algorithm }: Limit, bytes: Buffer, offset: number): unknown {
  const a = bytes.readDoubleBE(offset)
  return Number.isNaN(a) ? undefined : codecs[algorithm].fromNumbers?.(a, bytes.readDoubleBE(offset + 8), bytes.readDoubleBE(offset + 16))
}

/** A lease ledger, as in lua/leases.lua: "epoch:granted:previous". */
export function decodeLedger(value: Buffer): Ledger | undefined {
  const [epoch, granted, previous] = integersOf(value, /^(\d+):(\d+):(\d+)$/) ?? []
  return epoch === undefined || granted === undefined || previous === undefined ? undefined : { epoch, granted, previous }
}

/** A ledger expires two ttls after its last write, when every lease in it has ended. */
export function encodeLedger({ epoch, granted, previous }: Ledger, ttl: number, nowMicros: number): StoredState {
  return { value: `${epoch}:${granted}:${previous}`, expires: Math.ceil((nowMicros + 2 * ttl) / 1000) }
}

/** The groups of a pattern as numbers; `undefined` unless each is an integer below 2^53. */
export function integersOf(value: Buffer | null, pattern: RegExp): readonly number[] | undefined {
  const found = pattern
    .exec(value?.toString('latin1') ?? '')
    ?.slice(1)
    .map(Number)
  return found?.every(Number.isSafeInteger) === true ? found : undefined
}
