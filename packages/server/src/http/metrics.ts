import { string } from 'valibot'
import type { DescribedRoute } from '../api/operation.ts'
import type { Service } from '../service.ts'

/** `GET /metrics`, for Prometheus: of this process, or of all workers of the service. */
export function metricsRoutes({ metrics }: Service): readonly DescribedRoute[] {
  return [
    {
      method: 'GET',
      path: '/metrics',
      described: {
        id: 'metrics',
        tag: 'Service',
        summary: 'The metrics, for Prometheus',
        answers: { 200: { description: 'In the text format of Prometheus.', type: 'text/plain', body: string() } },
      },
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
