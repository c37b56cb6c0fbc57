import type { FailoverContext, Presence } from './options.ts'
import { isStoreError } from './store-error.ts'

/** ms between two heartbeats. A store counts an instance until it has missed three. */
const HEARTBEAT_EVERY = 5_000

/** How many instances share the limits: the last count that the store reported, else the configured number. */
export class InstanceCount {
  private readonly context: FailoverContext
  private readonly presence: Presence | undefined
  private reported: number | undefined
  private hasLeft = false
  private cancel: () => void = () => undefined

  constructor(context: FailoverContext, presence: Presence | undefined) {
    this.context = context
    // A share that is a number needs no count.
    this.presence = context.settings.share === 'equal' ? presence : undefined
    void this.heartbeat()
  }

  /** Stays the same while the store is unreachable. `undefined`: neither counted nor configured. */
  get known(): number | undefined {
    return this.reported ?? this.context.settings.instances
  }

  /** The known count, or 1 with a warning. */
  assume(): number {
    const { known } = this
    if (known === undefined) this.warn('')
    return known ?? 1
  }

  async leave(): Promise<void> {
    this.hasLeft = true
    this.cancel()
    // A failure is not reported: without heartbeats this instance drops out of the count anyway.
    await this.presence?.leave().catch(() => undefined)
  }

  private async heartbeat(): Promise<void> {
    const { presence } = this
    if (presence === undefined) return
    try {
      const count = await presence.heartbeat()
      if (Number.isInteger(count) && count > 0) this.reported = count
    } catch (error) {
      // The breaker reports an unreachable store. A missing permission never appears by itself, so it is reported here.
      if (this.known === undefined && isStoreError(error) && error.refusal === 'forbidden') this.warn(` (${error.message})`)
    }
    if (!this.hasLeft) this.cancel = this.context.settings.clock.after(HEARTBEAT_EVERY, () => void this.heartbeat())
  }

  private warn(cause: string): void {
    const { events, store } = this.context
    events.warning(
      'WARN_INSTANCES_UNKNOWN',
      `the number of instances is unknown${cause}, so each instance will allow the full limit while ${store.name} is unreachable; set failover: { instances }`,
    )
  }
}
