import { described, object, opt, record, type Schema, titled } from '@sluice/policies/schema-kit'
import * as v from 'valibot'
import type { CheckAnswer, LimitAnswer, ReleaseAnswer, SettlementAnswer } from './contract.ts'

// What the endpoints for checks answer, for the OpenAPI document.

const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const known = v.nullable(count)
const name = v.nullable(v.string())

const limitSchema: Schema<LimitAnswer> = titled(
  'LimitAnswer',
  object({
    name: described(v.string(), 'The limit as <policy>.<limit>.'),
    label: opt(described(v.string(), 'What clients see in place of the name.')),
    algorithm: v.string(),
    limit: described(count, 'Units in a window; of concurrency, requests at once.'),
    windowMs: described(known, 'The length of the window; null for one of the calendar.'),
    window: opt(described(v.string(), 'The window of the calendar, such as day.')),
    remaining: described(known, 'Units left; null where the limit was not asked, since another one refused first.'),
    used: described(known, 'Units counted.'),
    retryAfterMs: described(known, 'ms until the check would be admitted; null if it never will be, or where it is not known.'),
    resetAfterMs: described(known, 'ms until the limit is full again.'),
    allowed: described(v.nullable(v.boolean()), 'Whether this limit admits the check.'),
  }),
)

export const answerSchema: Schema<CheckAnswer> = titled(
  'CheckAnswer',
  object({
    allowed: described(v.boolean(), 'Whether the request may go on.'),
    verdict: described(v.picklist(['allowed', 'refused', 'blocked', 'unavailable']), 'What the limits said.'),
    status: described(
      v.pipe(count, v.minValue(200), v.maxValue(599)),
      'The status for the client: 200, 429, 503, or what the document says.',
    ),
    namespace: v.string(),
    revision: described(known, 'The revision of the document that decided.'),
    policies: described(v.array(v.string()), 'The rules that limit the request, as <policy>.<rule>.'),
    tier: name,
    binding: described(name, 'The strictest limit, as <policy>.<limit>.'),
    remaining: described(known, 'Units left of the strictest limit; null without one.'),
    retryAfterMs: described(known, 'ms until the request would be admitted; 0 when it is; null if it never will be.'),
    resetAfterMs: described(known, 'ms until the strictest limit is full again.'),
    delayMs: described(count, 'ms that the request must wait before it goes on.'),
    granted: described(count, 'Units that the request may use.'),
    source: described(v.string(), 'What decided: the name of the store, or what decided for it.'),
    limits: described(v.array(limitSchema), 'The limits that clients may see, in the order of the document.'),
    headers: described(record(v.string(), v.string()), 'The headers for the client.'),
    problem: opt(described(record(v.string(), v.unknown()), 'The body for a client that is refused, as RFC 9457 has it.')),
    decision: opt(described(v.string(), 'What settle and release take. Only of an admitted check that took something.')),
  }),
)

export const settledSchema: Schema<SettlementAnswer> = titled(
  'SettlementAnswer',
  object({
    settled: described(v.boolean(), 'Whether the units are corrected.'),
    reason: described(
      v.nullable(v.picklist(['expired', 'settled-before', 'store-away', 'no-namespace'])),
      'Why they are not; null if they are. Only store-away is worth another try.',
    ),
  }),
)

export const releasedSchema: Schema<ReleaseAnswer> = titled(
  'ReleaseAnswer',
  object({
    released: described(v.boolean(), 'Whether the decision holds no slot any longer.'),
    reason: described(v.nullable(v.picklist(['expired', 'no-namespace'])), 'Why it may hold one until its ttl; null if not.'),
  }),
)
export const problemSchema: Schema<object> = titled(
  'Problem',
  v.looseObject({
    type: v.string(),
    title: opt(v.string()),
    status: v.pipe(count, v.minValue(400), v.maxValue(599)),
    detail: opt(v.string()),
    code: opt(described(v.string(), 'The code of the error.')),
    problems: opt(described(v.array(object({ path: v.string(), message: v.string() })), 'What is wrong with the request, and where.')),
  }),
)
