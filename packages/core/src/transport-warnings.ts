import { withCode } from './errors.ts'
import { printWarning } from './print-warning.ts'

/** What an application may hear of a transport between regions. */
export interface TransportObservers {
  /**
   * Messages of a region do not arrive, or are not sent: WARN_REGION_TRANSPORT. Reported once for each region, until its reason changes or
   * messages pass again. Default: to the console.
   */
  readonly warning?: ((warning: { readonly code: 'WARN_REGION_TRANSPORT'; readonly message: string }) => void) | undefined
}

/** Reports what a transport between regions cannot do, once for each reason. */
export class TransportWarnings {
  private readonly where: string
  private readonly observers: TransportObservers
  private readonly reasons = new Map<string, string>()

  constructor(where: string, observers: TransportObservers) {
    this.where = where
    this.observers = observers
  }

  /** @param what such as `region "us"` */
  failed(what: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    if (this.reasons.get(what) === reason) return
    this.reasons.set(what, reason)
    const code = 'WARN_REGION_TRANSPORT'
    const message = withCode(`${this.where}: ${what}: no messages pass, and it tries again: ${reason}`, code)
    const { warning = (event) => printWarning(event.message) } = this.observers
    try {
      warning({ code, message })
    } catch (thrown) {
      printWarning(withCode(`${this.where}: on.warning threw: ${String(thrown)}`, 'WARN_OBSERVER_FAILED'))
    }
  }

  well(what: string): void {
    this.reasons.delete(what)
  }
}
