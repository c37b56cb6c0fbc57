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
  uniqueId,
} from '@sluice/core/algorithms'
import { leasesKey } from './keys.ts'
import type { Ledger, Terms, Unwrapped } from './leases.ts'

// How charges and states cross to the script and back: the one place that knows the shapes which lua/*.lua describe.

type Wire = readonly (string | number)[]
/** As the script tells it: text as its bytes. */
export type WireState = readonly (Buffer | number)[]

/** Bytes of a charge beside its key: indexes, cost, a holder's id, the frame of the protocol; and a share of its limit. */
const OVERHEAD = 64

/** `how` as the script has it. */
export const HOW = { charge: 0, force: 1, peek: 2, reset: 3 } as const

/** One algorithm's side of the wire. */
interface Form {
  limit(limit: Limit, nowMillis: number): Wire
  /** Its file has a function `plain`, and that may be asked about this limit. */
  isPlain(limit: Limit): boolean
  receipt(charge: Charge): Wire
  state(wire: WireState): unknown
  /** The same from the three numbers that a run tells; of a limit that `isPlain`. */
  ofThree?(a: number, b: number, c: number): unknown
}

const place = (charge: Charge): Wire => (typeof charge.receipt === 'number' ? [charge.receipt, 1] : split(charge))

const bucket: Form = {
  limit(limit) {
    const { N, P, burst, debt } = rateOf(limit)
    return ['b', N, P, burst, debt, limit.queue === true ? 1 : 0]
  },
  isPlain: () => true,
  receipt({ limit, receipt }) {
    if (receipt === undefined) return []
    if (limit.queue !== true) return [Number(receipt)]
    return String(receipt).split(':').map(Number)
  },
  state: ([full, rest, rate]): BucketState => ({ full: Number(full), rest: Number(rest), rate: Number(rate) }),
  ofThree: (full, rest, rate): BucketState => ({ full, rest, rate }),
}

const forms: { readonly [K in Limit['algorithm']]: Form } = {
  fixedWindow: {
    limit({ limit, window, anchor, timeZone }, now) {
      if (typeof window === 'number') return ['f', limit, anchor === 'first' ? 1 : 0, window]
      const { start, end } = calendarSpan({ window, timeZone }, now)
      return ['f', limit, 2, start, end, calendarSpan({ window, timeZone }, end).end]
    },
    isPlain: ({ window }) => typeof window === 'number',
    receipt: place,
    state: ([start, count]): FixedWindowState => ({ start: Number(start), count: Number(count) }),
    ofThree: (start, count): FixedWindowState => ({ start, count }),
  },
  slidingWindow: {
    limit: ({ limit, window }) => ['s', limit, window],
    isPlain: () => true,
    receipt: place,
    state: ([start, count, previous]): SlidingWindowState => ({ start: Number(start), count: Number(count), previous: Number(previous) }),
    ofThree: (start, count, previous): SlidingWindowState => ({ start, count, previous }),
  },
  slidingLog: {
    limit: ({ limit, window }) => ['l', limit, (window as number) * 1000],
    isPlain: () => false,
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
    isPlain: () => false,
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

/** One on its way in a batch. */
export interface BatchedDecision extends WireDecision {
  /** The script's short way decides it, in a run with its neighbours. */
  readonly isPlain: boolean
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

/** What a batch sends: KEYS, and the one argument. */
export function encodeBatch(
  decisions: readonly BatchedDecision[],
  nowMicros: number,
  clientMillis: number,
): { readonly keys: readonly string[]; readonly argument: string } {
  const places = keysOf(decisions)
  const limits = new Map<Limit, number>()
  const wireLimits: Wire[] = []
  const limitOf = (limit: Limit): number => {
    let index = limits.get(limit)
    if (index === undefined) {
      limits.set(limit, (index = limits.size + 1))
      wireLimits.push(forms[limit.algorithm].limit(limit, clientMillis))
    }
    return index
  }
  const parts: unknown[] = []
  let run: number[] | undefined
  for (const { charges, keys, leases, how, options, holder, isPlain: plain } of decisions) {
    if (plain) {
      if (run === undefined) parts.push((run = []))
      run.push(charges.length)
      for (let i = 0; i < charges.length; i++) {
        const { limit, cost } = charges[i] as Charge
        run.push(limitOf(limit), places.get(keys[i] as string) as number, cost)
      }
      continue
    }
    run = undefined
    const full = charges.map((charge, i) => {
      const key = keys[i] as string
      const told = [limitOf(charge.limit), places.get(key), charge.cost, forms[charge.limit.algorithm].receipt(charge), holderOf(holder, i)]
      const terms = leases[i]
      return terms === undefined ? told : [...told, [places.get(leasesKey(key)), ...termsWire(terms)]]
    })
    parts.push([HOW[how], options.atLeast ?? 0, ...full])
  }
  return { keys: [...places.keys()], argument: JSON.stringify([nowMicros, wireLimits, parts]) }
}

/** More charges than that are nobody's common case, and are looked at in pairs. */
const MOST_PLAIN = 8

/** Whether the script's short way can decide it: units are taken, each from a state of its own, and nothing else is asked. */
export function isPlain({ charges, keys, leases, how, options }: Omit<WireDecision, 'holder'>): boolean {
  if (how !== 'charge' || options.atLeast !== undefined || charges.length > MOST_PLAIN) return false
  for (let i = 0; i < charges.length; i++) {
    const { limit, cost, receipt } = charges[i] as Charge
    if (
      !forms[limit.algorithm].isPlain(limit) ||
      cost <= 0 ||
      receipt !== undefined ||
      leases[i] !== undefined ||
      (i > 0 && keys.indexOf(keys[i] as string) < i)
    )
      return false
  }
  return true
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

const FAILED = 0x32
const ALLOWED = 0x31

/** What the script tells of a run of plain decisions, read one after the other. */
export class RunReader {
  private readonly bytes: Buffer
  private at = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  /** Whether no more of its decisions were told: those did not run. */
  get isDone(): boolean {
    return this.at >= this.bytes.length
  }

  /** The verdict of the next, and the states it met; or why it makes no sense. */
  next(charges: readonly Charge[]): { readonly isAllowed: boolean; readonly states: readonly unknown[] } | string {
    const { bytes } = this
    const verdict = bytes[this.at++]
    if (verdict === FAILED) {
      const start = this.at + 4
      this.at = start + bytes.readUInt32BE(this.at)
      return bytes.toString('utf8', start, this.at)
    }
    const states: unknown[] = []
    for (const { limit } of charges) {
      const a = bytes.readDoubleBE(this.at)
      states.push(
        Number.isNaN(a)
          ? undefined
          : forms[limit.algorithm].ofThree?.(a, bytes.readDoubleBE(this.at + 8), bytes.readDoubleBE(this.at + 16)),
      )
      this.at += 24
    }
    return { isAllowed: verdict === ALLOWED, states }
  }
}
