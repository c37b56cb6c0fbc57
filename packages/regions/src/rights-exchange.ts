import type { Clock, MaybePromise } from '@sluice/core'
import { completeClock } from '@sluice/core/store-kit'
import { encodeMessages } from './message.ts'
import type { NeedRecord, OfferRecord, RegionRecord } from './record.ts'
import type { Regions } from './regions.ts'
import { LOW } from './transfer.ts'
import type { NeedAnswer, RightsKey } from './transfer-storage.ts'

/** ms for which a process asks its store no second time. The store knows how long the region waits. */
const PAUSE = 300
/** The most states that a process remembers. */
const MAX_ASKED = 10_000

/** The store of a region, as the exchange of rights uses it. Each call is one atomic step. */
export interface RightsStorage {
  partitionOf(subject: string): number
  /** `need`. `rights`: those of the region. `cost`: units of a refused decision, or 0. */
  need(key: RightsKey, rights: number, cost: number): MaybePromise<NeedAnswer>
  /** `donate`: what to answer; `undefined` for a need of another window, or while the rights are not known. */
  donate(need: NeedRecord, asker: string): MaybePromise<OfferRecord | undefined>
  /** `accept`. */
  accept(offer: OfferRecord, from: string): MaybePromise<void>
}

interface Asked {
  /** ms of the monotonic clock. */
  next: number
  effective: number
  isHeld: boolean
}

/** What one process does for rights: it asks for what its region needs, and gives what its region can spare. */
export class RightsExchange {
  private readonly regions: Regions
  private readonly storage: RightsStorage
  private readonly clock: Required<Clock>
  private asked = new Map<string, Asked>()
  private transferred = 0
  private readonly version: (() => number) | undefined

  /** @param version of the messages that it writes. Default: that of this package */
  constructor(regions: Regions, storage: RightsStorage, clock: Clock, version?: () => number) {
    this.regions = regions
    this.storage = storage
    this.version = version
    this.clock = completeClock(clock)
  }

  /** Offers of other regions that this process has accepted. */
  get transfers(): number {
    return this.transferred
  }

  /**
   * Called after each decision, with what it left. Asks the other regions if a quarter of the rights is left, or if it was refused.
   * @param rights what the region may use in the window by its share
   * @param cost units of a decision that was refused; 0 if it was admitted
   */
  async decided(key: RightsKey, rights: number, free: number, cost: number): Promise<void> {
    const known = this.asked.get(nameOf(key))
    if (cost === 0 && free > (known?.effective ?? rights) * LOW) return
    const now = this.clock.monotonic()
    if (known !== undefined && now < known.next) return
    const asked = known ?? this.remember(key, rights)
    asked.next = now + PAUSE
    const { record, effective, isHeld } = await this.storage.need(key, rights, cost)
    asked.effective = effective
    asked.isHeld = isHeld
    if (record !== undefined) await this.send(key.subject, record)
  }

  /** Whether a refusal may soon be over: a region that was asked can spare some, or has not answered. */
  isHeld(key: RightsKey): boolean {
    return this.asked.get(nameOf(key))?.isHeld ?? true
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
    this.transferred += 1
  }

  private remember(key: RightsKey, rights: number): Asked {
    if (this.asked.size >= MAX_ASKED) this.asked = new Map()
    const asked = { next: 0, effective: rights, isHeld: true }
    this.asked.set(nameOf(key), asked)
    return asked
  }

  private async send(subject: string, record: RegionRecord): Promise<void> {
    const { transport, self } = this.regions
    const bodies = encodeMessages({ from: self, at: Math.floor(this.clock.now()), records: [record] }, this.version?.())
    await transport.publish(bodies.map((body) => ({ partition: this.storage.partitionOf(subject), body })))
  }
}

function nameOf({ policy, subject, shape }: RightsKey): string {
  return `${policy}\n${subject}\n${shape.text}`
}
