import { isSluiceError, type MaybePromise } from '@sluice/core'
import { canonicalizer, type HttpOutcome, isPromise } from '@sluice/core/adapter-kit'
import type { Decider } from '../deciders.ts'
import { RequestError } from '../http/request-error.ts'
import type { Check, Service } from '../service.ts'
import { answerOf } from './check-answer.ts'
import type { CheckAnswer, CheckInput } from './contract.ts'
import type { Decisions } from './decisions.ts'

/** Reads an address in any notation; `undefined` for any other text. */
const addressOf = canonicalizer()

/** Decides checks that are data. */
export class Checks {
  private readonly service: Service
  private readonly decisions: Decisions

  constructor(service: Service, decisions: Decisions) {
    this.service = service
    this.decisions = decisions
  }

  /**
   * Decides in order, and gives each answer its decision. All of one call are asked before the first answer is awaited, so that a store which
   * collects the decisions of a turn gets them together.
   * @throws ERR_NAMESPACE_UNKNOWN, ERR_CHECK_INVALID. Nothing was charged then
   */
  async charge(inputs: readonly CheckInput[], pathOf: PathOf): Promise<readonly CheckAnswer[]> {
    const asked = this.ask(inputs, pathOf, ({ charge }, check) => charge(check))
    return Promise.all(
      asked.map(async ({ decider, outcome }, i) => {
        const decided = await outcome
        if (inputs[i]?.decision === false) return answerFrom(decided, decider)
        const decision = this.decisions.give(decider.policies.name, decided.decision)
        const answer = answerFrom(decided, decider)
        return decision === undefined ? answer : { ...answer, decision }
      }),
    )
  }

  /** As `charge`, and takes nothing. */
  async peek(inputs: readonly CheckInput[], pathOf: PathOf): Promise<readonly CheckAnswer[]> {
    const asked = this.ask(inputs, pathOf, ({ peek }, check) => peek(check))
    return Promise.all(asked.map(async ({ decider, outcome }) => answerFrom(await outcome, decider)))
  }

  private ask(
    inputs: readonly CheckInput[],
    pathOf: PathOf,
    decide: (decider: Decider<Check>, check: Check) => MaybePromise<HttpOutcome>,
  ): readonly { readonly decider: Decider<Check>; readonly outcome: MaybePromise<HttpOutcome> }[] {
    const checks = inputs.map((input, i) => ({ decider: this.deciderOf(input, pathOf(i)), check: checkOf(input, pathOf(i)) }))
    return checks.map(({ decider, check }) => ({ decider, outcome: orRefused(() => decide(decider, check)) }))
  }

  private deciderOf({ namespace }: CheckInput, path: string): Decider<Check> {
    try {
      return this.service.checks.of(namespace)
    } catch (error) {
      if (path === '' || !isSluiceError(error) || error.code !== 'ERR_NAMESPACE_UNKNOWN') throw error
      const message = 'expected a namespace of the service, got another name or none'
      throw new RequestError([{ path: `${path}.namespace`, message }], error.code)
    }
  }
}

/** The path of an entry in its request: `[3]`; empty for the only one. */
type PathOf = (index: number) => string

function answerFrom(outcome: HttpOutcome, { policies }: Decider<Check>): CheckAnswer {
  return answerOf(outcome, { namespace: policies.name, revision: policies.current.revision.document.revision })
}

/** @throws ERR_CHECK_INVALID */
export function checkOf({ path = '/', method, host, ip, route, headers, body, attributes, cost }: CheckInput, at: string): Check {
  if (ip !== undefined && addressOf(ip) === undefined) {
    const message = "expected an address such as '203.0.113.7' or '2001:db8::1', got another text"
    throw new RequestError([{ path: at === '' ? 'ip' : `${at}.ip`, message }], 'ERR_CHECK_INVALID')
  }
  return { request: { path, method, host, ip, route, headers, body, attributes }, cost }
}

/**
 * A request that lacks what its limits need is refused, and not answered with an error: others of the same call are decided already, and a
 * gateway takes an error for a failure of the service.
 */
export function orRefused(decide: () => MaybePromise<HttpOutcome>): MaybePromise<HttpOutcome> {
  try {
    const outcome = decide()
    return isPromise(outcome) ? outcome.catch(refusalOf) : outcome
  } catch (error) {
    return refusalOf(error)
  }
}

const LACKS: Readonly<Partial<Record<string, string>>> = {
  ERR_ADDRESS_UNKNOWN: 'The request lacks ip, which its rate limit needs.',
  ERR_SUBJECT_INVALID: 'The request has a subject that is no text.',
  ERR_COST_INVALID: 'The cost does not fit the limits: a limit by concurrency takes 1.',
}

/** @throws the error if it is no mistake of the caller */
function refusalOf(error: unknown): HttpOutcome {
  const code = isSluiceError(error) ? error.code : ''
  const detail = LACKS[code]
  if (detail === undefined) throw error
  return {
    pass: false,
    status: 400,
    headers: [
      ['Cache-Control', 'no-store'],
      ['Content-Type', 'application/problem+json'],
    ],
    body: JSON.stringify({ type: 'about:blank', title: 'Bad Request', status: 400, detail, code }),
    decision: undefined,
  }
}
