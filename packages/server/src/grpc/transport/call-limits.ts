import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { EndpointMetrics } from '../../metrics/endpoint-metrics.ts'
import type { StatusError } from './status.ts'

/** What holds for every call of a server. */
export interface CallLimits {
  /** The longest message, in bytes. */
  readonly maxMessage: number
  /** What a caller gets to know of a failure. */
  statusOf(this: void, error: unknown): Pick<StatusError, 'status' | 'message'>
}

/** Where a call comes from. */
export interface CallOrigin {
  readonly stream: ServerHttp2Stream
  readonly headers: IncomingHttpHeaders
  readonly limits: CallLimits
  readonly metrics: EndpointMetrics
}
