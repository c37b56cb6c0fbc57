import { type Clock, SluiceError } from '@sluice/core'
import {
  type BlockEvent,
  type BlockRecord,
  type BlockSnapshot,
  type BlockStorage,
  type BlockTarget,
  keptAlive,
} from '@sluice/core/store-kit'
import type { BlockChange, BlockListHealth } from './changes.ts'
import { Follower } from './follower.ts'
import { LocalSet } from './local-set.ts'
import type { BlockListObservers } from './options.ts'
import { idOf } from './target.ts'
import type { Warnings } from './warnings.ts'

/** ms between two looks for entries that have ended. A check sees at once that one has. */
const SWEEP_EVERY = 5_000
/** The cursor of a storage that has never had an entry. */
const EMPTY = '0-0'

interface MirrorParts {
  readonly storage: BlockStorage
  readonly allow: readonly BlockTarget[]
  readonly clock: Required<Clock>
  readonly warnings: Warnings
  readonly on: BlockListObservers
}

/** The entries of the storage as this process has them, and who hears of their changes. */
export class Mirror {
  readonly set: LocalSet
  private readonly parts: MirrorParts
  private readonly listeners = new Set<(change: BlockChange) => void>()
  private follower: Follower | undefined
  private cancelSweep: () => void = () => undefined
  private isClosed = false
  /** Whether the entries of the storage were read once. */
  private isLoaded = false

  constructor(parts: MirrorParts) {
    this.parts = parts
    this.set = this.emptySet()
  }

  /** Begins to follow the storage, unless it does already. */
  start(): void {
    if (this.follower !== undefined || this.isClosed) return
    const { storage, clock, warnings } = this.parts
    this.scheduleSweep()
    this.follower = new Follower({
      storage,
      clock,
      all: (snapshot) => this.replace(snapshot),
      change: (event) => this.take(event),
      away: (error) => warnings.away(storage.name, error, this.set.size),
      back: () => warnings.back(storage.name),
    })
  }

  /** Resolves when the entries of the storage are here. @throws ERR_STORE_UNAVAILABLE after `ms` */
  async ready(ms: number): Promise<void> {
    this.start()
    const { follower } = this
    if (follower === undefined) throw new SluiceError('ERR_LIMITER_CLOSED', 'blockList: expected an open list, got one after close()')
    let cancel: () => void = () => undefined
    const late = new Promise<never>((_, reject) => {
      cancel = this.parts.clock.after(ms, () => reject(this.unavailable(follower)))
    })
    await keptAlive(Promise.race([follower.started, late])).finally(() => cancel())
  }

  /** All entries: those that are here, or if they may be behind, those of the storage now. */
  async current(): Promise<LocalSet> {
    if (this.follower?.isConnected === true) return this.set
    const { records } = await this.parts.storage.load()
    const set = this.emptySet()
    for (const record of records) set.put(record)
    return set
  }

  put(record: BlockRecord): void {
    const before = this.set.put(record)
    if (before !== undefined && isSame(before, record)) return
    this.emit({ change: record.effect === 'allow' ? 'allow' : 'block', record })
  }

  remove(target: BlockTarget): void {
    const record = this.set.remove(target)
    if (record !== undefined) this.emit({ change: record.effect === 'allow' ? 'disallow' : 'unblock', record })
  }

  subscribe(listener: (change: BlockChange) => void): () => void {
    // A new function each time, so that one listener can subscribe twice.
    const own = (change: BlockChange): void => listener(change)
    this.listeners.add(own)
    return () => this.listeners.delete(own)
  }

  get state(): BlockListHealth['storage'] {
    if (this.follower?.isConnected === true) return 'connected'
    return this.follower?.problem === undefined ? 'starting' : 'away'
  }

  async close(): Promise<void> {
    this.isClosed = true
    this.cancelSweep()
    await this.follower?.close()
  }

  private take(event: Exclude<BlockEvent, { type: 'progress' }>): void {
    if (event.type === 'put') this.put(event.record)
    else this.remove(event.target)
  }

  /** What the snapshot does not have is gone, unless the storage lost everything: then what is known stays until it ends. */
  private replace({ cursor, records }: BlockSnapshot): void {
    const named = new Set(records.map(idOf))
    const isLost = cursor === EMPTY
    for (const record of this.set.records()) {
      if (!isLost && !named.has(idOf(record))) this.remove(record)
    }
    // What was there before the start is no change.
    for (const record of records) {
      if (this.isLoaded) this.put(record)
      else this.set.put(record)
    }
    this.isLoaded = true
  }

  private scheduleSweep(): void {
    this.cancelSweep = this.parts.clock.after(SWEEP_EVERY, () => {
      for (const record of this.set.sweep()) this.emit({ change: 'expire', record })
      this.scheduleSweep()
    })
  }

  private emit(change: BlockChange): void {
    const { warnings, on } = this.parts
    warnings.call('on.change', on.change, change)
    for (const listener of this.listeners) warnings.call('a listener', listener, change)
  }

  private emptySet(): LocalSet {
    return new LocalSet(this.parts.clock.now, this.parts.allow)
  }

  private unavailable({ problem }: Follower): Error {
    const { storage } = this.parts
    const cause = problem === undefined ? 'no answer' : problem.message
    return new SluiceError('ERR_STORE_UNAVAILABLE', `blockList: expected the entries of ${storage.name}, got ${cause}`, { cause: problem })
  }
}

function isSame(a: BlockRecord, b: BlockRecord): boolean {
  return a.effect === b.effect && a.until === b.until && a.since === b.since && a.rule === b.rule && a.reason === b.reason
}
