import type { IncomingMessage, ServerResponse } from 'node:http'
import type { MaybePromise } from '@sluice/core'
import type { HeaderLine } from '@sluice/core/adapter-kit'

/** A request to the service. */
export interface Exchange {
  readonly incoming: IncomingMessage
  readonly url: URL
  /** What the path has where the route has `:name`, decoded. */
  readonly params: Readonly<Record<string, string>>
  /** The most bytes of a body. */
  readonly maxBody: number
}

/** What the service answers. */
export interface Answer {
  readonly status: number
  readonly headers?: readonly HeaderLine[] | undefined
  /** A function writes a stream, such as events of a server, until `draining` of the service is aborted. */
  readonly body?: string | Uint8Array | ((response: ServerResponse) => void) | undefined
}

/** One endpoint. */
export interface Route {
  /** `*`: each method. */
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | '*'
  /**
   * Such as `/v1/check`, or `/admin/v1/policies/:namespace`. A `GET` route also answers `HEAD`. With method `*`, it ends with `/*`: all paths
   * below it, and itself.
   */
  readonly path: string
  /** Whether the body is a list: then it may be sixteen times as large as another one. Default: false. */
  readonly takesList?: boolean | undefined
  /** Bytes of a body that the endpoint reads. Default: `limits.maxBody` of the server. */
  readonly maxBody?: number | undefined
  handle(exchange: Exchange): MaybePromise<Answer>
}
