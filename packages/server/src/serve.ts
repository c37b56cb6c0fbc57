import { printWarning } from '@sluice/core/adapter-kit'
import { checkRoutes } from './http/check.ts'
import { listenHttp, type Listening } from './http/http-server.ts'
import { type ServeOptions, settingsOf } from './options.ts'
import { Service } from './service.ts'

/** A service that runs. */
export interface RunningService {
  /** Where HTTP is served; `undefined` if it is not. */
  readonly http: { readonly url: string } | undefined
  /** Ends the service: requests in flight are answered first. */
  close(): Promise<void>
}

/**
 * Starts the check service.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN; ERR_POLICY_UNAVAILABLE if the source has no document; the error of a port that is taken
 * @example
 * ```ts
 * import { serve } from '@sluice/server'
 *
 * const service = await serve({ http: { port: 0 } })
 * const { status } = await fetch(`${service.http?.url}/check?user_id=ada`)
 * console.log(status) // 200
 * await service.close()
 * ```
 */
export async function serve(options: ServeOptions = {}): Promise<RunningService> {
  const settings = settingsOf(options)
  const service = await Service.start(settings)
  const listeners: Listening[] = []
  const close = async () => {
    await Promise.all(listeners.map((each) => each.close()))
    await service.close()
  }
  try {
    const http = settings.http && (await listenHttp(settings.http, checkRoutes(service), report))
    if (http !== undefined) listeners.push(http)
    return { http, close }
  } catch (error) {
    await close()
    throw error
  }
}

function report(error: unknown): void {
  printWarning(`a request of the service failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
}
