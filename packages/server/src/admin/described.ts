import { any, looseObject } from 'valibot'
import type { Described } from '../api/operation.ts'
import type { Endpoint } from './endpoint.ts'

/** What the OpenAPI document says of an endpoint of the admin API. Its handler checks the body, which is an object. */
export function describedOf({ method, path, summary, writes }: Endpoint): Described {
  const refused = { description: 'The request is not understood.' }
  return {
    id: idOf(method, path),
    tag: 'Admin',
    summary,
    needsToken: true,
    ...(method === 'POST' || method === 'PUT' ? { body: looseObject({}) } : {}),
    answers: {
      200: { description: 'The answer, as JSON.', body: any() },
      400: refused,
      401: { description: 'The token is missing, or not known.' },
      403: { description: 'The token may not do this.' },
      404: { description: 'There is no such thing.' },
      ...(writes === undefined ? {} : { 409: { description: 'It has changed meanwhile.' } }),
      422: refused,
    },
  }
}

/** `PUT policies/:namespace` is `adminPutPoliciesNamespace`. */
function idOf(method: string, path: string): string {
  const words = [method.toLowerCase(), ...path.split(/[^A-Za-z0-9]+/).filter(Boolean)]
  return `admin${words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')}`
}
