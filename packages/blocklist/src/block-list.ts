import { type Clock, type Decision, type Duration, type RequestBlockList, SluiceError } from '@sluice/core'
import { type BlockRecord, type BlockStorage, type BlockTarget, invalid, keptAlive, knownOptions, millisOf } from '@sluice/core/store-kit'
import { ActionCounts, type BlockChange, type BlockListHealth, MANUAL } from './changes.ts'
import type { BlockAnswer } from './local-set.ts'
import { memoryBlockStorage } from './memory-storage.ts'
import { Mirror } from './mirror.ts'
import { type AllowOptions, type BlockListOptions, type BlockOptions, reasonOf, type Settings, settingsOf } from './options.ts'
import { Reporter } from './reporter.ts'
import type { ReadFacts } from './strikes/attribution.ts'
import { Tracker } from './strikes/tracker.ts'
import { idOf, type Target, targetOf } from './target.ts'
import { Warnings } from './warnings.ts'
import type { Why } from './why.ts'

/**
 * The block list of a process, as `blockList` makes it. `rateLimit({ blockList })` asks it before the limiter, and passes it each decision.
 * Several `rateLimit` share one.
 * @example
 * ```ts
 * import type { BlockList } from '@sluice/blocklist'
 *
 * export async function endAbuse(blocks: BlockList, address: string): Promise<void> {
 *   const { blocked, counting } = await blocks.why(address)
 *   if (blocked === undefined && counting !== undefined) await blocks.block(address, '1h', { reason: 'by hand' })
 * }
 * ```
 */
export class BlockList implements RequestBlockList {
  /** The clock that the list was given for tests. */
  readonly clock: Clock | undefined
  private readonly settings: Settings
  private readonly storage: BlockStorage
  private readonly mirror: Mirror
  private readonly tracker: Tracker | undefined
  private readonly reporter: Reporter | undefined
  private readonly actions: ActionCounts
  private isClosed = false

  constructor(options: BlockListOptions) {
    this.settings = settingsOf(options)
    this.clock = options.clock
    const { rule, clock, on } = this.settings
    const storage = (this.storage = options.storage ?? memoryBlockStorage({ clock }))
    const warnings = new Warnings(on, clock)
    const actions = (this.actions = new ActionCounts(rule?.name))
    this.mirror = new Mirror({ ...this.settings, storage, warnings })
    if (rule === undefined) return
    this.tracker = new Tracker({ ...this.settings, rule, storage, list: this.mirror.set })
    const blocked = (record: BlockRecord): void => this.mirror.put(record)
    this.reporter = new Reporter({ ...this.settings, rule, storage, tracker: this.tracker, warnings, actions, blocked })
  }

  /**
   * What blocks one of these subjects or this address; `undefined` if nothing does. It asks nobody. The first call begins to follow the
   * storage, so requests before its first answer are not blocked: call `ready` before.
   */
  check(subjects: readonly string[] | string, address: string | undefined): BlockAnswer | undefined {
    this.mirror.start()
    return this.mirror.set.check(subjects, address)
  }

  /** Takes a decision of a limiter, for the strikes. Called by `rateLimit({ blockList })`. */
  decided(decision: Decision, facts: ReadFacts): void {
    const { tracker } = this
    if (tracker === undefined || this.isClosed) return
    tracker.decided(decision, facts)
    if (tracker.suspects.size > 0) this.reporter?.start()
  }

  /**
   * Resolves when the entries of the storage are in force. Call it before the server listens.
   * @param ms how long it waits; default 10,000
   * @throws ERR_STORE_UNAVAILABLE if the storage has not answered by then
   */
  ready(ms: number = 10_000): Promise<void> {
    return this.mirror.ready(ms)
  }

  /**
   * Refuses a client in every process until the duration has passed. Replaces an earlier block of the same target, so a further call
   * prolongs, shortens or corrects it.
   * @param target an address, a CIDR or a subject: a text, or an object that says which
   * @param duration ms, or such as `'1h'`: every block ends
   * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN; ERR_BLOCK_ALLOWED if the target is allowed; ERR_BLOCKS_FULL; what the storage throws
   */
  async block(target: Target, duration: Duration, options: BlockOptions = {}): Promise<BlockRecord> {
    knownOptions('block', options, ['action', 'reason'])
    const { action = 'refuse', reason } = options
    if (action !== 'refuse' && action !== 'drop' && action !== 'shadow')
      throw invalid('block: action', "'refuse', 'drop' or 'shadow'", action)
    const { maxEntries, allow } = this.settings
    const of = targetOf('block', target)
    if (allow.some((allowed) => idOf(allowed) === idOf(of))) throw isAllowed(of)
    const ms = millisOf(duration, 'block: duration')
    return this.write({ ...of, effect: action, reason: reasonOf('block', reason), duration: ms, maxEntries })
  }

