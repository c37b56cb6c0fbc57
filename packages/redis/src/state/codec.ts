import type { Limit } from '@sluice/core'
import {
  type BucketState,
  calendarSpan,
  type FixedWindowState,
  listEntries,
  type LogEntry,
  logOf,
  nominalLifetime,
  type SlidingLogState,
  type SlidingWindowState,
} from '@sluice/core/algorithms'
import { holdersFromReply } from './holder-sets.ts'

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

/** The end (ms) of the fixed window that starts at `start`. For a movable window, when it has ended in every calendar. */
export function fixedWindowEnd(limit: Limit, start: number): number {
  if (typeof limit.window === 'number') return start + limit.window
  return limit.movable === true ? start + nominalLifetime(limit.window) : calendarSpan(limit, start).end
}

function fixedWindowStart(limit: Limit, end: number): number {
  if (typeof limit.window === 'number') return end - limit.window
  return limit.movable === true ? end - nominalLifetime(limit.window) : calendarSpan(limit, end - 1).start
}

/** The end of the window, the units counted in it, and 0. */
const fixedWindow = entryCodec<FixedWindowState>({
  toState: (end, count, _, limit) => ({ start: fixedWindowStart(limit, Math.floor(end / 1000)), count }),
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

const HEAD = 4
const RECORD = 16

/**
 * 4 bytes, then records of 16 bytes, oldest first: time (µs, a double), total and id (4 bytes each). A total is the units of all records up to
 * this one, modulo 2^32; the first 4 bytes are the total before the first record. The last record may have 0 units: it keeps its id from being
 * used again.
 */
const slidingLog = codec<SlidingLogState>({
  decode(value) {
    const size = value.length - HEAD
    if (size < RECORD || size % RECORD !== 0) return undefined
    const [oldest, newest] = [value.readDoubleBE(HEAD), value.readDoubleBE(size + HEAD - RECORD)]
    if (!(oldest >= 0 && newest >= oldest && newest <= Number.MAX_SAFE_INTEGER)) return undefined
    const entries: LogEntry[] = []
    let before = value.readUInt32BE(0)
    for (let at = HEAD; at < value.length; at += RECORD) {
      const total = value.readUInt32BE(at + 8)
      const units = (total - before) >>> 0
      before = total
      if (units > 0) entries.push({ time: value.readDoubleBE(at), units, id: value.readUInt32BE(at + 12) })
    }
    return logOf(entries, value.readUInt32BE(value.length - 4) + 1)
  },
  encode(log, { window }, now) {
    const entries = listEntries(log)
    const newest = entries.at(-1)
    const hasLastId = newest !== undefined && newest.id === log.next - 1
    const records = hasLastId ? entries : [...entries, { time: Math.max(newest?.time ?? 0, now), units: 0, id: log.next - 1 }]
    const value = Buffer.alloc(HEAD + records.length * RECORD)
    let total = 0
    for (const [i, { time, units, id }] of records.entries()) {
      total = (total + units) >>> 0
      value.writeDoubleBE(time, HEAD + i * RECORD)
      value.writeUInt32BE(total, HEAD + i * RECORD + 8)
      value.writeUInt32BE(id, HEAD + i * RECORD + 12)
    }
    return { value, expires: Math.ceil(((records.at(-1)?.time ?? now) + (window as number) * 1000) / 1000) }
  },
  fromReply([next, ...fields]) {
    const entries: LogEntry[] = []
    for (let i = 0; i < fields.length; i += 3)
      entries.push({ time: Number(fields[i]), units: Number(fields[i + 1]), id: Number(fields[i + 2]) })
    return logOf(entries, Number(next))
  },
})

const entryCodecs: { readonly [K in Limit['algorithm']]?: EntryCodec<unknown> } = {
  fixedWindow,
  slidingWindow,
  tokenBucket: bucket,
  leakyBucket: bucket,
}
const keyCodecs: { readonly [K in Limit['algorithm']]?: KeyCodec<unknown> } = { slidingLog }
/** Those whose state is a sorted set of holders. */
const setCodecs: { readonly [K in Limit['algorithm']]?: Pick<KeyCodec<unknown>, 'fromReply'> } = {
  concurrency: { fromReply: holdersFromReply },
}

/** Whether the state is three numbers: an entry of a value, or packed. Sliding logs and holders grow, so each has a key of its own. */
export function isEntry({ algorithm }: Limit): boolean {
  return entryCodecs[algorithm] !== undefined
}

/** Whether the state is a sorted set, of which a decision reads a part. */
export function isSet({ algorithm }: Limit): boolean {
  return setCodecs[algorithm] !== undefined
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
  return fields.length === 0 ? undefined : (keyCodecs[algorithm] ?? setCodecs[algorithm])?.fromReply(fields)
}
