import type { Service } from '../service.ts'
import type { Route } from './route.ts'

/** `GET /metrics`, for Prometheus: of this process, or of all workers of the service. */
export function metricsRoutes({ metrics }: Service): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/metrics',
      async handle() {
        return {
          status: 200,
          headers: [
            ['Content-Type', metrics.registry.contentType],
            ['Cache-Control', 'no-store'],
          ],
          body: await metrics.collect(),
        }
      },
    },
  ]
}