  /** Ends a block, in every process, and forgets how often it was blocked. Returns whether there was an entry of exactly this target. */
  unblock(target: Target): Promise<boolean> {
    return this.remove(targetOf('unblock', target), 'block')
  }

  /**
   * Exempts a client from blocks, in every process: it is neither struck nor blocked. It is still limited. Ends its block.
   * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN, ERR_BLOCKS_FULL; what the storage throws
   */
  async allow(target: Target, options: AllowOptions = {}): Promise<BlockRecord> {
    knownOptions('allow', options, ['duration', 'reason'])
    const { duration, reason } = options
    const of = targetOf('allow', target)
    const ms = duration === undefined ? Infinity : millisOf(duration, 'allow: duration')
    const { maxEntries } = this.settings
    return this.write({ ...of, effect: 'allow', reason: reasonOf('allow', reason), duration: ms, maxEntries })
  }

  /** Ends what `allow` began. Returns whether there was such an entry. */
  disallow(target: Target): Promise<boolean> {
    return this.remove(targetOf('disallow', target), 'allow')
  }

  /** All entries of the storage that have not ended: blocks by a rule and by hand, and what is allowed. Those that end first come first. */
  async list(): Promise<readonly BlockRecord[]> {
    const { records } = await keptAlive(this.storage.load())
    return records.toSorted((a, b) => (a.until === b.until ? (a.name < b.name ? -1 : 1) : a.until - b.until))
  }

  /** Why a target is blocked, or not: its entry with the evidence, what is being counted, and what allows it. */
  async why(target: Target): Promise<Why> {
    const of = targetOf('why', target)
    const [history, set] = await keptAlive(Promise.all([this.storage.history(of), this.mirror.current()]))
    const { record, evidence, level } = history
    const isBlock = record !== undefined && record.effect !== 'allow'
    const allowed = record?.effect === 'allow' ? record : set.allowOf(of)
    return { target: of, blocked: isBlock ? record : set.recordOf(of), allowed, counting: evidence, level }
  }

  /** How the list of this process is, for metrics and health checks. Looks at no entry. */
  health(): BlockListHealth {
    const { refuse, drop, shadow, allow } = this.mirror.set.sizes
    const { suspects, strikes = 0 } = this.tracker ?? {}
    return {
      active: { refuse, drop, shadow },
      allowed: allow,
      changes: this.actions.rows(),
      strikes,
      suspects: { now: suspects?.size ?? 0, dropped: suspects?.dropped ?? 0 },
      storage: this.mirror.state,
    }
  }

  /** Calls the listener for each change of the list, also by other processes, until the returned function is called. */
  subscribe(listener: (change: BlockChange) => void): () => void {
    this.mirror.start()
    return this.mirror.subscribe(listener)
  }

  /** Ends the timers, and closes the storage. What was counted and not reported is lost. */
  async close(): Promise<void> {
    this.isClosed = true
    this.reporter?.close()
    await this.mirror.close()
    await this.storage.close?.()
  }

  private async write(block: Parameters<BlockStorage['put']>[0]): Promise<BlockRecord> {
    const answer = await keptAlive(this.storage.put(block))
    if (answer === 'allowed') throw isAllowed(block)
    if (answer === 'full')
      throw new SluiceError(
        'ERR_BLOCKS_FULL',
        `blockList: expected fewer than ${block.maxEntries} entries, got as many; unblock some, block their networks by CIDR, or raise maxEntries`,
      )
    this.actions.add(MANUAL, block.effect === 'allow' ? 'allow' : 'block')
    this.mirror.put(answer)
    return answer
  }

  private async remove(target: BlockTarget, kind: 'block' | 'allow'): Promise<boolean> {
    const isRemoved = await keptAlive(this.storage.remove(target, kind))
    if (isRemoved) {
      this.actions.add(MANUAL, kind === 'allow' ? 'disallow' : 'unblock')
      this.mirror.remove(target)
    }
    return isRemoved
  }
}

function isAllowed({ name }: BlockTarget): Error {
  return new SluiceError(
    'ERR_BLOCK_ALLOWED',
    `block: expected a target that is not allowed, got ${JSON.stringify(name)}; disallow it first`,
  )
}

/**
 * Makes a block list. Clients that go on in spite of refusals become strikes, and strikes a block that expires. By default the rule only
 * reports what it would block: compare, then set `rule: { mode: 'enforce' }`.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { blockList } from '@sluice/blocklist'
 * import { redisBlockStorage } from '@sluice/redis'
 *
 * const blocks = blockList({
 *   storage: redisBlockStorage({ url: 'redis://localhost:6379' }),
 *   rule: { mode: 'shadow' },
 *   allow: ['192.0.2.0/24', { subject: 'monitoring' }],
 * })
 * await blocks.block('203.0.113.7', '1h', { reason: 'ticket 4711' })
 * console.log(await blocks.why('203.0.113.7'))
 * ```
 */
export function blockList(options: BlockListOptions = {}): BlockList {
  return new BlockList(options)
}
