import { readinessOf } from '../readiness.ts'
import type { Service } from '../service.ts'
import { json } from './answers.ts'
import type { Route } from './route.ts'

/** `GET /healthz`: the process answers. `GET /readyz`: whether it should get requests, and if not, why. */
export function healthRoutes(service: Service): readonly Route[] {
  return [
    { method: 'GET', path: '/healthz', handle: () => json(200, { status: 'ok' }) },
    {
      method: 'GET',
      path: '/readyz',
      handle() {
        const readiness = readinessOf(service)
        return json(readiness.ready ? 200 : 503, readiness)
      },
    },
  ]
}
