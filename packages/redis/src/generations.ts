import { randomBytes } from 'node:crypto'
import { systemClock } from '@sluice/core'
import { type Events, generationIn, limiterIn, outdatedGeneration } from '@sluice/core/store-kit'
import { type Connection, within } from './client/connect.ts'
import { nextCommand, RedisStoreError } from './errors.ts'
import type { Keys } from './keys.ts'
import type { Settings } from './options.ts'
import { run, script } from './scripts/script.ts'
import { GENERATIONS } from './scripts/scripts.gen.ts'

/** ms for which a process uses the generations that it has read. So no process uses one that ended longer ago. */
const READ_EVERY = 1_000
/** ms that decisions wait for the generations, at most, where these may be on another server of a cluster. */
const READ_WITHIN = 250
/**
 * ms after a failed reading for which decisions on a cluster do not wait for the next one. `resetAll` takes longer. So a process whose
 * reading failed before it, and which has been idle since, waits.
 */
const AWAY_FOR = 2_000
/** The most limiters of a store whose generations are read: the keys of one command. Others are read when they decide again. */
const MAX_LIMITERS = 1_000
/** ms for which a deny cache of another process may repeat a refusal. */
const DENY_CACHE_LIFE = 1_000
/** ms by which timers of two processes may differ. */
const MARGIN = 50
const SHARD = 'redis'
const READ = script('', GENERATIONS)
const TOKEN = /^[\w-]{1,32}$/

interface Scoped {
  readonly scope: string
}

/**
 * The generations of the limiters of this store. `resetAll` writes a new one, a random text, to a key of the limiter. Each process reads
 * the keys of its limiters once a second, beside the commands that it sends. When a generation has changed, decisions that were made
 * with the one before are refused, and the limiter makes them again. A limiter that was never reset has no key.
 */
export class Generations {
  private readonly connection: Connection
  private readonly keys: Keys
  private readonly isScripting: boolean
  private readonly events: Events
  /** By limiter, its generation; '' for the first. In the order in which they became known. */
  private readonly known = new Map<string, string>()
  /** The limiters that no reading has asked for yet. */
  private readonly unread = new Set<string>()
  /** Whether a generation has ever changed, or a limiter was forgotten. Until then no charge is examined. */
  private isExamining = false
  /** When the last reading of all limiters was sent, in ms of the monotonic and of the wall clock. */
  private readAt: readonly [monotonic: number, wall: number] = [-Infinity, -Infinity]
  /** Resolves when no reading is in flight. */
  private reading: Promise<void> | undefined
  private isReadingAll = false
  /** Until when the server of the generations counts as away, in ms of the monotonic clock. */
  private awayUntil = -Infinity

  constructor(connection: Connection, keys: Keys, isScripting: boolean, events: Events) {
    this.connection = connection
    this.keys = keys
    this.isScripting = isScripting
    this.events = events
  }

  /** The generation of a limiter, which is read from now on. */
  of(limiter: string): string {
    const known = this.known.get(limiter)
    if (known !== undefined) return known
    this.remember(limiter, '')
    return ''
  }

  /**
   * Call it with each command. It resolves when the generations are read again; never rejects. `undefined` if they were read a moment ago,
   * or on a cluster whose server of the generations is away: other servers must decide meanwhile.
   */
  check(): Promise<void> | undefined {
    if (this.known.size === 0) return undefined
    const [readAt, readAtWall] = this.readAt
    const now = systemClock.monotonic()
    // Of a machine that was suspended, the monotonic clock has stood still.
    const isDue = Math.max(now - readAt, Math.abs(systemClock.now() - readAtWall)) >= READ_EVERY
    if (isDue && !this.isReadingAll) this.start(true)
    else if (this.unread.size > 0) this.start(false)
    return this.connection.client.isCluster === true && now < this.awayUntil ? undefined : this.reading
  }

