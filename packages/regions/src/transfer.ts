import type { Numbers } from './ledger.ts'
import type { NeedRecord, OfferRecord } from './record.ts'
import { type Shape, startOf } from './shape.ts'

// The steps of mode `strict`: each is one atomic step of the store. A region may use its rights in a window. What it gives away is taken from
// its own count as if it were used, and what it gets makes its count lower.

/** ms until a region asks again; doubled while nobody gives, up to a part of the window. */
const FIRST_PAUSE = 300
const LONGEST_PAUSE = 1 / 32
/** The part of the limit that a region asks for at least. Few rights would otherwise grow one by one. */
const LEAST = 1 / 16
/** A region asks when less than this part of its rights is free. */
export const LOW: number = 1 / 4

/** What a region has given and got of the rights of one state in one window. */
export interface Transfers {
  /** Until when the window counts, µs. */
  readonly window: number
  /** By name of the region, units that this region gave it. */
  readonly donated: Readonly<Record<string, number>>
  /** By name of the region, the largest sum that it said it gave. The count is lower by these units. */
  readonly got: Readonly<Record<string, number>>
  /** By name of the region, units that it could still spare when it answered last. Absent: it has not answered. */
  readonly free: Readonly<Record<string, number>>
  /** When this region asked last (µs; 0 for never), and ms that it then waits. */
  readonly asked: number
  readonly pause: number
}

/** The state of a window in mode `strict`, and the transfers of that window. Its count may be below 0: rights that are not used yet. */
export interface RightsData {
  readonly state: Numbers | undefined
  readonly transfers: Transfers | undefined
}

export interface RightsChange {
  readonly state: Numbers
  readonly transfers: Transfers
}

interface Window extends RightsChange {
  /** Units of rights that are free now. */
  readonly free: number
}

/** The window of now. A window that was not used has its rights whole. */
function openWindow(shape: Shape, data: RightsData, rights: number, now: number): Window {
  const ms = Math.floor(now / 1000)
  const { P } = shape
  const isSliding = shape.kind === 'sliding'
  const start = shape.start ?? ms - (ms % P)
  const current = isSliding ? (ms - (ms % P) + 2 * P) * 1000 : (start + P) * 1000
  const [until, count, before] = rolled(shape, data.state, current)
  const transfers = data.transfers?.window === until ? data.transfers : noTransfers(until)
  const left = Math.max(0, Math.min(P, startOf(shape, until) + P - ms))
  const weight = isSliding ? Math.ceil((before * left) / P) : 0
  return { state: [until, count, before], transfers, free: rights - count - weight }
}

function noTransfers(window: number): Transfers {
  return { window, donated: {}, got: {}, free: {}, asked: 0, pause: FIRST_PAUSE }
}

/** The numbers of a window at the window that counts until then. */
function rolled({ kind, P }: Shape, state: Numbers | undefined, current: number): Numbers {
  if (state === undefined || state[0] < current - (kind === 'sliding' ? P * 1000 : 0)) return [current, 0, 0]
  if (state[0] >= current) return state
  // Rights that were not used end with their window.
  return kind === 'sliding' ? [current, 0, Math.max(0, state[1])] : [current, 0, 0]
}

/** What a region that needs units asks for. */
export interface Need {
  /** The transfers after it; `undefined` if they stay as they are, since the region has enough, or has just asked. */
  readonly transfers: Transfers | undefined
  /** Until when the window counts, µs. */
  readonly window: number
  /** Units to ask for. */
  readonly want: number
  readonly got: Readonly<Record<string, number>>
  /** What the region may use in the window: its rights, with what it got and without what it gave. */
  readonly effective: number
  /** Whether more may come: a region could spare some, or has not answered. */
  readonly isHeld: boolean
}

/**
 * What the region asks the others for. It asks by its effective rights, so a region with few rights and many requests soon has enough.
 * @param cost units of a decision that was refused; 0 if less than a quarter of the rights is left
 * @param others names of the other regions
 */
