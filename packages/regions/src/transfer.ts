import type { Numbers } from './ledger.ts'
import type { NeedRecord, OfferRecord } from './record.ts'
import { type Shape, startOf } from './shape.ts'

// The steps of mode `strict`: each is one atomic step of the store. A region may use its rights in a window. What it gives away is taken from
// its own count as if it were used, and what it gets makes its count lower.

/** What a region has given and got of the rights of one state in one window. */
export interface Transfers {
  /** Until when the window counts, µs. */
  readonly window: number
  /** By name of the region, units that this region gave it. */
  readonly donated: Readonly<Record<string, number>>
  /** By name of the region, the largest sum that it said it gave. */
  readonly got: Readonly<Record<string, number>>
  /** Units of those that the count of this region has been lowered by. */
  readonly credited: number
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
  const transfers = data.transfers?.window === until ? data.transfers : { window: until, donated: {}, got: {}, credited: 0 }
  const left = Math.max(0, Math.min(P, startOf(shape, until) + P - ms))
  const weight = isSliding ? Math.ceil((before * left) / P) : 0
  return { state: [until, count, before], transfers, free: rights - count - weight }
}

/** The numbers of a window at the window that counts until then. */
function rolled({ kind, P }: Shape, state: Numbers | undefined, current: number): Numbers {
  if (state === undefined || state[0] < current - (kind === 'sliding' ? P * 1000 : 0)) return [current, 0, 0]
  if (state[0] >= current) return state
  // Rights that were not used end with their window.
  return kind === 'sliding' ? [current, 0, Math.max(0, state[1])] : [current, 0, 0]
}

/** Lowers the count by what was got and not credited yet. Called when units are needed, before a refusal. */
export function claim(shape: Shape, data: RightsData, rights: number, now: number): RightsChange & { readonly free: number } {
  const { state, transfers, free } = openWindow(shape, data, rights, now)
  const sum = Object.values(transfers.got).reduce((total, units) => total + units, 0)
  const units = sum - transfers.credited
  const [until, count, before] = state
  return { state: [until, count - units, before], transfers: { ...transfers, credited: sum }, free: free + units }
}

/** What a region that needs units says to the others. `want`: units. */
export function needOf(
  key: { readonly policy: string; readonly subject: string; readonly text: string },
  { transfers }: RightsChange,
  want: number,
  now: number,
): NeedRecord {
  const { policy, subject, text } = key
  return { kind: 'need', policy, subject, text, version: now, window: transfers.window, want, got: transfers.got }
}

/**
 * Gives rights of the window of now to a region that needs them.
 * @param floor the part of its rights that this region keeps for itself; falls to 0 at the end of the window
 * @returns `undefined` if the need is of another window
 */
export function donate(
  shape: Shape,
  need: NeedRecord,
  asker: { readonly name: string; readonly self: string },
  data: RightsData,
  terms: { readonly rights: number; readonly floor: number },
  now: number,
): (RightsChange & { readonly offer: OfferRecord }) | undefined {
  const { name, self } = asker
  const open = openWindow(shape, data, terms.rights, now)
  const { state, transfers } = open
  if (need.window !== transfers.window) return undefined
  const got = need.got[self] ?? 0
  const known = transfers.donated[name] ?? 0
  // This store has forgotten what it gave, and with it that it took it from its own count.
  const again = Math.max(0, got - known)
  const left = Math.max(0, startOf(shape, transfers.window) + shape.P - Math.floor(now / 1000)) / shape.P
  const spare = open.free - again - Math.ceil(terms.floor * terms.rights * Math.min(1, left))
  const donated = known + again
  const units = Math.max(0, Math.min(need.want - (donated - got), Math.floor(spare / 2)))
  const total = donated + units
  const { policy, subject, text } = need
  const [until, count, before] = state
  return {
    state: [until, count + again + units, before],
    transfers: { ...transfers, donated: { ...transfers.donated, [name]: total } },
    offer: { kind: 'offer', policy, subject, text, version: now, to: name, window: until, total, free: Math.max(0, spare - units) },
  }
}

/**
 * Notes what another region gave. It is credited when it is needed.
 * @returns `undefined` if the offer is of another window
 */
export function accept(shape: Shape, offer: OfferRecord, from: string, data: RightsData, now: number): RightsChange | undefined {
  const { state, transfers } = openWindow(shape, data, 0, now)
  if (offer.window !== transfers.window) return undefined
  const got = Math.max(transfers.got[from] ?? 0, offer.total)
  return { state, transfers: { ...transfers, got: { ...transfers.got, [from]: got } } }
}

/** Forgets what was used in the window. What was given and got stays: others count on it. */
export function resetRights(shape: Shape, data: RightsData, now: number): RightsChange {
  const { state, transfers } = openWindow(shape, data, 0, now)
  const donated = Object.values(transfers.donated).reduce((total, units) => total + units, 0)
  return { state: [state[0], donated - transfers.credited, 0], transfers }
}

/** µs until which transfers must be kept: a window longer than the state. */
export function transfersUntil({ P }: Shape, { window }: Transfers): number {
  return window + P * 1000
}
