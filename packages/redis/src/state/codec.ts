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

// The states as the scripts of lua/ keep them, so that a store with scripts and one without can share data.

/** What is kept, and the ms since the epoch at which it may go. */
export interface Kept {
  readonly value: string | Buffer
  readonly expires: number
}

interface Form<S> {
  /** `undefined` for what is no such state: it counts as absent. */
  decode(value: Buffer): S | undefined
  encode(state: S, limit: Limit, nowMicros: number): Kept
}

/** A state that was decoded, or made by core, under a limit is encoded under one of the same algorithm. */
function form<S>(own: Form<S>): Form<unknown> {
  return own
}

// lua/lib.lua: three doubles, of which only the first may be below 0.
function three(value: Buffer): readonly [number, number, number] | undefined {
  if (value.length !== 24) return undefined
  const [a, b, c] = [value.readDoubleBE(0), value.readDoubleBE(8), value.readDoubleBE(16)]
  return [a, b, c].every(Number.isSafeInteger) && b >= 0 && c >= 0 ? [a, b, c] : undefined
}

function bytes(...numbers: readonly [number, number, number]): Buffer {
  const value = Buffer.alloc(24)
  for (const [i, number] of numbers.entries()) value.writeDoubleBE(number, 8 * i)
  return value
}

// lua/fixedWindow.lua: start (ms), count (units) and 0.
const fixedWindow = form<FixedWindowState>({
  decode(value) {
    const [start, count] = three(value) ?? []
    return start === undefined || count === undefined ? undefined : { start, count }
  },
  encode({ start, count }, limit) {
    const expires = typeof limit.window === 'number' ? start + limit.window : calendarSpan(limit, start).end
    return { value: bytes(start, count, 0), expires }
  },
})

// lua/slidingWindow.lua: start (ms), count and previous (units).
const slidingWindow = form<SlidingWindowState>({
  decode(value) {
    const [start, count, previous] = three(value) ?? []
    return start === undefined || count === undefined || previous === undefined ? undefined : { start, count, previous }
  },
  encode: ({ start, count, previous }, { window }) => ({
    value: bytes(start, count, previous),
    expires: start + 2 * (window as number),
  }),
})

// lua/bucket.lua: F (µs), r (credits) and the N of those, 0 when there are none.
const bucket = form<BucketState>({
  decode(value) {
    const [full, rest, rate] = three(value) ?? []
    return full === undefined || rest === undefined || rate === undefined || (rest > 0 && rest >= rate) ? undefined : { full, rest, rate }
  },
  encode: ({ full, rest, rate }) => ({
    value: bytes(full, rest, rest > 0 ? rate : 0),
    expires: Math.ceil((rest > 0 ? full + 1 : full) / 1000),
  }),
})

const RECORD = 16

// lua/slidingLog.lua: records of 16 bytes, oldest first: time (µs, a double), units and id (4 bytes each). The last record may
// have no units left: it keeps ids from being used again.
const slidingLog = form<SlidingLogState>({
  decode(value) {
    if (value.length === 0 || value.length % RECORD !== 0) return undefined
    const entries: LogEntry[] = []
    let last = 0
    let next = 0
    for (let at = 0; at < value.length; at += RECORD) {
      const time = value.readDoubleBE(at)
      if (!(time >= last && time <= Number.MAX_SAFE_INTEGER)) return undefined
      last = time
      const entry = { time, units: value.readUInt32BE(at + 8), id: value.readUInt32BE(at + 12) }
      next = Math.max(next, entry.id + 1)
      if (entry.units > 0) entries.push(entry)
    }
    return { entries, next }
  },
  encode({ entries, next }, { window }, now) {
    const newest = entries.at(-1)
    const isTold = newest !== undefined && newest.id === next - 1
    const records = isTold ? entries : [...entries, { time: Math.max(newest?.time ?? 0, now), units: 0, id: next - 1 }]
    const value = Buffer.alloc(records.length * RECORD)
    for (const [i, { time, units, id }] of records.entries()) {
      value.writeDoubleBE(time, i * RECORD)
      value.writeUInt32BE(units, i * RECORD + 8)
      value.writeUInt32BE(id, i * RECORD + 12)
    }
    return { value, expires: Math.ceil(((records.at(-1)?.time ?? now) + (window as number) * 1000) / 1000) }
  },
})

// lua/concurrency.lua: "expires id" lines, µs and the holder's id, in the order of acquisition.
const concurrency = form<ConcurrencyState>({
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
})

const forms: { readonly [K in Limit['algorithm']]: Form<unknown> } = {
  fixedWindow,
  slidingWindow,
  slidingLog,
  tokenBucket: bucket,
  leakyBucket: bucket,
  concurrency,
}

export function decodeKept({ algorithm }: Limit, value: Buffer): unknown {
  return forms[algorithm].decode(value)
}

export function encodeKept(state: unknown, limit: Limit, nowMicros: number): Kept {
  return forms[limit.algorithm].encode(state, limit, nowMicros)
}

// lua/leases.lua: "epoch:granted:previous", ttls since the epoch and units.
export function decodeLedger(value: Buffer): Ledger | undefined {
  const [epoch, granted, previous] = integers(value, /^(\d+):(\d+):(\d+)$/) ?? []
  return epoch === undefined || granted === undefined || previous === undefined ? undefined : { epoch, granted, previous }
}

/** For two ttls from its last write: then every lease in it is void. */
export function encodeLedger({ epoch, granted, previous }: Ledger, ttl: number, nowMicros: number): Kept {
  return { value: `${epoch}:${granted}:${previous}`, expires: Math.ceil((nowMicros + 2 * ttl) / 1000) }
}

/** The groups of a pattern, if every one is an integer below 2^53. */
function integers(value: Buffer, pattern: RegExp): readonly number[] | undefined {
  const found = pattern.exec(value.toString('latin1'))?.slice(1).map(Number)
  return found?.every(Number.isSafeInteger) === true ? found : undefined
}
