import type { Service } from '../service.ts'
import type { Route } from './route.ts'

/**
 * `GET /metrics`, for Prometheus.
 * @param collect reads the metrics of all workers of the service. Default: those of this process.
 */
export function metricsRoutes(
  { metrics: { registry } }: Service,
  collect: () => Promise<string> = () => registry.metrics(),
): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/metrics',
      async handle() {
        return {
          status: 200,
          headers: [
            ['Content-Type', registry.contentType],
            ['Cache-Control', 'no-store'],
          ],
          body: await collect(),
        }
      },
    },
  ]
}
