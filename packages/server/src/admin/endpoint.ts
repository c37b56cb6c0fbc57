import type { MaybePromise } from '@sluice/core'
import type { Answer, Exchange, Route } from '../http/route.ts'
import type { Identity } from './identities.ts'
import type { Action } from './scopes.ts'

/** A request whose sender is known. */
export interface Call {
  readonly exchange: Exchange
  readonly identity: Identity
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  /** The object of the body; an empty one without a body. */
  readonly body: Readonly<Record<string, unknown>>
  /** What the audit log says of a write. The handler fills it in as far as it comes. */
  readonly audit: { target?: string | undefined; note?: string | undefined; before?: unknown; after?: unknown }
}

/** One endpoint of the admin API. */
export interface Endpoint {
  readonly method: Route['method']
  /** Behind `/admin/v1/`, unless it begins with `/`. */
  readonly path: string
  /** What the caller must be allowed to do. `any`: each identity may. */
  readonly action: Action | 'any'
  /** Where. Without it, the action must be allowed in some namespace, and the handler shows what belongs to those only. */
  namespace?(call: Call): string | undefined
  /** The name of a write in the audit log. */
  readonly writes?: string | undefined
  /** What it is for, in a sentence, for the OpenAPI document. */
  readonly summary: string
  handle(call: Call): MaybePromise<Answer>
}

/** The endpoints of one part of the API. */
export type Endpoints = readonly Endpoint[]
