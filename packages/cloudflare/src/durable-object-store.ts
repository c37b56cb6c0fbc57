import type { Charge, ConsumeOptions, Outcome, Store } from '@sluice/core'
import { consumePartitions, groupByPartition, invalid } from '@sluice/core/store-kit'
import { algorithmOf } from '@sluice/core/algorithms'
import { uniqueId } from '@sluice/core/store-kit'
import { Batcher, MOST_CHARGES } from './batcher.ts'
import { type DurableObjectStoreOptions, type Settings, settingsOf } from './options.ts'
import type { ObjectNamespace } from './runtime.ts'
import { DurableObjectStoreError, nextCommand } from './store-error.ts'
import type { WireDecision } from './wire.ts'

/**
 * A store in Durable Objects of the class `RateLimitObject`: the state of a subject is in one object, which decides all of its
 * limits at once, by its own clock. Each verdict is the one that the memory store would give. Can be made outside of a request.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN; what cannot be decided rejects with ERR_STORE_UNAVAILABLE
 */
export function durableObjectStore(namespace: ObjectNamespace, options: DurableObjectStoreOptions = {}): Store {
  const binding = namespace as Partial<ObjectNamespace> | null | undefined
  if (typeof binding?.idFromName !== 'function' || typeof binding.get !== 'function')
    throw invalid('durableObjectStore', 'the binding of a Durable Object namespace, such as env.RATE_LIMITS', namespace)
  return new DurableObjectStore(namespace, settingsOf(options))
}

type Outcomes = readonly (Outcome | undefined)[]
type Target = Pick<Charge, 'limit' | 'scope' | 'subject'>

class DurableObjectStore implements Store {
  readonly name = 'durable-object'
  private readonly settings: Settings
  private readonly batcher: Batcher
  private isClosed = false

  constructor(namespace: ObjectNamespace, settings: Settings) {
    this.settings = settings
    this.batcher = new Batcher(namespace, settings.locationHint, settings.clock)
  }

  async consume(charges: readonly Charge[], options: ConsumeOptions = {}): Promise<Outcomes> {
    for (const charge of charges) check(charge)
    if (charges.length === 0) return []
    this.requireOpen()
    return consumePartitions(
      groupByPartition(charges, this.partitionOf),
      (object, part, asked) => this.batcher.add(object, decisionOf(part, asked)),
      options,
    )
  }

  async reset(targets: readonly Target[]): Promise<void> {
    this.requireOpen()
    const charges = targets.map((target) => ({ ...target, cost: 0 }))
    const asked: Promise<unknown>[] = []
    for (const { partition, charges: all } of groupByPartition(charges, this.partitionOf)) {
      // Nothing binds resets together: parts of what a batch may carry, so that none is larger.
      for (let i = 0; i < all.length; i += MOST_CHARGES) {
        asked.push(this.batcher.add(partition, { how: 'reset', charges: all.slice(i, i + MOST_CHARGES) }))
      }
    }
    await Promise.all(asked)
  }

  shardOf(charge: Charge): string {
    return this.partitionOf(charge)
  }

  /** What is asked from now on rejects. What was asked before belongs to its requests: they are answered. */
  close(): void {
    this.isClosed = true
  }

  private readonly partitionOf = ({ subject }: Target): string => this.settings.objectOf(subject)

  private requireOpen(): void {
    if (this.isClosed) throw new DurableObjectStoreError('the store is closed', 'durable-object', nextCommand(), false)
  }
}

/** Without the lease that may be asked for: it would outlive the request that could spend it. */
function decisionOf(charges: readonly Charge[], { how = 'charge', atLeast }: ConsumeOptions): WireDecision {
  const holds = charges.some(({ limit }) => algorithmOf(limit).holds)
  return { how, atLeast, holder: holds ? uniqueId() : undefined, charges }
}

/** A dry run of core's own step: a receipt that is missing or none of its own, or a limit that is none, is refused before anything is sent. */
function check(charge: Charge): void {
  // JSON would make it null.
  if (!Number.isSafeInteger(charge.cost))
    throw invalid(`limit "${charge.limit.name}": cost`, 'a whole number', charge.cost, 'ERR_COST_INVALID')
  algorithmOf(charge.limit).step(undefined, charge, 0, { holder: '-' })
}
