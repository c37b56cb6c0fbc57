import type { Charge, ConsumeOptions, Limit } from '@sluice/core'
import {
  algorithmOf,
  type BucketState,
  calendarSpan,
  type ConcurrencyState,
  type FixedWindowState,
  holderOf,
  type LogEntry,
  rateOf,
  type SlidingLogState,
  type SlidingWindowState,
} from '@sluice/core/algorithms'
import { uniqueId } from '@sluice/core/store-kit'
import { leasesKey } from '../keys.ts'
import type { Ledger, Terms, Unwrapped } from '../state/leases.ts'
import { placeOf } from '../state/packed.ts'

// How charges and states cross to the script and back: the one place that knows the shapes which lua/*.lua describe.

export type Wire = readonly (string | number)[]
/** As the script tells it: text as its bytes. */
export type WireState = readonly (Buffer | number)[]

/** Bytes of a charge beside its key: indexes, cost, a holder's id, the frame of the protocol; and a share of its limit. */
const OVERHEAD = 64

/** `how` as the script has it. */
export const HOW = { charge: 0, force: 1, peek: 2, reset: 3 } as const

/** One algorithm's side of the wire. */
interface Form {
  limit(limit: Limit, nowMillis: number): Wire
  receipt(charge: Charge): Wire
  state(wire: WireState): unknown
  /** The same from three numbers; of those that lua/plain.lua decides. */
  ofThree?(a: number, b: number, c: number): unknown
}

const place = (charge: Charge): Wire => (typeof charge.receipt === 'number' ? [charge.receipt, 1] : split(charge))

const bucket: Form = {
  limit(limit) {
    const { N, P, burst, debt } = rateOf(limit)
    return ['b', N, P, burst, debt, limit.queue === true ? 1 : 0]
  },
  receipt({ limit, receipt }) {
    if (receipt === undefined) return []
    if (limit.queue !== true) return [Number(receipt)]
    return String(receipt).split(':').map(Number)
  },
  state: ([full, rest, rate]): BucketState => ({ full: Number(full), rest: Number(rest), rate: Number(rate) }),
  ofThree: (full, rest, rate): BucketState => ({ full, rest, rate }),
}

export const forms: { readonly [K in Limit['algorithm']]: Form } = {
  fixedWindow: {
    limit({ limit, window, anchor, timeZone }, now) {
      if (typeof window === 'number') return ['f', limit, anchor === 'first' ? 1 : 0, window]
      const { start, end } = calendarSpan({ window, timeZone }, now)
      return ['f', limit, 2, start, end, calendarSpan({ window, timeZone }, end).end]
    },
    receipt: place,
    state: ([start, count]): FixedWindowState => ({ start: Number(start), count: Number(count) }),
    ofThree: (start, count): FixedWindowState => ({ start, count }),
  },
  slidingWindow: {
    limit: ({ limit, window }) => ['s', limit, window],
    receipt: place,
    state: ([start, count, previous]): SlidingWindowState => ({ start: Number(start), count: Number(count), previous: Number(previous) }),
    ofThree: (start, count, previous): SlidingWindowState => ({ start, count, previous }),
  },
  slidingLog: {
    limit: ({ limit, window }) => ['l', limit, (window as number) * 1000],
    receipt: split,
    state([next, ...fields]): SlidingLogState {
      const entries: LogEntry[] = []
      for (let i = 0; i < fields.length; i += 3)
        entries.push({ time: Number(fields[i]), units: Number(fields[i + 1]), id: Number(fields[i + 2]) })
      return { entries, next: Number(next) }
    },
  },
  tokenBucket: bucket,
  leakyBucket: bucket,
  concurrency: {
    limit: ({ limit, window }) => ['c', limit, (window as number) * 1000],
    receipt: ({ receipt }) => (receipt === undefined ? [] : [String(receipt)]),
    state(fields): ConcurrencyState {
      const holders: { expires: number; id: string }[] = []
      for (let i = 0; i < fields.length; i += 2) holders.push({ expires: Number(fields[i]), id: String(fields[i + 1]) })
      return holders
    },
  },
}

function split({ receipt }: Charge): Wire {
  return receipt === undefined ? [] : String(receipt).split(':').map(Number)
}

/** A decision on its way to the script, or a reset. */
export interface WireDecision extends Unwrapped {
  readonly keys: readonly string[]
  readonly how: keyof typeof HOW
  readonly options: ConsumeOptions
  readonly holder: string
}

/** About how many bytes a decision adds to a batch. */
export function sizeOf({ charges, keys, leases }: WireDecision): number {
  let size = 0
  for (let i = 0; i < charges.length; i++) {
    const own = Buffer.byteLength(keys[i] as string) + OVERHEAD
    size += String(charges[i]?.receipt ?? '').length + (leases[i] === undefined ? own : 2 * own)
  }
  return size
}

/**
 * The id under which a decision's holders are acquired, `''` if it has none. Made before it is sent: one whose reply is lost can
 * still be released, and sent again takes nothing more.
 */
export function newHolder(charges: readonly Charge[]): string {
  return charges.some(({ limit }) => algorithmOf(limit).holds) ? uniqueId() : ''
}

