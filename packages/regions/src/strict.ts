import type { Charge, Clock, Outcome } from '@sluice/core'
import { generationIn, limiterIn, splitScope } from '@sluice/core/store-kit'
import type { NeedRecord, OfferRecord } from './record.ts'
import type { RegionEvents } from './region-store.ts'
import type { Regions } from './regions.ts'
import { RightsExchange } from './rights-exchange.ts'
import { kindOf, shapeOf } from './shape.ts'
import type { ShareReading } from './shares.ts'
import { hasRights, StrictLimits } from './strict-limits.ts'
import { LOW } from './transfer.ts'
import type { RightsKey, TransferStorage } from './transfer-storage.ts'

/** ms after which a client comes again whose region has asked the others for rights. */
const HELD = 1_000

type Target = Pick<Charge, 'limit' | 'scope' | 'subject'>

export interface StrictParts {
  readonly regions: Regions
  readonly transfers: TransferStorage
  readonly clock: Clock
  readonly events: RegionEvents
  partitionOf(subject: string): number
  /** What this process has read of the share tables; `undefined` before the first reading. */
  shares(): ShareReading | undefined
  /** The version in which messages are written. */
  version(): number
  /** Takes the error of a call, which comes again with the next decision. */
  failed(error: unknown): void
}

/** What one process does for the policies of mode `strict`. */
export class Strict {
  private readonly parts: StrictParts
  private readonly limits: StrictLimits
  private readonly exchange: RightsExchange
  private readonly others: readonly string[]
  private readonly warned = new Set<string>()

  constructor(parts: StrictParts) {
    this.parts = parts
    const { regions, transfers, clock } = parts
    this.limits = new StrictLimits(parts)
    this.others = regions.all.filter((name) => name !== regions.self)
    const storage = {
      partitionOf: (subject: string) => parts.partitionOf(subject),
      need: (key: RightsKey, rights: number, cost: number) => transfers.need(key, rights, cost, this.others),
      donate: (need: NeedRecord, asker: string) => this.donate(need, asker),
      accept: (offer: OfferRecord, from: string) => transfers.accept(offer, from, this.others),
    }
    this.exchange = new RightsExchange(regions, storage, clock, () => parts.version())
  }

  /** Offers of other regions that this process has accepted. */
  get transfers(): number {
    return this.exchange.transfers
  }

  isStrict({ scope }: Pick<Target, 'scope'>): boolean {
    return this.parts.regions.policy(limiterIn(scope)).mode === 'strict'
  }

  /** The charge as this region decides it: with its rights, or with its share of a limit whose units cannot move. */
  chargeOf(charge: Charge, failMode: string | undefined): Charge {
    const policy = limiterIn(charge.scope)
    if (failMode !== 'closed') this.warn(policy)
    return { ...charge, limit: this.limits.limitOf(charge.limit, this.parts.regions.policy(policy).slack) }
  }

  /** Hears of a decision, asks for rights if the region needs some, and returns what the client is answered. */
  decided(charge: Charge, outcome: Outcome): Outcome {
    const { limit, cost } = charge
    const { rights } = limit
    if (rights === undefined || outcome.blocked === true || cost < 0) return outcome
    const isRefused = !outcome.allowed
    if (isRefused ? cost > limit.limit : outcome.remaining > limit.limit * LOW) return outcome
    const key = this.keyOf(charge)
    this.exchange.decided(key, rights, outcome.remaining, isRefused ? cost : 0).catch((error: unknown) => this.parts.failed(error))
    return isRefused && this.exchange.isHeld(key) ? { ...outcome, retryAfter: Math.min(outcome.retryAfter, HELD), held: true } : outcome
  }

  /** Applies a need or an offer of another region. */
  async receive(record: NeedRecord | OfferRecord, from: string): Promise<void> {
    if (this.others.includes(from)) await this.exchange.receive(record, from)
  }

  /** Whether a reset must keep what was given and got. */
  isKept(target: Target): boolean {
    return hasRights(target.limit) && this.isStrict(target)
  }

  /** Forgets what was used, and keeps what was given and got. Returns whether anything was used. */
  async reset(targets: readonly Target[]): Promise<boolean> {
    const used = await Promise.all(targets.map((target) => this.parts.transfers.resetRights(this.keyOf(target), this.others)))
    return used.includes(true)
  }

  private async donate(need: NeedRecord, asker: string): Promise<OfferRecord | undefined> {
    const { regions, transfers } = this.parts
    const { mode, slack, floor } = regions.policy(limiterIn(need.policy))
    const kind = kindOf(need.text)
    // A generation that another region has begun is not known here: its rights would be counted as unused.
    if (generationIn(need.policy) !== '') return undefined
    if (mode !== 'strict' || kind === undefined || kind === 'bucket') return undefined
    const start = need.window / 1000 - (kind === 'sliding' ? 2 : 1) * need.P
    const rights = this.limits.rights(need.N, { kind, length: need.P }, slack, start)
    return await transfers.donate(need, asker, { rights, floor }, regions.self, this.others)
  }

  private keyOf({ scope, limit, subject }: Target): RightsKey {
    const shape = shapeOf({ scope, limit }, this.parts.clock.now())
    return { policy: splitScope(scope).policy, subject, shape }
  }

  private warn(policy: string): void {
    if (this.warned.has(policy)) return
    this.warned.add(policy)
    this.parts.events.warning(
      'WARN_REGIONS_FAIL_MODE',
      `regions: policy "${policy}" has mode "strict": expected failMode "closed", since each process admits units of its own while Redis is away; ` +
        'set failMode: "closed", or accept more than the limit then',
    )
  }
}
