import { described, like, METHOD, object, opt, record, text, titled } from '@sluice/policies/schema-kit'
import * as v from 'valibot'
import type { DescribedParameter, Description } from './operation.ts'
import { ATTRIBUTE, namespaceSchema } from './schemas.ts'

/** Headers of every answer to a check. */
export const LIMIT_HEADERS = {
  'RateLimit-Policy': 'The limits.',
  RateLimit: 'The units that are left of each limit, and when there are more.',
  'Retry-After': 'Of a refusal: the seconds to wait.',
} as const

const units = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(999_999_999_999_999))

export const NAMESPACE_PARAMETER: DescribedParameter = {
  name: 'namespace',
  in: 'query',
  description: 'The namespace of the documents. Default: the only one.',
  schema: namespaceSchema,
}
export const COST_PARAMETER: DescribedParameter = {
  name: 'cost',
  in: 'query',
  description: 'Units of the limits whose cost the document does not say. Default: 1.',
  schema: units,
}

const PARAMETERS: readonly DescribedParameter[] = [
  NAMESPACE_PARAMETER,
  COST_PARAMETER,
  { name: 'method', in: 'query', description: 'The method of the request. Default: GET.', schema: like(METHOD) },
  { name: 'path', in: 'query', description: 'Its path. Default: /.', schema: like([/^\//, "a path that begins with '/'"]) },
  { name: 'host', in: 'query', description: 'Its host name. Default: none.', schema: text(253) },
  { name: 'route', in: 'query', description: 'Its route, as the framework names it. Default: none.', schema: text(512) },
  { name: 'ip', in: 'query', description: 'The address of its client. Default: the address of who asks.', schema: text(64) },
  {
    name: 'attributes',
    in: 'query',
    description:
      'All other parameters are attributes, such as user_id. So is a header X-Sluice-<Name>, better for credentials, since URLs are logged.',
    schema: record(like(ATTRIBUTE), v.string()),
    isExploded: true,
  },
]

const admitted = titled(
  'Admission',
  object({
    allowed: v.literal(true),
    remaining: v.nullable(units),
    granted: units,
    delayMs: units,
    decision: opt(described(v.string(), 'What release takes. Only of a check that took a slot.')),
  }),
)

/** What the OpenAPI document says of `GET /check`. */
export function checkDescription(): Description {
  return {
    id: 'checkRequest',
    tag: 'Checks',
    summary: 'Decides one request, and answers by its status and headers',
    parameters: PARAMETERS,
    answers: {
      200: { description: 'The request may go on.', body: admitted, headers: LIMIT_HEADERS },
      400: { description: 'The check cannot be understood, or lacks what the limits need.' },
      401: { description: 'The check lacks a credential that the limits need.' },
      403: { description: 'The client is blocked, or the document says this status of its refusals.', headers: LIMIT_HEADERS },
      404: { description: 'There is no such namespace.' },
      429: { description: 'A limit refuses the request.', headers: LIMIT_HEADERS },
      503: { description: 'The store is away, and the document refuses then.', headers: LIMIT_HEADERS },
    },
  }
}
