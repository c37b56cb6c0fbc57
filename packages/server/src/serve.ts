import { printWarning } from '@sluice/core/adapter-kit'
import { Admin } from './admin/admin.ts'
import { adminRoutes, closedAdminRoutes } from './admin/routes.ts'
import { Decisions } from './api/decisions.ts'
import { openapiRoute } from './api/openapi.ts'
import { apiRoutes } from './api/routes.ts'
import { consoleRoutes } from './console/routes.ts'
import { listenGrpc } from './grpc/listen.ts'
import { healthRoutes } from './http/health.ts'
import { HttpServer } from './http/http-server.ts'
import { metricsRoutes } from './http/metrics.ts'
import type { Route } from './http/route.ts'
import type { Listening } from './listening.ts'
import type { ServerMetrics } from './metrics/server-metrics.ts'
import { type ServeOptions, type Settings, settingsOf } from './options.ts'
import { Service } from './service.ts'
import { sleep } from './sleep.ts'

/** A service that runs. */
export interface RunningService {
  /** Where HTTP is served; `undefined` if it is not. */
  readonly http: { readonly url: string } | undefined
  /** Where gRPC is served; `undefined` if it is not. */
  readonly grpc: { readonly url: string } | undefined
  /** The token that was made for this start; `undefined` if the admin API is off, or tokens are configured. */
  readonly adminToken: string | undefined
  /** Reads the files of certificates again. They are also read when they change. */
  reload(): void
  /** Ends the service: it says that it is not ready, answers what is in flight, and closes. */
  close(): Promise<void>
}

/** What the workers of one service share. */
export interface Shared {
  /** Reads the metrics of all workers. */
  readonly collect: () => Promise<string>
  /** Is called with what reads the metrics of this worker. */
  readonly own: (read: () => Promise<object[]>) => void
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
  return await start(settingsOf(options))
}

export async function start(settings: Settings, shared?: Shared): Promise<RunningService> {
  const service = await Service.start(settings)
  if (shared !== undefined) shareMetrics(service.metrics, shared)
  const decisions = new Decisions(service, settings.decisions)
  let admin: Admin | undefined
  const listeners: Listening[] = []
  const { delay, timeout } = settings.drain
  let closing: Promise<void> | undefined
  const close = async () => {
    service.beginDrain()
    if (listeners.length > 0) await sleep(delay)
    await Promise.all(listeners.map((each) => each.close(timeout)))
    await admin?.close()
    await service.close()
  }
  try {
    admin = settings.admin && (await Admin.start(service, settings.admin))
    const http = settings.http && (await HttpServer.listen(settings.http, routesOf(service, decisions, admin), service, report))
    if (http !== undefined) listeners.push(http)
    const grpc = settings.grpc && (await listenGrpc(settings.grpc, service, decisions, report))
    if (grpc !== undefined) listeners.push(grpc)
    return {
      http,
      grpc,
      adminToken: settings.admin?.made,
      reload: () => listeners.forEach((each) => each.reload()),
      close: () => (closing ??= close()),
    }
  } catch (error) {
    await Promise.all(listeners.map((each) => each.close(0)))
    await admin?.close()
    await service.close()
    throw error
  }
}

function shareMetrics(metrics: ServerMetrics, { collect, own }: Shared): void {
  metrics.collect = collect
  own(() => metrics.registry.getMetricsAsJSON())
}

/** One line for each part. */
function routesOf(service: Service, decisions: Decisions, admin: Admin | undefined): readonly Route[] {
  const routes = [
    ...(admin === undefined ? closedAdminRoutes() : adminRoutes(admin)),
    ...apiRoutes(service, decisions),
    ...healthRoutes(service),
    ...consoleRoutes(),
    ...(service.settings.metrics ? metricsRoutes(service) : []),
  ]
  return [...routes, openapiRoute(routes)]
}

function report(error: unknown): void {
  printWarning(`a request of the service failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
}
