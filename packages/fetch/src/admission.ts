import {
  awaitTurn,
  type Decision,
  type HeaderLine,
  type HttpOutcome,
  isSluiceError,
  type Limiter,
  followResponse,
  type MaybePromise,
  waitedFor,
  whenAborted,
  withHeaders,
} from '@sluice/core'
import { type CheckOptions, pipelineOf } from './host.ts'

/** What a limiter says about one request. */
export interface Admission {
  /** `undefined` when the request was skipped, or had no subject. */
  readonly decision: Decision | undefined
  /** What `send` sets, for who needs it elsewhere. */
  readonly headers: readonly HeaderLine[]
  /** Makes the answer of a request that goes no further. */
  readonly refuse: (() => MaybePromise<Response>) | undefined
  /** The response to return, of this request: with the headers, and followed to the end of its body where something is left to do then. */
  send(response: Response): Response
  /** No response will come: what is held is released, and the charge stands. */
  abandon(): void
}

/** Decides one request, and waits for its turn. */
export type Admit<Req extends Request, Rest extends readonly unknown[]> = ((request: Req, rest: Rest) => Promise<Admission>) & {
  readonly limiter: Limiter
}

const decisions = new WeakMap<Request, Decision>()

/** The decision of the limiter that decided last about this very request; `undefined` when all of them skipped. */
export function decisionOf(request: Request): Decision | undefined {
  return decisions.get(request)
}

/** @throws a SluiceError for each option that makes no sense */
export function admissions<Req extends Request, Rest extends readonly unknown[]>(options: CheckOptions<Req, Rest>): Admit<Req, Rest> {
  const decide = pipelineOf(options)
  const { handler } = options

  const admit = async (request: Req, rest: Rest): Promise<Admission> => {
    decide.note(request, rest)
    let outcome: HttpOutcome<Response>
    try {
      outcome = await decide(request)
    } catch (error) {
      // A connection that is gone has lost its address, and nobody is there to be answered.
      if (isSluiceError(error) && error.code === 'ERR_ADDRESS_UNKNOWN' && request.signal.aborted) return GONE
      throw error
    }
    const { decision, headers } = outcome
    // A limiter that skips does not hide the decision of one before it.
    if (decision !== undefined) decisions.set(request, decision)
    const lines = linesOf(request, headers)
    if (outcome.pass) return admitted(outcome, request, rest, lines)
    const { status, body } = outcome
    const refuse = () =>
      handler === undefined || decision === undefined
        ? new Response(body, { status, headers: headers.map(([name, value]) => [name, value]) })
        : handler(request, decision)
    return { decision, headers, refuse, send: (response) => withHeaders(response, lines), abandon: () => undefined }
  }
  return Object.assign(admit, { limiter: decide.limiter })
}

async function admitted(
  { decision, headers, delay, ...outcome }: HttpOutcome<Response> & { pass: true },
  request: Request,
  rest: readonly unknown[],
  lines: Lines,
): Promise<Admission> {
  const done = outcome.done && waitedFor(outcome.done, [request, ...rest].find(hasWaitUntil))
  const abandon = () => void done?.(undefined)
  if (done !== undefined) whenAborted(request.signal, abandon)
  const left = delay > 0 && !(await awaitTurn(delay, (gone) => whenAborted(request.signal, gone)))
  const send = (response: Response) => withHeaders(done === undefined ? response : followResponse(response, done, request.method), lines)
  return { decision, headers, refuse: left ? GONE.refuse : undefined, send, abandon }
}

type Lines = ReadonlyMap<string, string>
const linesBy = new WeakMap<Request, Map<string, string>>()

/**
 * What all limiters of a request have to say by now. They set it from the inside out, so the outer ones, which decided first, set
 * what the inner ones knew. The type of a refusal's body is no part of it: the response may have another by then.
 */
function linesOf(request: Request, headers: readonly HeaderLine[]): Lines {
  const lines = linesBy.get(request) ?? new Map<string, string>()
  linesBy.set(request, lines)
  for (const [name, value] of headers) if (name !== 'Content-Type') lines.set(name, value)
  return lines
}

// For a client that has left: a number that some servers log, and nobody receives.
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
