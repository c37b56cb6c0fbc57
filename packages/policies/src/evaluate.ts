import { type Charge, type Clock, type MaybePromise, memoryStore, type Outcome, type Store } from '@sluice/core'
import type { Asked } from './compile/asked.ts'
import { compile, type Revision, tierOf } from './compile/revision.ts'
import { type Choice, type Chosen, select, type Selection } from './compile/select.ts'
import type { PolicyDocument, TestRequest } from './document.ts'
import type { RequestView } from './request.ts'

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
  private readonly revision: Revision<TestRequest>
  private readonly store: Store
  private now = 0

  /** @param options `maxSubjects`: as of `memoryStore`; default 1,000,000 */
  constructor(document: PolicyDocument, options: { readonly maxSubjects?: number | undefined } = {}) {
    this.revision = compile<TestRequest>(document, VIEW)
    const clock: Clock = { now: () => this.now }
    this.store = memoryStore({ ...options, clock })
  }

  /** @param now ms since the epoch; never earlier than that of the call before */
  decide(request: TestRequest, now: number): Verdict {
    this.now = now
    const attributes = request.attributes ?? {}
    const asked: Asked<TestRequest> = { context: request, attributes, tier: tierOf(this.revision, attributes), now }
    return this.verdictOf(atOnce(select(this.revision, VIEW, asked)), asked)
  }

  private verdictOf({ isExempt, enforced, shadows, rejected }: Selection<TestRequest>, asked: Asked<TestRequest>): Verdict {
    if (rejected !== undefined) return { ...ADMITTED, isLimited: true, isAdmitted: false, status: rejected.status }
    const limits = counted(enforced.flatMap((choice) => choice.limits))
    if (isExempt || (limits.length === 0 && shadows.length === 0)) return ADMITTED
    const { charges, outcomes } = this.consume('', limits, asked)
    const refusing = outcomes.findIndex((outcome) => outcome?.allowed === false)
    const asks = charges.map(({ limit, subject }, i) => {
      return { name: limit.name, limit: limit.limit, remaining: outcomes[i]?.remaining ?? 0, subject }
    })
    if (refusing >= 0) return refusalOf(enforced, limits[refusing] as Chosen<TestRequest>, outcomes[refusing] as Outcome, asked.now, asks)
    const shadowed: string[] = []
    for (const choice of shadows) {
      const answer = this.consume('~', counted(choice.limits), asked)
      const at = answer.outcomes.findIndex((outcome) => outcome?.allowed === false)
      if (at >= 0) shadowed.push(answer.charges[at]?.limit.name ?? '')
    }
    return { ...ADMITTED, isLimited: limits.length > 0, shadowed, limits: asks }
  }

  private consume(
    mark: string,
    limits: readonly Chosen<TestRequest>[],
    asked: Asked<TestRequest>,
  ): { readonly charges: readonly Charge[]; readonly outcomes: readonly (Outcome | undefined)[] } {
    const charges = limits.map(({ compiled, limit, subject }): Charge => {
      return { limit, subject, cost: atOnce(compiled.cost(asked)), scope: `${mark}${compiled.scope}` }
    })
    return { charges, outcomes: charges.length === 0 ? [] : atOnce(this.store.consume(charges)) }
  }
}

/** How long requests take is not known, so each has ended before the next one comes. */
function counted(limits: readonly Chosen<TestRequest>[]): readonly Chosen<TestRequest>[] {
  return limits.filter(({ limit }) => limit.algorithm !== 'concurrency' || limit.limit === 0)
}

/** Neither a request that is data nor a store in memory has anything to wait for. */
function atOnce<T>(value: MaybePromise<T>): T {
  return value as T
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

function refusalOf(
  enforced: readonly Choice<TestRequest>[],
  { policy, limit, endsAt }: Chosen<TestRequest>,
  outcome: Outcome,
  now: number,
  limits: Verdict['limits'],
): Verdict {
  const status = enforced.find((choice) => choice.policy.name === policy)?.policy.status
  const wait = outcome.retryAfter === Infinity ? endsAt && endsAt - now : outcome.retryAfter
  const retryAfter = wait === undefined ? undefined : Math.max(1, Math.ceil(wait / 1000))
  return { ...ADMITTED, isLimited: true, isAdmitted: false, refusedBy: limit.name, status, retryAfter, limits }
}

const VIEW: RequestView<TestRequest> = {
  method: ({ method = 'GET' }) => method,
  target: ({ path }) => path,
  host: ({ host, headers }) => host ?? valueOf(headers, 'host'),
  address: ({ ip }) => ip,
  header: ({ headers }, name) => valueOf(headers, name),
  route: ({ route }) => route,
  body: ({ body }) => body,
}

function valueOf(headers: TestRequest['headers'], name: string): string | undefined {
  const found = Object.entries(headers ?? {}).find(([key]) => key.toLowerCase() === name)
  return found?.[1]
}
