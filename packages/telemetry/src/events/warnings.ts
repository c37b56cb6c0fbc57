import { printWarning, withCode } from '@sluice/core/adapter-kit'

declare module '@sluice/core' {
  interface CodeRegistry {
    readonly events: (typeof EVENT_CODES)[number]
  }
}

/** Every code that events add to those of `@sluice/core`. Each has a section of its name in docs/errors.md. */
export const EVENT_CODES = ['WARN_SINK_AWAY', 'WARN_SINK_BACK', 'WARN_SINK_REJECTED'] as const

/** What `on.warning` of events hears. */
export interface EventWarning {
  readonly code: (typeof EVENT_CODES)[number]
  readonly message: string
}

/** Reports what a sink does: each outage once, and the first batch of an outage that it will never take. */
export class EventWarnings {
  isAway = false
  private isRejecting = false
  private readonly sink: string
  private readonly observer: ((warning: EventWarning) => void) | undefined
  private readonly lost: () => number
  private lostBefore = 0

  /** @param lost how many events were lost so far */
  constructor(sink: string, lost: () => number, observer: ((warning: EventWarning) => void) | undefined) {
    this.sink = sink
    this.lost = lost
    this.observer = observer
  }

  failed(error: unknown): void {
    if (this.isAway) return
    this.isAway = true
    this.lostBefore = this.lost()
    this.report(
      'WARN_SINK_AWAY',
      `the sink ${this.sink} does not take events: ${reasonOf(error)}; they are kept and sent again, and beyond the bound the oldest are dropped`,
    )
  }

  taken(): void {
    this.isRejecting = false
    if (!this.isAway) return
    this.isAway = false
    this.report('WARN_SINK_BACK', `the sink ${this.sink} takes events again; ${this.lost() - this.lostBefore} were dropped meanwhile`)
  }

  rejected(error: unknown): void {
    if (this.isRejecting) return
    this.isRejecting = true
    this.report('WARN_SINK_REJECTED', `the sink ${this.sink} refused a batch for good: ${reasonOf(error)}; its events are dropped`)
  }

  private report(code: EventWarning['code'], text: string): void {
    const message = withCode(`decisionEvents: ${text}`, code)
    if (this.observer === undefined) return printWarning(message)
    try {
      this.observer({ code, message })
    } catch {
      // What an application does with a warning must not stop the events.
    }
  }
}

/** `fetch` says no more than "fetch failed", and the reason in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error as { readonly cause?: unknown }
  return cause instanceof Error && cause.message !== '' ? `${error.message}: ${cause.message}` : error.message
}
