import type { FailoverContext } from './options.ts'
import type { StoreError } from '../../store.ts'

/** ms: a cause that was reported less than this ago is reported again only if its outage lasts, so that a flapping store fills no log. */
const REPEAT_AFTER = 10_000
const LASTS = 2_000
/** The most causes that are reported of one outage, and that are remembered. */
const MAX_CAUSES = 8
const MAX_REMEMBERED = 64
const MAX_LENGTH = 300

/** Reports why the store does not decide: once for each outage and cause, and once when it decides again. */
export class Outage {
  /** The latest cause, in the store's own words. `undefined` while the store decides. */
  cause: string | undefined
  private readonly context: FailoverContext
  /** ms, monotonic. */
  private since = 0
  private readonly reported = new Set<string>()
  private readonly reportedAt = new Map<string, number>()

  constructor(context: FailoverContext) {
    this.context = context
  }

  record(cause: string): void {
    const { events, settings, store } = this.context
    const now = settings.clock.monotonic()
    if (this.cause === undefined) this.since = now
    this.cause = cause
    // Slots, ports and the like differ between the shards of one outage.
    const kind = cause.replace(/\d+/g, '0')
    if (this.reported.has(kind) || this.reported.size >= MAX_CAUSES) return
    if (now - (this.reportedAt.get(kind) ?? -Infinity) < REPEAT_AFTER && now - this.since < LASTS) return
    if (this.reportedAt.size >= MAX_REMEMBERED) this.reportedAt.clear()
    this.reportedAt.set(kind, now)
    this.reported.add(kind)
    events.begin('WARN_STORE_AWAY', `${store.name} does not decide: ${cause}; until it does, this process decides as failMode says`)
  }

  end(): void {
    if (this.cause === undefined) return
    const { events, settings, store } = this.context
    const seconds = Math.max(0.1, (settings.clock.monotonic() - this.since) / 1000).toFixed(1)
    this.cause = undefined
    if (this.reported.size === 0) return
    this.reported.clear()
    events.end('WARN_STORE_AWAY', 'WARN_STORE_BACK', `${store.name} decides again, after ${seconds} s`)
  }
}

/** Why a store could not decide, in its own words. */
export function reasonOf({ reason, message }: StoreError): string {
  return (reason ?? message).slice(0, MAX_LENGTH)
}
