import type { PolicyDocument, TestRequest } from './document.ts'
import { type Binding, Judge } from './judge.ts'

/** A limit that was asked for a request. */
export interface AskedLimit {
  /** `<policy>.<limit>`. */
  readonly name: string
  /** Its number, for this request. */
  readonly limit: number
  /** The units left. */
  readonly remaining: number
  readonly subject: string
}

/** What a document answers to a request. */
export interface Verdict {
  /** False: the request is exempt, or no limit is for it. */
  readonly isLimited: boolean
  readonly isAdmitted: boolean
  /** The limit that refuses, as `<policy>.<limit>`. */
  readonly refusedBy: string | undefined
  /** The status of the refusal. */
  readonly status: number | undefined
  /** Seconds; `undefined` where no date is known at which the request would be admitted. */
  readonly retryAfter: number | undefined
  /** The limits in shadow that would have refused. */
  readonly shadowed: readonly string[]
  /** The limits that were asked, with the units left. */
  readonly limits: readonly AskedLimit[]
}

/**
 * Decides requests that are data, in memory and at any instant: for the tests of a document, and for logs of the past. It sees no response and
 * no duration: nothing is refunded or settled, and no request is still running when the next one comes.
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs'
 * import { Evaluator, parseDocument } from '@sluice/policies'
 *
 * const evaluator = new Evaluator(parseDocument(readFileSync('sluice.yaml', 'utf8')))
 * const verdict = evaluator.decide({ method: 'POST', path: '/login', ip: '203.0.113.7' }, Date.now())
 * console.log(verdict.isAdmitted, verdict.refusedBy, verdict.limits)
 * ```
 */
export class Evaluator {
  private readonly judge: Judge

  /** @param options `maxSubjects`: as of `memoryStore`; default 1,000,000 */
  constructor(document: PolicyDocument, options: { readonly maxSubjects?: number | undefined } = {}) {
    this.judge = new Judge(document, options)
  }

  /** @param now ms since the epoch; never earlier than that of the call before */
  decide(request: TestRequest, now: number): Verdict {
    const { rejected, asked, binding, shadows } = this.judge.decide(request, now)
    if (rejected !== undefined) return { ...ADMITTED, isLimited: true, isAdmitted: false, status: rejected.status }
    if (asked === undefined && shadows.length === 0) return ADMITTED
    const limits = (asked?.chosen ?? []).map(({ limit, subject }, i) => {
      return { name: limit.name, limit: limit.limit, remaining: asked?.outcomes[i]?.remaining ?? 0, subject }
    })
    if (binding !== undefined) return refusalOf(binding, now, limits)
    return { ...ADMITTED, isLimited: asked !== undefined, shadowed: shadows.map(({ limit }) => limit.name), limits }
  }
}

const ADMITTED: Verdict = Object.freeze({
  isLimited: false,
  isAdmitted: true,
  refusedBy: undefined,
  status: undefined,
  retryAfter: undefined,
  shadowed: [],
  limits: [],
})

function refusalOf({ chosen, outcome, status }: Binding, now: number, limits: Verdict['limits']): Verdict {
  const wait = outcome.retryAfter === Infinity ? chosen.endsAt && chosen.endsAt - now : outcome.retryAfter
  const retryAfter = wait === undefined ? undefined : Math.max(1, Math.ceil(wait / 1000))
  return { ...ADMITTED, isLimited: true, isAdmitted: false, refusedBy: chosen.limit.name, status, retryAfter, limits }
}
