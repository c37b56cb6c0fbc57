import type { Clock } from '@sluice/core'
import type { NeedAnswer, NeedRecord, Numbers, OfferRecord, RegionsModule, RightsKey, Shape, Transfers } from './types.ts'

interface Entry {
  readonly state: Numbers | undefined
  readonly transfers: Transfers | undefined
}

/** An admission: the window that it counts in (ms), and what is free after it. */
export interface StrictDecision {
  readonly isAllowed: boolean
  readonly start: number
  readonly free: number
}

/** The store of one region in mode `strict`, for one policy, subject and limit. */
export class StrictStore {
  /** Observes what was given. */
  onDonate: (need: NeedRecord, asker: string, before: Transfers | undefined) => void = () => undefined
  /** Units that the region may use now; `undefined` while they are not known. */
  rights: () => number | undefined = () => undefined
  entry: Entry = { state: undefined, transfers: undefined }
  private readonly regions: RegionsModule
  private readonly clock: Clock
  private readonly self: string
  private readonly floor: number
  private readonly shape: Shape

  constructor(regions: RegionsModule, clock: Clock, self: string, floor: number, shape: Shape) {
    this.regions = regions
    this.clock = clock
    this.self = self
    this.floor = floor
    this.shape = shape
  }

  get now(): number {
    return Math.round(this.clock.now() * 1000)
  }

  partitionOf(): number {
    return 0
  }

  flush(): void {
    this.entry = { state: undefined, transfers: undefined }
  }

  /** The shape at the time of the store. */
  shapeAt({ text, kind, N, P, burst }: Shape): Shape {
    const ms = Math.floor(this.now / 1000)
    return { text, kind, N, P, burst, start: ms - (ms % P) }
  }

  decide(base: Shape, rights: number, cost: number): StrictDecision {
    const shape = this.shapeAt(base)
    const start = shape.start as number
    const [until, count, before] = this.current(shape)
    const free = rights - count - this.weight(shape, before)
    if (cost > free) return { isAllowed: false, start, free }
    this.entry = { ...this.live(), state: [until, count + cost, before] }
    return { isAllowed: true, start, free: free - cost }
  }

  /** Gives back units of a charge in the window that starts then. Returns how many. */
  giveBack(base: Shape, start: number, units: number): number {
    const shape = this.shapeAt(base)
    const [until, count, before] = this.current(shape)
    const current = shape.start as number
    if (start === current) {
      this.entry = { ...this.live(), state: [until, count - units, before] }
      return units
    }
    if (shape.kind !== 'sliding' || start !== current - shape.P) return 0
    const back = Math.min(units, before)
    this.entry = { ...this.live(), state: [until, count, before - back] }
    return back
  }

  reset(shape: Shape): void {
    this.entry = this.regions.resetRights(this.shapeAt(shape), this.live(), this.now)
  }

  need({ policy, subject, shape }: RightsKey, rights: number, cost: number, others: readonly string[]): NeedAnswer {
    const live = this.live()
    const needed = this.regions.need(this.shapeAt(shape), live, rights, cost, others, this.now)
    const { transfers, window, want, got, effective, isHeld } = needed
    if (transfers === undefined) return { record: undefined, effective, isHeld }
    this.entry = { ...live, transfers }
    const { text, N, P } = shape
    return { record: { kind: 'need', policy, subject, text, version: this.now, window, want, got, N, P }, effective, isHeld }
  }

  donate(shape: Shape, need: NeedRecord, asker: string): OfferRecord | undefined {
    const rights = this.rights()
    if (rights === undefined) return undefined
    const before = this.live().transfers
    const terms = { rights, floor: this.floor }
    const given = this.regions.donate(this.shapeAt(shape), need, { name: asker, self: this.self }, this.live(), terms, this.now)
    if (given === undefined) return undefined
    this.entry = { state: given.state, transfers: given.transfers }
    this.onDonate(need, asker, before)
    const { policy, subject, text, window, N, P } = need
    const { total, free } = given
    return { kind: 'offer', policy, subject, text, version: this.now, to: asker, window, total, free, N, P }
  }

  accept(shape: Shape, offer: OfferRecord, from: string): void {
    const changed = this.regions.accept(this.shapeAt(shape), offer, from, this.live(), this.now)
    if (changed !== undefined) this.entry = changed
  }

  /** The numbers of the window of now. */
  current({ kind, P, start }: Shape): Numbers {
    const isSliding = kind === 'sliding'
    const until = ((start as number) + (isSliding ? 2 : 1) * P) * 1000
    const { state } = this.live()
    if (state === undefined || state[0] < until - (isSliding ? P * 1000 : 0)) return [until, 0, 0]
    if (state[0] === until) return state
    return isSliding ? [until, 0, Math.max(0, state[1])] : [until, 0, 0]
  }

  private weight({ kind, P, start }: Shape, before: number): number {
    if (kind !== 'sliding') return 0
    const left = (start as number) + P - Math.floor(this.now / 1000)
    return Math.ceil((before * left) / P)
  }

  /** What has not expired. */
  private live(): Entry {
    const { state, transfers } = this.entry
    return {
      state: state !== undefined && state[0] > this.now ? state : undefined,
      transfers: transfers !== undefined && this.regions.transfersUntil(this.shape, transfers) > this.now ? transfers : undefined,
    }
  }
}