  /** Whether a charge is of a generation that has ended. */
  areOutdated(charges: readonly Scoped[]): boolean {
    return this.isExamining && charges.some(({ scope }) => this.ofCharge(scope) !== generationIn(scope))
  }

  /** @throws what the limiter answers by deciding again, if a charge is of a generation that has ended */
  requireCurrent(charges: readonly Scoped[]): void {
    if (this.areOutdated(charges)) throw outdatedGeneration()
  }

  /** Begins a new generation. Resolves when no process uses the one before, with its leases and refusals. */
  async begin(limiter: string, leases: Settings['leases'], prepare: () => unknown): Promise<void> {
    await prepare()
    const { client, timeout } = this.connection
    const generation = randomBytes(6).toString('base64url')
    const command = nextCommand()
    try {
      await within(client.set(this.keys.generationOf(limiter), generation), timeout)
    } catch (cause) {
      throw new RedisStoreError(cause, SHARD, command)
    }
    this.set(limiter, generation)
    const leaseTtl = (typeof leases === 'object' ? leases.ttl : undefined) ?? 0
    await new Promise<void>((resolve) => void systemClock.after(READ_EVERY + Math.max(DENY_CACHE_LIFE, leaseTtl) + MARGIN, resolve))
  }

  /** The generation of the limiter of a charge. That of the charge counts for a limiter that was forgotten, until it is read again. */
  private ofCharge(scope: string): string {
    const limiter = limiterIn(scope)
    const known = this.known.get(limiter)
    if (known !== undefined) return known
    const generation = generationIn(scope)
    this.remember(limiter, generation)
    // The charge may be of an earlier decision. The limiter and this store must have the same generation.
    this.events.emit({ type: 'generation', limiter })
    return generation
  }

  /** Forgets the limiter that is known for the longest time, if there are too many. */
  private remember(limiter: string, generation: string): void {
    this.known.set(limiter, generation)
    this.unread.add(limiter)
    if (this.known.size <= MAX_LIMITERS) return
    const [oldest = limiter] = this.known.keys()
    this.known.delete(oldest)
    this.unread.delete(oldest)
    this.isExamining = true
  }

  /** A command that is sent while a reading is in flight waits for it, and for that of a limiter which the reading lacks. */
  private start(isAll: boolean): void {
    const limiters = [...(isAll ? this.known.keys() : this.unread)]
    this.unread.clear()
    const reading = Promise.all([this.reading, this.read(limiters, isAll)]).then(() => {
      if (this.reading === reading) this.reading = undefined
    })
    this.reading = reading
  }

  /** After a failure the next command reads again. */
  private async read(limiters: readonly string[], isAll: boolean): Promise<void> {
    const { client, timeout } = this.connection
    const sentAt = [systemClock.monotonic(), systemClock.now()] as const
    this.isReadingAll ||= isAll
    try {
      const keys = limiters.map((limiter) => this.keys.generationOf(limiter))
      // In lower case: clients of older versions add `keyPrefix`, and find the node of a Cluster, for such names only.
      const reading = this.isScripting ? run(client, READ, { keys, args: [] }) : client.callBuffer('mget', keys)
      const generations = (await within(reading, client.isCluster === true ? READ_WITHIN : timeout)) as readonly (Buffer | string | null)[]
      this.awayUntil = -Infinity
      if (isAll) this.readAt = sentAt
      for (const [i, limiter] of limiters.entries()) if (this.known.has(limiter)) this.set(limiter, String(generations[i] ?? ''))
    } catch {
      this.awayUntil = systemClock.monotonic() + AWAY_FOR
      this.readAt = [-Infinity, -Infinity]
    } finally {
      if (isAll) this.isReadingAll = false
    }
  }

  private set(limiter: string, text: string): void {
    const generation = TOKEN.test(text) ? text : ''
    const known = this.known.get(limiter)
    if (known === generation) return
    if (known === undefined) this.remember(limiter, generation)
    else this.known.set(limiter, generation)
    this.isExamining = true
    this.events.emit({ type: 'generation', limiter })
  }
}
