import { type Clock, type MaybePromise, systemClock } from '@sluice/core'
import { afterTurn } from '@sluice/core/store-kit'
import { Warnings } from '../feed/warnings.ts'
import { BoundedEntries, type BoundedEntry } from './bounded-entries.ts'
import type { ClientRow } from './client-table.ts'
import { Lookups } from './lookups.ts'
import type { ClientDirectoryOptions, ClientHealth } from './options.ts'

/** One client. Without a row, the table does not have it, or has not answered yet. */
interface Entry extends BoundedEntry<Entry> {
  row: ClientRow | undefined
  freshUntil: number
  staleUntil: number
  waiting: Waiting | undefined
}

/** The requests that wait for one client. */
interface Waiting {
  readonly promise: Promise<ClientRow | undefined>
  readonly resolve: (row: ClientRow | undefined) => void
  readonly turn: Turn
  requests: number
}

/** The clients for which requests of one turn of the event loop wait: they share one timer. */
interface Turn {
  readonly waiting: Set<Entry>
  cancel: () => void
}

const MAX_BATCH = 1_000
const MAX_BATCHES = 4
/** Everything else never asks the table: some make a whole query fail, such as NUL in PostgreSQL. */
const IS_ID = /^[^\p{Cc}\p{Cs}]{1,256}$/u

/**
 * The rows of clients, in memory, so that a request seldom waits for the table. `clientDirectory` makes it.
 * @example
 * ```ts
 * import type { ClientDirectory } from '@sluice/policies'
 *
 * export async function planChanged(directory: ClientDirectory, client: string): Promise<void> {
 *   directory.forget(client)
 *   console.log(await directory.rowOf(client), directory.health())
 * }
 * ```
 */
export class ClientDirectory {
  private readonly entries: BoundedEntries<Entry>
  private readonly maxBusy: number
  private readonly ttl: number
  private readonly unknownTtl: number
  private readonly staleFor: number
  private readonly deadline: number
  private readonly clock: Required<Clock>
  private readonly warnings: Warnings
  private readonly lookups: Lookups
  private queue: Entry[] = []
  private isScheduled = false
  private turn: Turn | undefined
  private batches = 0
  private busy = 0
  private hits = 0
  private stale = 0
  private misses = 0
  private late = 0

  constructor(options: ClientDirectoryOptions) {
    const { table, maxClients = 10_000, ttl = 300_000, unknownTtl = 30_000, staleFor = 3_600_000, deadline = 50, timeout = 5_000 } = options
    const { clock = systemClock } = options
    this.entries = new BoundedEntries(maxClients)
    // The others stay, so that there is room for those in use while the table hangs.
    this.maxBusy = Math.max(1, maxClients >> 1)
    this.ttl = ttl
    this.unknownTtl = unknownTtl
    this.staleFor = staleFor
    this.deadline = deadline
    this.clock = {
      now: () => clock.now(),
      monotonic: clock.monotonic?.bind(clock) ?? systemClock.monotonic,
      after: clock.after?.bind(clock) ?? systemClock.after,
    }
    this.warnings = new Warnings(options.on?.warning)
    this.lookups = new Lookups(table, timeout, this.clock, this.warnings)
  }

  /**
   * The row of a client: `undefined` for a client that the table does not have, or that it could not tell in time. At once for a client
   * that is in memory. Never rejects.
   */
  rowOf(id: string): MaybePromise<ClientRow | undefined> {
    const now = this.clock.monotonic()
    const entry = this.entries.get(id)
    if (entry !== undefined && now < entry.staleUntil) {
      if (now < entry.freshUntil) this.hits += 1
      else {
        this.stale += 1
        if (!entry.isBusy && !this.lookups.isPaused(now) && this.busy < this.maxBusy) this.enqueue(entry)
      }
      return entry.row
    }
    this.misses += 1
    return this.miss(id, entry, now)
  }

  /** Drops what is known of one client, or of all, so that the next request looks it up. */
  forget(id?: string): void {
    for (const entry of id === undefined ? [...this.entries] : [this.entries.get(id)]) if (entry !== undefined) this.entries.delete(entry)
  }

  /** How many requests found their client in memory, and whether the table answers. */
  health(): ClientHealth {
    const { hits, stale, misses, late, entries, lookups, warnings } = this
    return { clients: entries.size, hits, stale, misses, late, lookups: lookups.lookups, errors: lookups.errors, problem: warnings.last }
  }

