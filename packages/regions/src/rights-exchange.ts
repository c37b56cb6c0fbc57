import type { Clock, MaybePromise } from '@sluice/core'
import { completeClock } from '@sluice/core/store-kit'
import { encodeMessages } from './message.ts'
import type { NeedRecord, OfferRecord, RegionRecord } from './record.ts'
import type { Regions } from './regions.ts'
import type { Shape } from './shape.ts'

/** ms until a region asks again; doubled while nobody gives, up to a part of the window. */
const FIRST_PAUSE = 300
const LONGEST_PAUSE = 1 / 32
/** A region asks when less than this part of its rights is free. */
const LOW = 1 / 4
/** The most states that are asked for at a time. */
const MAX_ASKED = 10_000

/** One state of a policy and subject in mode `strict`. */
export interface RightsKey {
  readonly policy: string
  readonly subject: string
  readonly shape: Shape
}

/** The store of a region, as the exchange of rights uses it. Each call is one atomic step. */
export interface RightsStorage {
  partitionOf(subject: string): number
  /** The record that asks for units: `needOf` of the window of now. */
  need(key: RightsKey, want: number): MaybePromise<NeedRecord>
  /** `donate`: what to answer; `undefined` for a need of another window, or while the rights are not known. */
  donate(need: NeedRecord, asker: string): MaybePromise<OfferRecord | undefined>
  /** `accept`. */
  accept(offer: OfferRecord, from: string): MaybePromise<void>
}

interface Asked {
  window: number
  pause: number
  next: number
  /** By region, units that it could still spare. */
  free: Map<string, number>
}

/** What one process does for rights: it asks for what its region needs, and gives what its region can spare. */
export class RightsExchange {
  private readonly regions: Regions
  private readonly storage: RightsStorage
  private readonly clock: Required<Clock>
  private asked = new Map<string, Asked>()

  constructor(regions: Regions, storage: RightsStorage, clock: Clock) {
    this.regions = regions
    this.storage = storage
    this.clock = completeClock(clock)
  }

  /**
   * Called after each decision, with what it left. Asks the other regions if a quarter of the rights is left, or if it was refused.
   * @param rights what the region may use in the window: its own rights, with what it got and without what it gave
   * @param shortage units that a refused decision lacked; 0 if it was admitted
   */
  async decided(key: RightsKey, rights: number, free: number, shortage: number): Promise<void> {
    if (shortage === 0 && free > rights * LOW) return
    const now = this.clock.monotonic()
    const asked = this.askedFor(key)
    if (now < asked.next) return
    asked.next = now + asked.pause
    asked.pause = Math.min(2 * asked.pause, Math.max(FIRST_PAUSE, key.shape.P * LONGEST_PAUSE))
    const want = Math.max(shortage, Math.ceil(rights / 2) - Math.max(0, free), 1)
    const need = await this.storage.need(key, want)
    if (need.window !== asked.window) Object.assign(asked, { window: need.window, pause: FIRST_PAUSE, free: new Map() })
    await this.send(key.subject, need)
  }

  /** Whether a refusal may soon be over: a region that was asked can spare some, or has not answered. */
  isHeld(key: RightsKey): boolean {
    const free = this.asked.get(nameOf(key.policy, key.subject, key.shape.text))?.free
    return free === undefined || free.size < this.regions.all.length - 1 || [...free.values()].some((units) => units > 0)
  }

  /** Applies a need or an offer of another region. */
  async receive(record: NeedRecord | OfferRecord, from: string): Promise<void> {
    if (record.kind === 'need') {
      const offer = await this.storage.donate(record, from)
      if (offer !== undefined) await this.send(record.subject, offer)
      return
    }
    if (record.to !== this.regions.self) return
    await this.storage.accept(record, from)
    const asked = this.asked.get(nameOf(record.policy, record.subject, record.text))
    if (asked === undefined) return
    if (record.free > 0) asked.pause = FIRST_PAUSE
    asked.free.set(from, record.free)
  }

  private askedFor({ policy, subject, shape }: RightsKey): Asked {
    const name = nameOf(policy, subject, shape.text)
    let asked = this.asked.get(name)
    if (asked === undefined) {
      if (this.asked.size >= MAX_ASKED) this.asked = new Map()
      this.asked.set(name, (asked = { window: 0, pause: FIRST_PAUSE, next: 0, free: new Map() }))
    }
    return asked
  }

  private async send(subject: string, record: RegionRecord): Promise<void> {
    const { transport, self } = this.regions
    const bodies = encodeMessages({ from: self, at: Math.floor(this.clock.now()), records: [record] })
    await transport.publish(bodies.map((body) => ({ partition: this.storage.partitionOf(subject), body })))
  }
}

function nameOf(policy: string, subject: string, text: string): string {
  return `${policy}\n${subject}\n${text}`
}
