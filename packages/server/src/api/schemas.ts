import {
  described,
  like,
  listOf,
  METHOD,
  NAMESPACE,
  object,
  opt,
  record,
  type Schema,
  text,
  titled,
  TOKEN,
  whole,
} from '@sluice/policies/schema-kit'
import * as v from 'valibot'
import type { CheckInput, ReleaseInput, SettlementInput, UnitsInput } from './contract.ts'

// What the endpoints for checks take and answer. The code validates by these schemas, and the OpenAPI document shows them.

/** The most of everything in one request. */
export const MAX = { checks: 1_000, attributes: 64, headers: 100, value: 8_192, path: 8_192, decision: 32_768 } as const

/** The name of an attribute: no name that every object has, and no dot, which separates the steps of a path. */
export const ATTRIBUTE: readonly [RegExp, string] = [
  /^(?!(?:__proto__|constructor|prototype)$)[^.\s]{1,64}$/,
  "the name of an attribute: at most 64 characters without dots and spaces, such as 'user_id'",
]

const units = whole(0)
const ofLimits = titled('UnitsByLimit', v.pipe(record(text(64), units), v.maxEntries(32, 'at most 32 limits')))
const cost: Schema<UnitsInput> = v.union([units, ofLimits])
const attributes = v.pipe(record(like(ATTRIBUTE), v.unknown()), v.maxEntries(MAX.attributes, `at most ${MAX.attributes} attributes`))
const headers = v.pipe(
  record(like(TOKEN), v.pipe(v.string(), v.maxLength(MAX.value))),
  v.maxEntries(MAX.headers, `at most ${MAX.headers} headers`),
)

export const namespaceSchema: v.GenericSchema<string> = like(NAMESPACE)

/** A request that is decided. */
export const checkSchema: Schema<CheckInput> = titled(
  'Check',
  object({
    namespace: opt(described(namespaceSchema, 'The namespace of the documents. Default: the only one.')),
    method: opt(described(like(METHOD), 'The method of the request. Default: GET.')),
    path: opt(
      described(
        like([/^\/[\s\S]{0,8191}$/, "a path that begins with '/', of at most 8192 characters"]),
        'Its path, which may have a query. Default: /.',
      ),
    ),
    host: opt(described(text(253), 'Its host name. Default: the header host.')),
    ip: opt(described(text(64), 'The address of the client. A limit by address needs it.')),
    route: opt(described(text(512), 'The route, as the framework names it. Default: none.')),
    headers: opt(described(headers, 'Its headers. Default: none.')),
    body: opt(described(v.unknown(), 'Its parsed body. Default: none.')),
    attributes: opt(described(attributes, 'What is known of the request, such as user_id. Default: none.')),
    cost: opt(
      described(cost, 'Units of the limits whose cost the document does not say: a number, or an object of them by limit. Default: 1.'),
    ),
    decision: opt(
      described(v.boolean(), 'False: the answer has no decision, which settle and release take. Then a check costs less. Default: true.'),
    ),
  }),
)

const decision = described(text(MAX.decision), 'The decision, as a check has answered it.')

/** What a decision really took. */
export const settlementSchema: Schema<SettlementInput> = titled(
  'Settlement',
  v.union([
    titled(
      'Correction',
      object({
        decision,
        cost: described(cost, 'The units that the request really took. A limit that is left out of an object keeps its charge.'),
      }),
    ),
    titled('Refund', object({ decision, refund: described(v.literal(true), 'Everything is given back.') })),
    titled(
      'ResponseSettlement',
      object({
        decision,
        response: described(
          titled(
            'Response',
            object({
              status: opt(described(whole(100, 599), 'Its status. Default: the client got no whole response.')),
              headers: opt(described(headers, 'Its headers. Default: none.')),
              attributes: opt(described(attributes, 'What is known of the request at its end. Default: nothing.')),
            }),
          ),
          'How the request ended. settle and refundOn of the document say what it took; every other limit keeps its charge.',
        ),
      }),
    ),
  ]),
)

export const releaseSchema: Schema<ReleaseInput> = titled('Release', object({ decision }))

/** One entry, or up to 1,000 in order. What is wrong with an entry is reported with its index. */
export function oneOrMany<T>(entry: Schema<T>): Schema<T | readonly T[]> {
  const list = listOf(entry, 1, MAX.checks)
  const either = v.union([entry, list])
  const run: (typeof either)['~run'] = (dataset, config) => (Array.isArray(dataset.value) ? list : entry)['~run'](dataset, config)
  return { ...either, '~run': run }
}
