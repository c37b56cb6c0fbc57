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

// How states are stored in Redis, and how scripts return them. The Lua of lua/ reads and writes the same, so stores with and without scripts
// share their data.

/** The numbers of a window, a bucket or a lease ledger, as in lua/state.lua. The first is the time (µs) until which it counts. */
export type Numbers = readonly [first: number, second: number, third: number]

interface EntryCodec<S> {
  /** `undefined` for numbers that are no such state. It counts as absent. */
  toState(first: number, second: number, third: number, limit: Limit): S | undefined
  toNumbers(state: S, limit: Limit): Numbers
}

/** A value as it is stored, and the ms since the epoch at which it expires. */
export interface StoredState {
  readonly value: string | Buffer
  readonly expires: number
}

/** A state in the reply of the full script: numbers, and texts as bytes. A client may be set to return numbers as text. */
export type ReplyState = readonly (Buffer | number)[]

interface KeyCodec<S> {
  /** `undefined` for a value that is not such a state. It counts as absent. */
  decode(value: Buffer): S | undefined
  encode(state: S, limit: Limit, nowMicros: number): StoredState
  fromReply(fields: ReplyState): S
}

/** Forgets the type of the state: a state is only ever encoded under a limit of its own algorithm. */
function codec<S>(own: KeyCodec<S>): KeyCodec<unknown> {
  return own
}

function entryCodec<S>(own: EntryCodec<S>): EntryCodec<unknown> {
  return own
}

/** The end (ms) of the fixed window that starts at `start`. */
export function fixedWindowEnd(limit: Limit, start: number): number {
  return typeof limit.window === 'number' ? start + limit.window : calendarSpan(limit, start).end
}

/** The end of the window, the units counted in it, and 0. */
const fixedWindow = entryCodec<FixedWindowState>({
  toState(end, count, _, limit) {
    const millis = Math.floor(end / 1000)
    return { start: typeof limit.window === 'number' ? millis - limit.window : calendarSpan(limit, millis - 1).start, count }
  },
  toNumbers: ({ start, count }, limit) => [fixedWindowEnd(limit, start) * 1000, count, 0],
})

/** The end of the window after the current one, the units counted in the current window, and those counted in the window before. */
const slidingWindow = entryCodec<SlidingWindowState>({
  toState: (end, count, previous, { window }) => ({ start: Math.floor(end / 1000) - 2 * (window as number), count, previous }),
  toNumbers: ({ start, count, previous }, { window }) => [(start + 2 * (window as number)) * 1000, count, previous],
})

/** The time at which the bucket is full (µs), a remainder of credits, and the rate of the remainder: 0 without a remainder. */
const bucket = entryCodec<BucketState>({
  toState: (full, rest, rate) => (rest === 0 || (rest > 0 && rest < rate) ? { full, rest, rate } : undefined),
  toNumbers: ({ full, rest, rate }) => [full, rest, rest > 0 ? rate : 0],
})

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

const entryCodecs: { readonly [K in Limit['algorithm']]?: EntryCodec<unknown> } = {
  fixedWindow,
  slidingWindow,
  tokenBucket: bucket,
  leakyBucket: bucket,
}
const keyCodecs: { readonly [K in Limit['algorithm']]?: KeyCodec<unknown> } = { slidingLog, concurrency }

/** Whether the state is three numbers: an entry of a value, or packed. Sliding logs and holders grow, so each has a key of its own. */
export function isEntry({ algorithm }: Limit): boolean {
  return entryCodecs[algorithm] !== undefined
}

export function stateOf(limit: Limit, first: number, second: number, third: number): unknown {
  return entryCodecs[limit.algorithm]?.toState(first, second, third, limit)
}

export function stateFromNumbers(limit: Limit, numbers: Numbers | undefined): unknown {
  return numbers && stateOf(limit, ...numbers)
}

export function numbersOf(limit: Limit, state: unknown): Numbers {
  return (entryCodecs[limit.algorithm] as EntryCodec<unknown>).toNumbers(state, limit)
}

/** The state in the value of its own key; `undefined` if the value is no state of this limit's algorithm. */
export function decodeState({ algorithm }: Limit, value: Buffer): unknown {
  return keyCodecs[algorithm]?.decode(value)
}

export function encodeState(state: unknown, limit: Limit, nowMicros: number): StoredState {
  return (keyCodecs[limit.algorithm] as KeyCodec<unknown>).encode(state, limit, nowMicros)
}

/** A state in the reply of the full script; `undefined` for an absent state, which the reply has as an empty list. */
export function stateFromReply({ algorithm }: Limit, fields: ReplyState): unknown {
  return fields.length === 0 ? undefined : keyCodecs[algorithm]?.fromReply(fields)
}
