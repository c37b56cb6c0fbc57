import { array, boolean, literal, looseObject, string } from 'valibot'
import type { DescribedRoute } from '../api/operation.ts'
import { readinessOf } from '../readiness.ts'
import type { Service } from '../service.ts'
import { json } from './answers.ts'

const readiness = looseObject({ ready: boolean(), reasons: array(string()) })

/** `GET /healthz`: the process answers. `GET /readyz`: whether it should get requests, and if not, why. */
export function healthRoutes(service: Service): readonly DescribedRoute[] {
  return [
    {
      method: 'GET',
      path: '/healthz',
      described: {
        id: 'health',
        tag: 'Service',
        summary: 'Whether the process answers',
        answers: { 200: { description: 'It does.', body: looseObject({ status: literal('ok') }) } },
      },
      handle: () => json(200, { status: 'ok' }),
    },
    {
      method: 'GET',
      path: '/readyz',
      described: {
        id: 'readiness',
        tag: 'Service',
        summary: 'Whether the service should get requests',
        answers: {
          200: { description: 'It should.', body: readiness },
          503: { description: 'It should not, and why not.', type: 'application/json', body: readiness },
        },
      },
      handle() {
        const found = readinessOf(service)
        return json(found.ready ? 200 : 503, found)
      },
    },
  ]
}
