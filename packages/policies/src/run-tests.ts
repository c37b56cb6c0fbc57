import { systemClock } from '@sluice/core'
import type { PolicyDocument, TestSpec } from './document.ts'
import { Evaluator, type Verdict } from './evaluate.ts'

/** How one test of a document ended. */
export interface TestResult {
  /** Its name, or its request: `POST /login`. */
  readonly name: string
  /** What differs from what was expected; empty for a test that passed. */
  readonly failures: readonly string[]
}

/**
 * Runs the `tests` of a document, each with counters of its own.
 * @example
 * ```ts
 * import { parseDocument, runTests } from '@sluice/policies'
 *
 * const document = parseDocument(`
 * apiVersion: sluice/v1
 * namespace: shop
 * revision: 1
 * subjects: { address: { parts: [{ ip: true }] } }
 * policies:
 *   - name: api
 *     rules: [{ name: all, limits: [{ name: minute, algorithm: slidingWindow, limit: 2, window: 1m, subject: address }] }]
 * tests:
 *   - { request: { path: /, ip: 203.0.113.7 }, times: 3, expect: { refusedBy: api.minute, at: 3 } }
 * `)
 * for (const { name, failures } of runTests(document)) console.log(failures.length === 0 ? 'ok' : 'FAILED', name, ...failures)
 * ```
 */
export function runTests(document: PolicyDocument): readonly TestResult[] {
  return (document.tests ?? []).map((test) => {
    const { method = 'GET', path } = test.request
    return { name: test.name ?? `${method} ${path}`, failures: failuresOf(document, test) }
  })
}

function failuresOf(document: PolicyDocument, { at, request, times = 1, expect }: TestSpec): readonly string[] {
  const evaluator = new Evaluator(document, { maxSubjects: 1_000 })
  const now = at === undefined ? systemClock.now() : Date.parse(at)
  let isLimited = false
  let refusal: Verdict | undefined
  let first = 0
  for (let i = 1; i <= times && refusal === undefined; i++) {
    const verdict = evaluator.decide(request, now)
    isLimited ||= verdict.isLimited
    if (!verdict.isAdmitted) [refusal, first] = [verdict, i]
  }
  const failures: string[] = []
  const compare = (what: string, expected: Answer, got: Answer): void => {
    if (expected !== got) failures.push(`${what}: expected ${shown(expected)}, got ${shown(got)}`)
  }
  if (expect.limited !== undefined) compare('limited', expect.limited, isLimited)
  const isRefused = expect.refusedBy !== undefined || expect.status !== undefined || expect.retryAfter !== undefined
  if (!isRefused) {
    // `limited: true` alone says nothing about verdicts.
    if (refusal !== undefined && expect.limited !== true)
      failures.push(`expected no refusal, got one by ${shown(refusal.refusedBy)} at ${first}`)
    return failures
  }
  if (expect.refusedBy !== undefined) compare('refusedBy', expect.refusedBy, refusal?.refusedBy)
  if (refusal === undefined) return failures
  compare('at', expect.at ?? times, first)
  if (expect.status !== undefined) compare('status', expect.status, refusal.status)
  if (expect.retryAfter !== undefined) compare('retryAfter', expect.retryAfter, refusal.retryAfter)
  return failures
}

type Answer = string | number | boolean | undefined

function shown(value: Answer): string {
  return value === undefined ? 'none' : String(value)
}