export function need(shape: Shape, data: RightsData, rights: number, cost: number, others: readonly string[], now: number): Need {
  const { transfers, free } = openWindow(shape, data, rights, now)
  const { window, got, donated, asked, pause } = transfers
  const effective = rights + sumOf(got) - sumOf(donated)
  const isHeld = others.some((name) => (transfers.free[name] ?? 1) > 0)
  const isEnough = cost === 0 ? free > effective * LOW : cost <= free
  const known = { window, got, effective, isHeld }
  if (isEnough || now < asked + pause * 1000) return { ...known, transfers: undefined, want: 0 }
  const want = Math.max(cost - free, Math.ceil(effective / 2) - Math.max(0, free), Math.ceil(shape.N * LEAST), 1)
  const longest = Math.max(FIRST_PAUSE, Math.floor(shape.P * LONGEST_PAUSE))
  // A region that has never asked waits as long after the first time.
  const next = asked === 0 ? FIRST_PAUSE : Math.min(2 * pause, longest)
  return { ...known, transfers: { ...transfers, asked: now, pause: next }, want }
}

/**
 * Gives rights of the window of now to a region that needs them.
 * @param terms rights: of this region. floor: the part of them that it keeps for itself; falls to 0 at the end of the window
 * @returns `undefined` if the need is of another window
 */
export function donate(
  shape: Shape,
  record: Pick<NeedRecord, 'window' | 'want' | 'got'>,
  asker: { readonly name: string; readonly self: string },
  data: RightsData,
  terms: { readonly rights: number; readonly floor: number },
  now: number,
): (RightsChange & { readonly total: number; readonly free: number }) | undefined {
  const { name, self } = asker
  const open = openWindow(shape, data, terms.rights, now)
  const { state, transfers } = open
  if (record.window !== transfers.window) return undefined
  const got = record.got[self] ?? 0
  const known = transfers.donated[name] ?? 0
  // This store has forgotten what it gave, and with it that it took it from its own count.
  const again = Math.max(0, got - known)
  const left = Math.max(0, startOf(shape, transfers.window) + shape.P - Math.floor(now / 1000)) / shape.P
  const spare = open.free - again - Math.ceil(terms.floor * terms.rights * Math.min(1, left))
  const donated = known + again
  // Rounded up, or the last unit of each region could not move.
  const units = Math.max(0, Math.min(record.want - (donated - got), Math.ceil(spare / 2)))
  const total = donated + units
  const [until, count, before] = state
  return {
    state: [until, count + again + units, before],
    transfers: { ...transfers, donated: { ...transfers.donated, [name]: total } },
    total,
    free: Math.max(0, spare - units),
  }
}

/**
 * Credits what another region gave: the count is lower by what is more than it said before.
 * @returns `undefined` if the offer is of another window
 */
export function accept(
  shape: Shape,
  offer: Pick<OfferRecord, 'window' | 'total' | 'free'>,
  from: string,
  data: RightsData,
  now: number,
): RightsChange | undefined {
  const { state, transfers } = openWindow(shape, data, 0, now)
  if (offer.window !== transfers.window) return undefined
  const known = transfers.got[from] ?? 0
  const got = Math.max(known, offer.total)
  const [until, count, before] = state
  return {
    state: [until, count - (got - known), before],
    transfers: {
      ...transfers,
      got: { ...transfers.got, [from]: got },
      free: { ...transfers.free, [from]: offer.free },
      pause: offer.free > 0 ? FIRST_PAUSE : transfers.pause,
    },
  }
}

/** Forgets what was used in the window. What was given and got stays: others count on it. */
export function resetRights(shape: Shape, data: RightsData, now: number): RightsChange {
  const { state, transfers } = openWindow(shape, data, 0, now)
  return { state: [state[0], sumOf(transfers.donated) - sumOf(transfers.got), 0], transfers }
}

/** µs until which transfers must be kept: a window longer than the state. */
export function transfersUntil({ P }: Shape, { window }: Transfers): number {
  return window + P * 1000
}

function sumOf(units: Readonly<Record<string, number>>): number {
  let sum = 0
  for (const each of Object.values(units)) sum += each
  return sum
}
