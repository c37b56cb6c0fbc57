import type { Decision, Limiter, MaybePromise } from '@sluice/core'
import {
  waitQueueDelay,
  type HeaderLine,
  type HttpOutcome,
  isPromise,
  clientHasLeft,
  followResponse,
  withWaitUntil,
  whenAborted,
  withHeaders,
} from '@sluice/core/adapter-kit'
import { type CheckOptions, pipelineOf } from './host.ts'
import { keepDecision, linesOf } from './request-state.ts'

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
  readonly limiter: Limiter
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
    if (!isPromise(outcome)) return admission(outcome, request, rest)
    return outcome.then(
      (later) => admission(later, request, rest),
      (error: unknown) => undecided(error, request),
    )
  }

  const admission = (outcome: HttpOutcome<Response>, request: Req, rest: Rest): MaybePromise<Admission> => {
    const { decision, headers } = outcome
    // A limiter that skips a request must not hide the decision of the limiter before it.
    if (decision !== undefined) keepDecision(request, decision)
    const lines = linesOf(request, headers)
    if (outcome.pass) return admitted(outcome, request, rest, lines)
    const { status, body } = outcome
    const refuse = () =>
      handler === undefined || decision === undefined
        ? new Response(body, { status, headers: headers.map(([name, value]) => [name, value]) })
        : handler(request, { decision, status })
    return { decision, headers, refuse, send: (response) => withHeaders(response, lines), abandon: nothing }
  }
  return Object.assign(admit, { limiter: decide.limiter })
}

function admitted(
  { decision, headers, delay, done: given }: HttpOutcome<Response> & { pass: true },
  request: Request,
  rest: readonly unknown[],
  lines: readonly HeaderLine[],
): MaybePromise<Admission> {
  if (given === undefined && delay === 0)
    return { decision, headers, refuse: undefined, send: (response) => withHeaders(response, lines), abandon: nothing }
  const { signal, method } = request
  const done = given && withWaitUntil(given, [request, ...rest].find(hasWaitUntil))
  const abandon = () => void done?.(undefined)
  if (done !== undefined) whenAborted(signal, abandon)
  const send = (response: Response) => withHeaders(done === undefined ? response : followResponse(response, done, method), lines)
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

function nothing(): void {}

// For a client that has left, so no client receives it. nginx logs such requests as 499.
const GONE: Admission = {
  decision: undefined,
  headers: [],
  refuse: () => new Response(null, { status: 499 }),
  send: (response) => response,
  abandon: nothing,
}

function hasWaitUntil(value: unknown): value is { waitUntil(work: Promise<void>): void } {
  return typeof value === 'object' && value !== null && typeof (value as { waitUntil?: unknown }).waitUntil === 'function'
}
