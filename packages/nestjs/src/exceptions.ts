import { type ArgumentsHost, HttpException } from '@nestjs/common'
import type { Decision, MaybePromise } from '@sluice/core'
import type { HttpOutcome } from '@sluice/core/adapter-kit'
import { grpcDetails } from './grpc-status.ts'
import { transportOf } from './execution-context.ts'

/** A call that is not let through: what the response is over HTTP, and the decision if there was one. */
export type Refusal = Extract<HttpOutcome, { pass: false }>

/** Over HTTP, and in GraphQL, which shows `extensions`. Its response is the problem document, or the `message` of the options. */
export class RateLimitException extends HttpException {
  readonly refusal: Refusal
  readonly decision: Decision | undefined
  readonly extensions: Readonly<Record<string, unknown>>

  constructor(refusal: Refusal) {
    const { code, text, problem } = told(refusal)
    super(problem ?? refusal.body, refusal.status, { description: text })
    this.name = 'RateLimitException'
    this.message = text
    this.refusal = refusal
    this.decision = refusal.decision
    this.extensions = { code, ...(problem ?? { status: refusal.status }), retryAfter: retryAfterOf(refusal) }
  }
}

/** The exception that the transport's own filter turns into a refusal its clients understand. */
export function exceptionOf(refusal: Refusal, context: ArgumentsHost): MaybePromise<unknown> {
  const transport = transportOf(context)
  if (transport === 'ws') return socketException(refusal)
  if (transport === 'rpc') return messageException(refusal, context)
  return new RateLimitException(refusal)
}

async function socketException(refusal: Refusal): Promise<unknown> {
  const { code, text } = told(refusal)
  const { WsException } = await import('@nestjs/websockets')
  return new WsException({ status: 'error', code, message: text, retryAfter: retryAfterOf(refusal) })
}

// The numbers of google.rpc.Code.
const RPC_CODES = { RATE_LIMITED: 8, UNAVAILABLE: 14, UNAUTHENTICATED: 16, BAD_REQUEST: 3 } as const
const RPC_NAMES = {
  RATE_LIMITED: 'RESOURCE_EXHAUSTED',
  UNAVAILABLE: 'UNAVAILABLE',
  UNAUTHENTICATED: 'UNAUTHENTICATED',
  BAD_REQUEST: 'INVALID_ARGUMENT',
} as const

async function messageException(refusal: Refusal, context: ArgumentsHost): Promise<unknown> {
  const { code, text } = told(refusal)
  const seconds = retryAfterOf(refusal)
  const number = RPC_CODES[code]
  const { RpcException } = await import('@nestjs/microservices')
  const metadata = grpcDetails(context, { code: number, message: text, retrySeconds: seconds })
  if (metadata !== undefined) return new RpcException({ code: number, message: text, details: text, metadata })
  // What gRPC has in its trailer, as JSON spells it.
  const info = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: `${seconds}s` }
  return new RpcException({ status: RPC_NAMES[code], code: number, message: text, details: seconds === undefined ? [] : [info] })
}

/** Whole seconds, as in the header; `undefined` is for ever. */
function retryAfterOf({ headers }: Refusal): number | undefined {
  const line = headers.find(([name]) => name === 'Retry-After')
  return line === undefined ? undefined : Number(line[1])
}

function told({ status, headers, body, decision }: Refusal): {
  readonly code: keyof typeof RPC_CODES
  readonly text: string
  readonly problem: object | undefined
} {
  const type = headers.find(([name]) => name === 'Content-Type')?.[1] ?? ''
  const problem = type.includes('json') ? (JSON.parse(body) as { readonly detail?: unknown }) : undefined
  const text = typeof problem?.detail === 'string' ? problem.detail : problem === undefined && body !== '' ? body : 'Too Many Requests'
  if (decision === undefined) return { code: status === 401 ? 'UNAUTHENTICATED' : 'BAD_REQUEST', text, problem }
  return { code: decision.verdict === 'unavailable' ? 'UNAVAILABLE' : 'RATE_LIMITED', text, problem }
}
