import { describe, expect, it } from 'vitest'
import type { Decision } from '../../src/decision.ts'
import { itemsOf } from '../../src/http/headers/headers.ts'
import { missingBody, problemBody } from '../../src/http/problem.ts'
import { amendLimit } from '../../src/amend-limit.ts'
import type { Limit } from '../../src/limit.ts'
import { fixedWindow, slidingWindow } from '../../src/limits.ts'
import type { Outcome } from '../../src/store.ts'
import { bucket, day, decision, minute, plain, render, slots } from './headers/fixtures.ts'

const QUOTA = 'https://iana.org/assignments/http-problem-types#quota-exceeded'
const names = (given: Decision): readonly string[] => itemsOf(given, false).names
const refusing = (limit: Limit, given: Partial<Outcome> = {}): Decision =>
  decision([[limit, { allowed: false, remaining: 0, retryAfter: 16_100, ...given }]])
const detail = (given: Decision): unknown => JSON.parse(problemBody(given, names(given)).body).detail

it.each([
  [undefined, { title: 'Too Many Requests', status: 429 }],
  [403, { title: 'Forbidden', status: 403 }],
  [503, { title: 'Service Unavailable', status: 503 }],
  // Without a title, since another phrase than that of the status would contradict it.
  [418, { status: 418 }],
])('a block with the status %s has its phrase as title', (status, expected) => {
  const blocked: Decision = { ...refusing(minute), verdict: 'blocked' }
  const detail = 'Requests are blocked for a time. Retry in 17 seconds.'
  const { body } = problemBody(blocked, names(blocked), status)
  expect(JSON.parse(body)).toEqual({ type: 'about:blank', ...expected, detail, retry_after: 17 })
})

