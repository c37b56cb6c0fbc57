import type { BlockChange, Charge, Clock, ConsumeOptions, Outcome, Store } from '@sluice/core'
import { algorithmOf } from '@sluice/core/algorithms'
import {
  blockChangeOf,
  checkLease,
  stepWithoutState,
  consumePartitions,
  groupByPartition,
  invalid,
  splitScope,
  uniqueId,
} from '@sluice/core/store-kit'
import { Batcher, MAX_CHARGES } from './batcher.ts'
import { type DurableObjectStoreOptions, type Settings, settingsOf } from './options.ts'
import type { ObjectNamespace } from './runtime.ts'
import { DurableObjectStoreError, nextBatchNumber } from './store-error.ts'
import type { WireDecision } from './wire.ts'

/**
 * A store in Durable Objects of the class `RateLimitObject`. The state of a subject is in one object, which decides all of its limits
 * in one step, by its own clock. Every verdict is the one that the memory store would give. The store belongs to no request, so it
 * can be created outside of one.
 *
 * A decision that the store cannot make rejects with ERR_STORE_UNAVAILABLE.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { durableObjectStore, type ObjectNamespace } from '@sluice/cloudflare'
 * import { createLimiter, slidingWindow } from '@sluice/core'
 *
 * export { RateLimitObject } from '@sluice/cloudflare'
 *
 * const limits = [slidingWindow({ name: 'minute', limit: 100, window: '1m' })]
 * let limiter: ReturnType<typeof createLimiter> | undefined
 *
 * export default {
 *   async fetch(request: Request, env: { readonly RATE_LIMITS: ObjectNamespace }): Promise<Response> {
 *     limiter ??= createLimiter({ limits, store: durableObjectStore(env.RATE_LIMITS) })
 *     const { allowed } = await limiter.consume(request.headers.get('cf-connecting-ip') ?? 'unknown')
 *     return new Response(allowed ? 'ok' : 'Too many requests', { status: allowed ? 200 : 429 })
 *   },
 * }
 * ```
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
  readonly clock: Clock | undefined
  private readonly settings: Settings
  private readonly batcher: Batcher
  private isClosed = false

  constructor(namespace: ObjectNamespace, settings: Settings) {
    this.settings = settings
    this.clock = settings.clock
    this.batcher = new Batcher(namespace, settings)
  }

  async consume(charges: readonly Charge[], options: ConsumeOptions = {}): Promise<Outcomes> {
    checkLease(options)
    for (const charge of charges) checkCharge(charge, options)
    if (charges.length === 0) return []
    this.requireOpen()
    return consumePartitions(
      groupByPartition(charges, this.objectOf),
      (object, part, partOptions) => this.batcher.add(object, decisionOf(part, partOptions)),
      options,
    )
  }

  async reset(targets: readonly Target[]): Promise<boolean> {
    this.requireOpen()
    const charges = targets.map((target) => ({ ...target, cost: 0 }))
    const resets: Promise<Outcomes>[] = []
    for (const { partition, charges: all } of groupByPartition(charges, this.objectOf)) {
      // A reset need not be atomic, so it is cut to the size of a batch.
      for (let i = 0; i < all.length; i += MAX_CHARGES) {
        resets.push(this.batcher.add(partition, { how: 'reset', charges: all.slice(i, i + MAX_CHARGES) }))
      }
    }
    return (await Promise.all(resets)).flat().some((outcome) => outcome !== undefined && outcome.used > 0)
  }

  async block(targets: readonly Target[], ms: number): Promise<BlockChange> {
    this.requireOpen()
    const charges = targets.map((target) => ({ ...target, cost: ms }))
    const answers = groupByPartition(charges, this.objectOf).map(({ partition, charges: all }) => {
      // One for each policy and subject.
      const distinct = [...new Map(all.map((charge) => [`${splitScope(charge.scope).policy} ${charge.subject}`, charge])).values()]
      return this.batcher.add(partition, { how: 'block', charges: distinct })
    })
    return blockChangeOf((await Promise.all(answers)).flat(), ms)
  }

  shardOf(charge: Charge): string {
    return this.settings.shardOf(charge.subject)
  }

  /** Later calls reject. Calls in flight are answered, because they belong to requests that wait for them. */
  close(): void {
    this.isClosed = true
  }

  private readonly objectOf = ({ subject }: Target): string => this.settings.objectOf(subject)

  private requireOpen(): void {
    if (this.isClosed) throw new DurableObjectStoreError('the store is closed', 'durable-object', nextBatchNumber(), false)
  }
}

function decisionOf(charges: readonly Charge[], { how = 'charge', atLeast, lease }: ConsumeOptions): WireDecision {
  const holds = charges.some(({ limit }) => algorithmOf(limit).holds)
  return { how, atLeast, holder: holds ? uniqueId() : undefined, lease, charges }
}

/** Runs the algorithm without a state, so that an unknown algorithm or a wrong receipt is refused before a request is sent. */
function checkCharge(charge: Charge, { how }: ConsumeOptions): void {
  // JSON turns NaN and Infinity into null.
  if (!Number.isSafeInteger(charge.cost))
    throw invalid(`limit "${charge.limit.name}": cost`, 'a whole number', charge.cost, 'ERR_COST_INVALID')
  stepWithoutState(charge, how)
}
