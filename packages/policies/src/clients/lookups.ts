import type { Clock } from '@sluice/core'
import { backOff } from '@sluice/core/store-kit'
import type { Warnings } from '../feed/warnings.ts'
import type { ClientRow, ClientTable } from './client-table.ts'

/** What a table answered for a batch of ids. An id in neither is unknown. */
export interface Found {
  readonly rows: Map<string, ClientRow>
  /** Ids with which every query fails, although the table answers. */
  readonly refused: Set<string>
}

/** The most queries that look for the ids with which a batch fails. */
const MAX_ISOLATING = 64

/** Asks a table, and knows whether it answers. While it does not, it is asked again after 0.2 to 30 s, at a random moment. */
export class Lookups {
  lookups = 0
  errors = 0
  private readonly table: ClientTable
  private readonly timeout: number
  private readonly clock: Required<Clock>
  private readonly warnings: Warnings
  private readonly closing = new AbortController()
  /** The last id with which a query succeeded. */
  private knownGood: string | undefined
  private probing: Promise<boolean> | undefined
  /** Why the last query failed. */
  private reason = ''
  private hasWarnedRefused = false
  private outages = 0
  private awayUntil = -Infinity

  constructor(table: ClientTable, timeout: number, clock: Required<Clock>, warnings: Warnings) {
    this.table = table
    this.timeout = timeout
    this.clock = clock
    this.warnings = warnings
  }

  /** Whether the table failed a moment ago, or is closed, so that nothing is asked. */
  isPaused(now: number): boolean {
    return now < this.awayUntil || this.closing.signal.aborted
  }

  /** Whether the last batch failed. */
  get isAway(): boolean {
    return this.outages > 0
  }

  async close(): Promise<void> {
    this.closing.abort()
    await this.table.close?.()
  }

  /** Never rejects. `undefined`: the table does not answer. */
  async find(ids: readonly string[]): Promise<Found | undefined> {
    const found: Found = { rows: new Map(), refused: new Set() }
    if (await this.load(ids, found)) return this.answered(found)
    // One id may make every query fail in which it is, and a client may have invented it. So the table is away only if it does not answer
    // for an id that was read before.
    const { knownGood, reason } = this
    const asked = this.clock.monotonic()
    const isProbe = ids.length === 1 && ids[0] === knownGood
    if (knownGood === undefined || isProbe || !(await this.probe(knownGood))) {
      this.away()
      return undefined
    }
    // A table that was away may have come back in between. A single id is asked for again here; `isolate` asks for the halves of several.
    if (this.isAway && ids.length === 1 && (await this.load(ids, found))) return this.answered(found)
    const until = asked + this.timeout
    await this.isolate(ids, found, { queries: MAX_ISOLATING, until })
    this.warnRefused(reason)
    return this.answered(found)
  }

  /** Whether the table answers for an id. Batches that fail together ask once. */
  private probe(id: string): Promise<boolean> {
    this.probing ??= this.load([id], { rows: new Map(), refused: new Set() }).finally(() => {
      this.probing = undefined
    })
    return this.probing
  }

  private away(): void {
    const now = this.clock.monotonic()
    // Batches that fail together are one failure.
    if (this.isPaused(now)) return
    this.awayUntil = now + backOff(this.outages++)
    const what = 'could not be read, so clients keep their last row or have the default tier'
    this.warnings.report('clients', 'WARN_CLIENT_TABLE', `${this.table.name} ${what}: ${this.reason}`)
  }

  /** Once, since a client may send such ids all the time. */
  private warnRefused(reason: string): void {
    if (this.hasWarnedRefused) return
    this.hasWarnedRefused = true
    const what = 'answers, but not for every id, so clients with other ids have the default tier'
    this.warnings.report('ids', 'WARN_CLIENT_TABLE', `${this.table.name} ${what}: ${reason}`)
    this.warnings.clear('ids')
  }

  private answered(found: Found): Found {
    this.outages = 0
    this.awayUntil = -Infinity
    this.warnings.clear('clients')
    return found
  }

  private async isolate(ids: readonly string[], found: Found, budget: { queries: number; readonly until: number }): Promise<void> {
    if (ids.length === 1 || budget.queries < 2 || this.clock.monotonic() > budget.until) {
      for (const id of ids) found.refused.add(id)
      return
    }
    const middle = ids.length >> 1
    for (const half of [ids.slice(0, middle), ids.slice(middle)]) {
      budget.queries -= 1
      if (!(await this.load(half, found))) await this.isolate(half, found, budget)
    }
  }

  /** Adds the rows of one query. Returns whether it succeeded. */
  private async load(ids: readonly string[], { rows }: Found): Promise<boolean> {
    if (this.closing.signal.aborted) return false
    this.lookups += 1
    const abort = new AbortController()
    let stop: (() => void) | undefined
    let cancel: (() => void) | undefined
    try {
      const aborted = new Promise<never>((_, reject) => {
        stop = () => {
          abort.abort()
          reject(new Error('it is closed'))
        }
        this.closing.signal.addEventListener('abort', stop)
        cancel = this.clock.after(this.timeout, () => {
          abort.abort()
          reject(new Error(`no answer within ${this.timeout} ms`))
        })
      })
      const loading = Promise.resolve(this.table.load(ids, abort.signal))
      for (const row of await Promise.race([loading, aborted])) {
        const id = String(row.client_id)
        if (!rows.has(id)) rows.set(id, row)
      }
      this.knownGood = ids[0]
      return true
    } catch (error) {
      this.errors += 1
      this.reason = error instanceof Error ? error.message : String(error)
      return false
    } finally {
      cancel?.()
      if (stop !== undefined) this.closing.signal.removeEventListener('abort', stop)
    }
  }
}
