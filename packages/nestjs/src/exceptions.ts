import { type ArgumentsHost, HttpException } from '@nestjs/common'
import type { Decision, MaybePromise } from '@sluice/core'
import type { HttpOutcome } from '@sluice/core/adapter-kit'
import { transportOf } from './execution-context.ts'
import { grpcStatusMetadata } from './grpc-status.ts'

/** A refused call: status, headers and body for HTTP, and the decision, which is `undefined` if the call had no subject. */
export type Refusal = Extract<HttpOutcome, { pass: false }>

/**
 * The exception for a refusal over HTTP and GraphQL. Its response is the problem document, or the `message` of the options; GraphQL
 * sends `extensions`.
 */
export class RateLimitException extends HttpException {
  /** The response over HTTP. */
  readonly refusal: Refusal
  /** `undefined` if the call had no subject (`missing: 'reject'`). */
  readonly decision: Decision | undefined
  /** For GraphQL: `code`, `retryAfter` in seconds (`undefined`: retrying does not help), and the members of the problem document. */
  readonly extensions: Readonly<Record<string, unknown>>

  constructor(refusal: Refusal) {
    const { code, text, problem } = describe(refusal)
    super(problem ?? refusal.body, refusal.status, { description: text })
    this.name = 'RateLimitException'
    this.message = text
    this.refusal = refusal
    this.decision = refusal.decision
    this.extensions = { code, ...(problem ?? { status: refusal.status }), retryAfter: retryAfterOf(refusal) }
  }
}

/** Makes the exception for the transport. Nest's own filter for the transport answers it as its clients expect. */
export function exceptionOf(refusal: Refusal, context: ArgumentsHost): MaybePromise<unknown> {
  const transport = transportOf(context)
  if (transport === 'ws') return webSocketException(refusal)
  if (transport === 'rpc') return rpcException(refusal, context)
  return new RateLimitException(refusal)
}

// Imported when needed, because both packages are optional peers.

async function webSocketException(refusal: Refusal): Promise<unknown> {
  const { code, text } = describe(refusal)
  const { WsException } = await import('@nestjs/websockets')
  return new WsException({ status: 'error', code, message: text, retryAfter: retryAfterOf(refusal) })
}

/** The numbers of google.rpc.Code. */
const RPC_CODES = { RATE_LIMITED: 8, FORBIDDEN: 7, UNAVAILABLE: 14, UNAUTHENTICATED: 16, BAD_REQUEST: 3 } as const
const RPC_NAMES = {
  RATE_LIMITED: 'RESOURCE_EXHAUSTED',
  FORBIDDEN: 'PERMISSION_DENIED',
  UNAVAILABLE: 'UNAVAILABLE',
  UNAUTHENTICATED: 'UNAUTHENTICATED',
  BAD_REQUEST: 'INVALID_ARGUMENT',
} as const

async function rpcException(refusal: Refusal, context: ArgumentsHost): Promise<unknown> {
  const { code, text } = describe(refusal)
  const retrySeconds = retryAfterOf(refusal)
  const number = RPC_CODES[code]
  const { RpcException } = await import('@nestjs/microservices')
  const metadata = grpcStatusMetadata(context, { code: number, message: text, retrySeconds })
  if (metadata !== undefined) return new RpcException({ code: number, message: text, details: text, metadata })
  // The JSON form of the trailer that gRPC sends.
  const retryInfo = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: `${retrySeconds}s` }
  return new RpcException({ status: RPC_NAMES[code], code: number, message: text, details: retrySeconds === undefined ? [] : [retryInfo] })
}

/** Whole seconds, as in the header; `undefined` if retrying does not help. */
function retryAfterOf({ headers }: Refusal): number | undefined {
  const line = headers.find(([name]) => name === 'Retry-After')
  return line === undefined ? undefined : Number(line[1])
}

interface Description {
  readonly code: keyof typeof RPC_CODES
  readonly text: string
  /** The body as an object, if it is JSON. */
  readonly problem: object | undefined
}

function describe({ status, headers, body, decision }: Refusal): Description {
  const type = headers.find(([name]) => name === 'Content-Type')?.[1] ?? ''
  const problem = type.includes('json') ? (JSON.parse(body) as { readonly detail?: unknown }) : undefined
  const text = typeof problem?.detail === 'string' ? problem.detail : problem === undefined && body !== '' ? body : 'Too Many Requests'
  if (decision === undefined) return { code: status === 401 ? 'UNAUTHENTICATED' : 'BAD_REQUEST', text, problem }
  if (decision.verdict === 'blocked' && status === 403) return { code: 'FORBIDDEN', text, problem }
  return { code: decision.verdict === 'unavailable' ? 'UNAVAILABLE' : 'RATE_LIMITED', text, problem }
}
