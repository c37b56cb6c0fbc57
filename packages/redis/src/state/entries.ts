import type { Limit } from '@sluice/core'
import type { Placement } from '../keys.ts'
import { type Numbers, stateOf } from './codec.ts'

// A value: the windows and buckets of one policy and subject, as a list of entries of 28 bytes. lua/state.lua reads and writes the same
// bytes, so stores with and without scripts share their data. An entry is an id (4 bytes) and three doubles, all big-endian. The first
// number is the time (µs) until which the entry counts. Only the second may be below 0.

const SIZE = 28
/** A value with more entries was not written by Sluice. */
const MAX_READ = 255
const MAX_ENTRIES = 32
/** The entry of a blocked subject, always the first: until when (µs), 0 and 0. No state has this id. */
export const BLOCK_ID = 0xffffffff

/** Whether the bytes can be a value. Others count as absent. */
function isValue(length: number): boolean {
  return length > 0 && length % SIZE === 0 && length <= SIZE * MAX_READ
}

/** Whether three numbers can be a state. */
function isState(first: number, second: number, third: number): boolean {
  return Number.isSafeInteger(first) && Number.isSafeInteger(second) && Number.isSafeInteger(third) && first >= 0 && third >= 0
}

/** The three numbers of the entry at this offset; `undefined` if they cannot be a state. */
function numbersAt(bytes: Buffer, at: number): Numbers | undefined {
  const first = bytes.readDoubleBE(at + 4)
  const second = bytes.readDoubleBE(at + 12)
  const third = bytes.readDoubleBE(at + 20)
  return isState(first, second, third) ? [first, second, third] : undefined
}

/** The state of the limit in the entry at this offset; `undefined` without an entry, or for numbers that cannot be a state. */
function stateAt(bytes: Buffer, at: number, limit: Limit): unknown {
  if (at < 0) return undefined
  const first = bytes.readDoubleBE(at + 4)
  const second = bytes.readDoubleBE(at + 12)
  const third = bytes.readDoubleBE(at + 20)
  return isState(first, second, third) ? stateOf(limit, first, second, third) : undefined
}

/**
 * Reads the state of each placement from a value, which is `length` bytes from `offset`. As in lua/fast.lua, entries that lie together in
 * the order of the placements are read first; otherwise the first entry of an id is its state.
 */
export function readStates(bytes: Buffer, offset: number, length: number, placements: readonly Placement[]): unknown[] {
  const states: unknown[] = []
  const end = offset + length
  const start = findEntry(bytes, offset, end, placements[0]?.id)
  let isTogether = start >= 0 && start + SIZE * placements.length <= end
  for (let i = 1; isTogether && i < placements.length; i++) isTogether = bytes.readUInt32BE(start + SIZE * i) === placements[i]?.id
  for (let i = 0; i < placements.length; i++) {
    const { limit, id } = placements[i] as Placement
    states.push(stateAt(bytes, isTogether ? start + SIZE * i : findEntry(bytes, offset, end, id), limit))
  }
  return states
}

/** Until when the subject of a value is blocked: µs since the epoch; 0 if it is not. The value is `length` bytes from `offset`. */
export function blockedUntilIn(bytes: Buffer, offset: number, length: number): number {
  return length >= SIZE && bytes.readUInt32BE(offset) === BLOCK_ID ? bytes.readDoubleBE(offset + 4) : 0
}

/** Where the first entry of an id is, from `offset` to before `end`; −1 if there is none. */
function findEntry(bytes: Buffer, offset: number, end: number, id: number | undefined): number {
  for (let at = offset; at < end; at += SIZE) if (bytes.readUInt32BE(at) === id) return at
  return -1
}

/** A value that is read, changed and written, as lua/full.lua does it. */
export class EntryList {
  /** How many entries could not be read; 1 for bytes that are no value. */
  readonly unreadable: number
  private entries = new Map<number, Numbers>()

  constructor(value: Buffer | null) {
    let unreadable = 0
    if (value !== null && !isValue(value.length)) unreadable = 1
    else if (value !== null) {
      const seen = new Set<number>()
      for (let at = 0; at < value.length; at += SIZE) {
        const id = value.readUInt32BE(at)
        const numbers = seen.has(id) ? undefined : numbersAt(value, at)
        seen.add(id)
        if (numbers === undefined) unreadable += 1
        else this.entries.set(id, numbers)
      }
    }
    this.unreadable = unreadable
  }

  get(id: number): Numbers | undefined {
    return this.entries.get(id)
  }

  set(id: number, numbers: Numbers): void {
    this.entries.set(id, numbers)
  }

  delete(id: number): void {
    this.entries.delete(id)
  }

  /** Until when the subject is blocked: µs since the epoch; 0 if it is not. */
  get blockedUntil(): number {
    return this.entries.get(BLOCK_ID)?.[0] ?? 0
  }

  set blockedUntil(until: number) {
    this.entries.delete(BLOCK_ID)
    if (until > 0) this.entries = new Map([[BLOCK_ID, [until, 0, 0]], ...this.entries])
  }

  /** The ids and numbers of all entries, in the order of the value. */
  list(): Iterable<readonly [id: number, numbers: Numbers]> {
    return this.entries
  }

  /**
   * Removes entries that ended before `now` (µs). Above 32 entries it removes those that expire first, except those that `isNeeded`. Returns
   * how many it removed although they count.
   */
  prune(now: number, isNeeded: (id: number) => boolean): number {
    for (const [id, [first]] of this.entries) if (first < now) this.entries.delete(id)
    const removable = [...this.entries].filter(([id]) => id !== BLOCK_ID && !isNeeded(id)).toSorted(([, a], [, b]) => a[0] - b[0])
    const dropped = removable.slice(0, Math.max(0, this.entries.size - MAX_ENTRIES))
    for (const [id] of dropped) this.entries.delete(id)
    return dropped.length
  }

  /** The value, and the ms at which its key expires; `undefined` if nothing is left. */
  encode(): { readonly value: Buffer; readonly expires: number } | undefined {
    if (this.entries.size === 0) return undefined
    const value = Buffer.alloc(this.entries.size * SIZE)
    let offset = 0
    let latest = 0
    for (const [id, numbers] of this.entries) {
      value.writeUInt32BE(id, offset)
      for (const [i, number] of numbers.entries()) value.writeDoubleBE(number, offset + 4 + 8 * i)
      offset += SIZE
      latest = Math.max(latest, numbers[0])
    }
    return { value, expires: Math.floor(latest / 1000) + 1 }
  }
}