/** Every key that decisions read, of their states and of the leases beside those, and its place, from 1. */
export function keysOf(decisions: readonly WireDecision[]): Map<string, number> {
  const places = new Map<string, number>()
  for (const { keys, leases } of decisions) {
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string
      if (!places.has(key)) places.set(key, places.size + 1)
      if (leases[i] !== undefined && !places.has(leasesKey(key))) places.set(leasesKey(key), places.size + 1)
    }
  }
  return places
}

/** What a script is sent: KEYS, and the one argument. */
export interface Message {
  readonly keys: readonly string[]
  readonly argument: string
}

/** Which states are packed; `undefined`: none. */
export type IsPacked = ((limit: Limit) => boolean) | undefined

interface Layout {
  /** Those of Redis. */
  readonly keys: readonly string[]
  /** By a state's key, the number that the script has for it. */
  readonly places: ReadonlyMap<string, number>
  /** As lua/packed.lua has them; none for a store that does not pack. */
  readonly buckets: readonly [] | readonly [readonly (number | string)[]]
}

interface Bucket {
  readonly window: number
  readonly fields: (number | string)[]
  readonly names: string[]
}

/** KEYS: what is a key of its own, then the buckets of those that end with a place; behind all, the places are counted on. */
export function layOut(decisions: readonly WireDecision[], isPacked: IsPacked): Layout {
  const places = keysOf(decisions)
  if (isPacked === undefined) return { keys: [...places.keys()], places, buckets: [] }
  const buckets = new Map<string, Bucket>()
  for (const { charges, keys } of decisions) {
    for (let i = 0; i < keys.length; i++) {
      const { limit } = charges[i] as Charge
      const name = keys[i] as string
      if (!isPacked(limit) || !places.delete(name)) continue
      const { key, field } = placeOf(name)
      const bucket = buckets.get(key)
      if (bucket === undefined) buckets.set(key, { window: limit.window as number, fields: [field], names: [name] })
      else {
        bucket.fields.push(field)
        bucket.names.push(name)
      }
    }
  }
  const keys = [...places.keys()]
  for (const [i, key] of keys.entries()) places.set(key, i + 1)
  const told: (number | string)[] = [buckets.size]
  let place = keys.length + buckets.size
  for (const { window, fields, names } of buckets.values()) {
    told.push(fields.length, window, ...fields)
    for (const name of names) places.set(name, ++place)
  }
  return { keys: [...keys, ...buckets.keys()], places, buckets: [told] }
}

/** The limits of a batch, each once, and the place of each, from 1. */
export class WireLimits {
  readonly wire: Wire[] = []
  private readonly places = new Map<Limit, number>()
  private readonly now: number

  constructor(clientMillis: number) {
    this.now = clientMillis
  }

  placeOf(limit: Limit): number {
    let place = this.places.get(limit)
    if (place === undefined) {
      place = this.wire.push(forms[limit.algorithm].limit(limit, this.now))
      this.places.set(limit, place)
    }
    return place
  }
}

export function encodeBatch(decisions: readonly WireDecision[], nowMicros: number, clientMillis: number, isPacked: IsPacked): Message {
  const { keys: named, places, buckets } = layOut(decisions, isPacked)
  const limits = new WireLimits(clientMillis)
  const wire = decisions.map(({ charges, keys, leases, how, options, holder }) => {
    const told = charges.map((charge, i) => {
      const { limit, cost } = charge
      const key = keys[i] as string
      const plain = [limits.placeOf(limit), places.get(key), cost, forms[limit.algorithm].receipt(charge), holderOf(holder, i)]
      const terms = leases[i]
      return terms === undefined ? plain : [...plain, [places.get(leasesKey(key)), ...termsWire(terms)]]
    })
    return [HOW[how], options.atLeast ?? 0, ...told]
  })
  return { keys: named, argument: JSON.stringify([nowMicros, limits.wire, wire, ...buckets]) }
}

function termsWire(terms: Terms): Wire {
  return [terms.ttl, 'ceiling' in terms ? terms.ceiling : terms.since]
}

/** The ledgers that a decision met: behind the states, one for each charge with terms. */
export function decodeLedgers({ charges, keys, leases }: WireDecision, wire: readonly WireState[]): ReadonlyMap<string, Ledger> {
  const ledgers = new Map<string, Ledger>()
  let at = charges.length
  for (const [i, terms] of leases.entries()) {
    if (terms === undefined) continue
    const [epoch, granted, previous] = (wire[at++] ?? []).map(Number)
    if (epoch !== undefined && granted !== undefined && previous !== undefined)
      ledgers.set(leasesKey(keys[i] as string), { epoch, granted, previous })
  }
  return ledgers
}

/** The states that a decision met, for core's own step; an absent one is `undefined`, an empty one on the wire. */
export function decodeStates(charges: readonly Charge[], wire: readonly WireState[]): readonly unknown[] {
  return charges.map(({ limit }, i) => {
    const state = wire[i]
    return state === undefined || state.length === 0 ? undefined : forms[limit.algorithm].state(state)
  })
}
