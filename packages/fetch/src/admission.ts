import type { Decision, MaybePromise, RequestLimiter } from '@sluice/core'
import {
  waitQueueDelay,
  type HeaderLine,
  type HttpOutcome,
  isPromise,
  type Refusal,
  clientHasLeft,
  followRequest,
  withWaitUntil,
  whenAborted,
  withHeaders,
} from '@sluice/core/adapter-kit'
import { type CheckOptions, pipelineOf } from './host.ts'
import { keepDecision, keepLines, linesOf } from './request-state.ts'

/** A decided request. */
export interface Admission {
  /** `undefined` for a request that was skipped or has no subject. */
  readonly decision: Decision | undefined
  /** The headers that `send` sets, for code that sets them elsewhere. */
  readonly headers: readonly HeaderLine[]
  /** Makes the response of a refused request; `undefined` for an admitted one. */
  readonly refuse: (() => MaybePromise<Response>) | undefined
  /** Returns the response to send: with the headers, and followed to the end of its body if there is anything to settle. */
  send(response: Response): Response
  /** Call it for a request that gets no response: releases its concurrency. The charge stays. */
  abandon(): void
}

/** Decides one request and waits for the delay of a queue. Synchronous where nothing is asynchronous. */
export type Admit<Req extends Request, Rest extends readonly unknown[]> = ((request: Req, rest: Rest) => MaybePromise<Admission>) & {
  readonly limiter: RequestLimiter<Req>
}

/** @throws ERR_OPTION_INVALID and the other codes of createPipeline() */
export function admissions<Req extends Request, Rest extends readonly unknown[]>(options: CheckOptions<Req, Rest>): Admit<Req, Rest> {
  const decide = pipelineOf(options)
  const { handler } = options

  const admit = (request: Req, rest: Rest): MaybePromise<Admission> => {
    decide.note(request, rest)
    let outcome: ReturnType<typeof decide>
    try {
      outcome = decide(request)
    } catch (error) {
      return undecided(error, request)
    }
    return isPromise(outcome) ? later(outcome, request, rest) : admission(outcome, request, rest)
  }

  // Apart, as are the other functions that make closures: V8 allocates the variables of closures whenever their function is called.
  const later = (outcome: Promise<HttpOutcome<Response>>, request: Req, rest: Rest): Promise<Admission> =>
    outcome.then(
      (decided) => admission(decided, request, rest),
      (error: unknown) => undecided(error, request),
    )

  const admission = (outcome: HttpOutcome<Response>, request: Req, rest: Rest): MaybePromise<Admission> => {
    // A limiter that skips a request must not hide the decision of the limiter before it.
    if (outcome.decision !== undefined) keepDecision(request, outcome.decision)
    if (!outcome.pass) {
      // The response of the refusal has its own type.
      keepLines(
        request,
        outcome.headers.filter(([name]) => name !== 'Content-Type'),
      )
      return new Answer(request, outcome, refusal(outcome, request))
    }
    keepLines(request, outcome.headers)
    if (outcome.done === undefined && outcome.delay === 0) return new Answer(request, outcome, undefined)
    return followed(outcome, request, rest)
  }

  const refusal =
    ({ decision, headers, status, body }: Refusal, request: Req): Admission['refuse'] =>
    () =>
      handler === undefined || decision === undefined
        ? new Response(body, { status, headers: headers.map(([name, value]) => [name, value]) })
        : handler(request, { decision, status })
  return Object.assign(admit, { limiter: decide.limiter })
}

/** The answer to a request that nothing follows. A class, so that no request makes closures. */
class Answer implements Admission {
  readonly decision: Decision | undefined
  readonly headers: readonly HeaderLine[]
  readonly refuse: Admission['refuse']
  private readonly request: Request

  constructor(request: Request, { decision, headers }: HttpOutcome<Response>, refuse: Admission['refuse']) {
    this.decision = decision
    this.headers = headers
    this.refuse = refuse
    this.request = request
  }

  send(response: Response): Response {
    return withHeaders(response, linesOf(this.request))
  }

  abandon(): void {}
}

/** The answer to a request that waits in a queue, or whose response has to be followed. */
function followed(
  outcome: Extract<HttpOutcome<Response>, { pass: true }>,
  request: Request,
  rest: readonly unknown[],
): MaybePromise<Admission> {
  const { decision, headers, delay, done: given } = outcome
  const { signal } = request
  const done = given && withWaitUntil(given, [request, ...rest].find(hasWaitUntil))
  let sent: Response | undefined
  const follow = done && followRequest(request, rest[0], done, () => sent)
  const abandon = () => void done?.(undefined)
  const send = (response: Response) => {
    try {
      const lined = withHeaders(response, linesOf(request))
      return (sent = follow === undefined ? lined : follow(lined))
    } catch (error) {
      abandon()
      throw error
    }
  }
  const ready: Admission = { decision, headers, refuse: undefined, send, abandon }
  if (delay === 0) return ready
  return waitQueueDelay(delay, (gone) => whenAborted(signal, gone)).then((isPresent) =>
    isPresent ? ready : { ...ready, refuse: GONE.refuse },
  )
}

function undecided(error: unknown, { signal }: Request): Admission {
  if (clientHasLeft(error, signal.aborted)) return GONE
  throw error
}

// For a client that has left, so no client receives it. nginx logs such requests as 499.
const GONE: Admission = {
  decision: undefined,
  headers: [],
  refuse: () => new Response(null, { status: 499 }),
  send: (response) => response,
  abandon: () => undefined,
}

function hasWaitUntil(value: unknown): value is { waitUntil(work: Promise<void>): void } {
  return typeof value === 'object' && value !== null && typeof (value as { waitUntil?: unknown }).waitUntil === 'function'
}