describe('429', () => {
  it('is written as http.md has it, to the byte', () => {
    const given = decision([
      [minute, { allowed: false, remaining: 0, retryAfter: 16_100 }],
      [day, { remaining: 4_279 }],
    ])
    expect(problemBody(given, names(given))).toEqual({
      status: 429,
      contentType: 'application/problem+json',
      body: String.raw`{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded","title":"Quota Exceeded","status":429,"detail":"Limit \"minute\" allows 100 units per 60 seconds. Retry in 17 seconds.","violated-policies":["minute"],"retry_after":17}`,
    })
  })

  it.each([
    [
      'one request',
      slidingWindow({ name: 'a', limit: 1, window: '10s' }).limit,
      'Limit "a" allows 1 unit per 10 seconds. Retry in 17 seconds.',
    ],
    ['one second', slidingWindow({ name: 'a', limit: 5, window: '1s' }).limit, 'Limit "a" allows 5 units per second. Retry in 17 seconds.'],
    [
      'a part of a second',
      slidingWindow({ name: 'a', limit: 5, window: '250ms' }).limit,
      'Limit "a" allows 5 units per 0.25 seconds. Retry in 17 seconds.',
    ],
    ['a day', day, 'Limit "day" allows 5000 units per day. Retry in 17 seconds.'],
    ['a week', fixedWindow({ name: 'a', limit: 2, window: 'week' }).limit, 'Limit "a" allows 2 units per week. Retry in 17 seconds.'],
    ['a month', fixedWindow({ name: 'a', limit: 2, window: 'month' }).limit, 'Limit "a" allows 2 units per month. Retry in 17 seconds.'],
    ['concurrency', slots, 'Limit "slots" allows 4 requests at once. Retry in 17 seconds.'],
    ['a bucket', bucket, 'Limit "bucket" allows 10 units per second, 25 at once. Retry in 17 seconds.'],
  ])('%s', (_, limit, expected) => {
    expect(detail(refusing(limit))).toBe(expected)
  })

  it.each([1, 999, 1_000])('a wait of %d ms is one second', (retryAfter) => {
    expect(detail(refusing(minute, { retryAfter }))).toBe('Limit "minute" allows 100 units per 60 seconds. Retry in 1 second.')
  })

  it('for ever: says so, and names no wait', () => {
    const never = refusing(minute, { remaining: 100, retryAfter: Infinity })
    const given = { ...never, charges: never.charges.map((charge) => ({ ...charge, cost: 120 })) }
    expect(JSON.parse(problemBody(given, names(given)).body)).toEqual({
      type: QUOTA,
      title: 'Quota Exceeded',
      status: 429,
      detail:
        'Limit "minute" allows 100 units per 60 seconds. This request costs 120, more than the limit ever allows: retrying does not help.',
      'violated-policies': ['minute'],
    })
  })

  it('a limit of 0 refuses for ever', () => {
    expect(detail(refusing(amendLimit({ limit: minute }, { limit: 0 }).limit, { retryAfter: Infinity }))).toBe(
      'Limit "minute" allows nothing: retrying does not help.',
    )
  })

  it('several refuse: the binding one is described, all are listed, in configured order', () => {
    const given = decision([
      [minute, { allowed: false, remaining: 0, retryAfter: 5_000 }],
      [slots, { remaining: 3 }],
      [day, { allowed: false, remaining: 0, retryAfter: 9_000 }],
      [plain, undefined],
    ])
    expect(JSON.parse(problemBody(given, names(given)).body)).toMatchObject({
      detail: 'Limit "day" allows 5000 units per day. Retry in 9 seconds.',
      'violated-policies': ['minute', 'day'],
      retry_after: 9,
    })
  })

  it('a limit that the store could not decide is not violated', () => {
    const given = decision([
      [minute, { allowed: false, remaining: 0, retryAfter: 5_000 }],
      [day, { allowed: false, remaining: 0, retryAfter: 1_000, source: 'closed' }],
    ])
    expect(JSON.parse(problemBody(given, names(given)).body)).toMatchObject({ 'violated-policies': ['minute'], retry_after: 5 })
  })

  it('calls a limit what the headers call it', () => {
    const given = { ...refusing(plain), policy: 'login' }
    expect(JSON.parse(problemBody(given, itemsOf(given, true).names).body)).toMatchObject({
      detail: 'Limit "login" allows 10 units per 10 seconds. Retry in 17 seconds.',
      'violated-policies': ['login'],
    })
  })

  it.each([0, 1, 1_001, 59_999, 604_800_001, 3e9])(
    'names the wait of the header, which alone is cut to a week (F10): %d ms',
    (retryAfter) => {
      const given = refusing(minute, { retryAfter })
      const header = new Map(render([given])).get('Retry-After')
      const body = JSON.parse(problemBody(given, names(given)).body) as { readonly retry_after: number }
      expect(Math.min(body.retry_after, 604_800)).toBe(Number(header))
      expect(body.retry_after * 1000).toBeGreaterThanOrEqual(retryAfter)
    },
  )

  it('repeats another status when the response has one', () => {
    expect(problemBody(refusing(minute), ['minute'], 420)).toMatchObject({ status: 420, body: expect.stringContaining('"status":420') })
  })

  it('has a detail when no limit of the decision binds', () => {
    expect(detail({ ...refusing(minute), binding: undefined })).toBe('Retry in 17 seconds.')
    expect(detail({ ...refusing(minute, { retryAfter: Infinity }), binding: undefined })).toBe('Retrying does not help.')
  })
})

describe('503', () => {
  it.each([
    [1_000, 1, '1 second'],
    [0, 1, '1 second'],
    [Infinity, 1, '1 second'],
    [4_200, 5, '5 seconds'],
  ])('a closed failure with a wait of %d ms', (retryAfter, seconds, words) => {
    const given = refusing(minute, { source: 'closed', retryAfter })
    expect(problemBody(given, names(given))).toEqual({
      status: 503,
      contentType: 'application/problem+json',
      body: `{"type":"https://iana.org/assignments/http-problem-types#temporary-reduced-capacity","title":"Temporary Reduced Capacity","status":503,"detail":"Requests cannot be counted at the moment. Retry in ${words}.","retry_after":${seconds}}`,
    })
  })
})

describe('a missing part of the subject', () => {
  it.each([
    [400, 'Bad Request', 'body:email'],
    [401, 'Unauthorized', 'header:x-api-key'],
  ] as const)('%d', (status, title, part) => {
    expect(missingBody(status, part)).toEqual({
      status,
      contentType: 'application/problem+json',
      body: `{"type":"about:blank","title":"${title}","status":${status},"detail":"The request lacks ${part}, which its rate limit needs."}`,
    })
  })

  it('any part name is data', () => {
    expect(JSON.parse(missingBody(400, 'a"b\n\ud800').body).detail).toContain('a"b\n\ud800')
  })
})
