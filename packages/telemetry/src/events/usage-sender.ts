import type { Clock } from '@sluice/core'
import type { Drops } from './drops.ts'
import { BATCH } from './event-queue.ts'
import { USAGE, type UsageRow } from './events.ts'
import type { Outlet, SendResult } from './outlet.ts'
import type { CountedRow } from './usage-place.ts'
import type { UsageTable } from './usage-table.ts'

/** ms between two sends: what a crash loses at most. */
const INTERVAL = 10_000
/** ms for which a row of a closed minute is sent again. */
const LONGEST_RETRY = 900_000

/** Sends the rows that have changed, every 10 s. A row is sent again until the sink has its last values. */
export class UsageSender {
  private readonly table: UsageTable
  private readonly outlet: Outlet
  private readonly clock: Required<Clock>
  private readonly region: string
  private readonly drops: Drops
  private sending: Promise<boolean> | undefined
  private cancelTimer: () => void = () => undefined

  constructor(table: UsageTable, parts: { outlet: Outlet; clock: Required<Clock>; region: string; drops: Drops }) {
    this.table = table
    this.outlet = parts.outlet
    this.clock = parts.clock
    this.region = parts.region
    this.drops = parts.drops
  }

  /** Called at the first decision, since an edge runtime has no timers before the first request. */
  start(): void {
    // The processes of a fleet that start together do not send together.
    this.cancelTimer = this.after(INTERVAL * (0.5 + Math.random() / 2))
  }

  /** Sends all rows that have changed. Returns whether the sink has them. */
  async flush(): Promise<boolean> {
    await this.sending
    return this.send()
  }

  close(): void {
    this.cancelTimer()
    const unsent = this.table.unacknowledged().length
    this.drops.expired += unsent
  }

  private after(ms: number): () => void {
    return this.clock.after(ms, () => {
      this.cancelTimer = this.after(INTERVAL)
      void this.send()
    })
  }

  private send(): Promise<boolean> {
    this.sending ??= this.sendAll().finally(() => {
      this.sending = undefined
    })
    return this.sending
  }

  private async sendAll(): Promise<boolean> {
    this.table.advance(this.clock.now())
    const rows = this.table.unacknowledged()
    let result: SendResult = 'taken'
    let areTaken = true
    for (let i = 0; i < rows.length && result !== 'failed'; i += BATCH) {
      result = await this.sendBatch(rows.slice(i, i + BATCH))
      areTaken &&= result === 'taken'
    }
    this.drops.expired += this.table.forget(this.clock.monotonic() - LONGEST_RETRY)
    return areTaken
  }

  private async sendBatch(rows: readonly CountedRow[]): Promise<SendResult> {
    const events = rows.map((row) => this.eventOf(row))
    const result = await this.outlet.send({ topic: USAGE, events })
    // Not what it is now: what was counted meanwhile is sent next time.
    if (result === 'taken') for (const [i, row] of rows.entries()) row.acknowledged = (events[i] as UsageRow).requests
    return result
  }

  private eventOf({ place, policy, mode, verdict, minute, requests, units }: CountedRow): UsageRow {
    const { namespace, tenant, endpoint, tier } = place
    const { region } = this
    const { boot, start } = minute
    return { minute: start / 1_000, namespace, tenant, policy, endpoint, region, tier, mode, verdict, boot, requests, units }
  }
}