  /** Aborts what is asked, and closes the table. The rows in memory stay. */
  async close(): Promise<void> {
    await this.lookups.close()
  }

  private miss(id: string, known: Entry | undefined, now: number): MaybePromise<ClientRow | undefined> {
    if (typeof id !== 'string' || !IS_ID.test(id)) return undefined
    let entry = known
    if (entry?.isBusy !== true) {
      if (this.lookups.isPaused(now) || this.busy >= this.maxBusy) return this.without(1)
      if (entry === undefined) {
        entry = newEntry(id)
        if (!this.entries.add(entry)) return this.without(1)
      }
      this.enqueue(entry)
      if (this.deadline > 0) entry.waiting = this.waitingFor(entry)
    }
    if (entry.waiting === undefined) return this.without(1)
    entry.waiting.requests += 1
    return entry.waiting.promise
  }

  private without(requests: number): undefined {
    this.late += requests
    return undefined
  }

  private waitingFor(entry: Entry): Waiting {
    if (this.turn === undefined) {
      const turn: Turn = { waiting: new Set(), cancel: () => undefined }
      turn.cancel = this.clock.after(this.deadline, () => {
        for (const each of turn.waiting) this.release(each, undefined, false)
      })
      this.turn = turn
    }
    this.turn.waiting.add(entry)
    let resolve: Waiting['resolve'] = () => undefined
    const promise = new Promise<ClientRow | undefined>((done) => (resolve = done))
    return { promise, resolve, turn: this.turn, requests: 0 }
  }

  /** Lets the requests go on that wait for a client. */
  private release(entry: Entry, row: ClientRow | undefined, isInTime: boolean): void {
    const { waiting } = entry
    if (waiting === undefined) return
    entry.waiting = undefined
    if (!isInTime) this.late += waiting.requests
    waiting.turn.waiting.delete(entry)
    if (waiting.turn.waiting.size === 0 && waiting.turn !== this.turn) waiting.turn.cancel()
    waiting.resolve(row)
  }

  private enqueue(entry: Entry): void {
    entry.isBusy = true
    this.busy += 1
    this.queue.push(entry)
    if (this.isScheduled) return
    this.isScheduled = true
    afterTurn(() => {
      this.isScheduled = false
      this.turn = undefined
      this.send()
    })
  }

  private send(): void {
    // A table that is away is asked for one batch, to see whether it is back.
    while (this.queue.length > 0 && this.batches < (this.lookups.isAway ? 1 : MAX_BATCHES)) {
      const batch = this.queue.slice(0, MAX_BATCH)
      this.queue = this.queue.slice(MAX_BATCH)
      this.batches += 1
      void this.look(batch)
    }
  }

  private async look(batch: readonly Entry[]): Promise<void> {
    const found = await this.lookups.find(batch.map(({ id }) => id))
    const now = this.clock.monotonic()
    for (const entry of batch) {
      entry.isBusy = false
      this.busy -= 1
      if (found === undefined) {
        if (now >= entry.staleUntil) this.entries.delete(entry)
        this.release(entry, undefined, false)
      } else if (found.refused.has(entry.id)) {
        this.refuse(entry, now)
      } else {
        this.fill(entry, found.rows.get(entry.id), now)
        this.release(entry, entry.row, true)
      }
    }
    this.batches -= 1
    // At the end of this turn, if there is more of it.
    if (!this.isScheduled) this.send()
  }

  private fill(entry: Entry, row: ClientRow | undefined, now: number): void {
    entry.row = row
    // Clients that came together are not read again together.
    entry.freshUntil = now + (row === undefined ? this.unknownTtl : this.ttl * (0.9 + 0.2 * Math.random()))
    entry.staleUntil = entry.freshUntil + this.staleFor
  }

  /** The table answers, but not for this id. It is asked again as seldom as for a client that is unknown. */
  private refuse(entry: Entry, now: number): void {
    if (now >= entry.staleUntil) this.fill(entry, undefined, now)
    else entry.freshUntil = Math.min(now + this.unknownTtl, entry.staleUntil)
    this.release(entry, undefined, false)
  }
}

function newEntry(id: string): Entry {
  return {
    id,
    row: undefined,
    freshUntil: -Infinity,
    staleUntil: -Infinity,
    waiting: undefined,
    isBusy: false,
    isUsed: false,
    newer: undefined,
    older: undefined,
  }
}
