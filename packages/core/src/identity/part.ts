import type { MaybePromise } from '../runtime.ts'
import type { RequestFacts } from './request-facts.ts'

/** One part of a subject: where it is read from. Make one with `ip()`, `header()`, `cookie()`, `body()`, `route()` or `user()`. */
export interface Part<C> {
  /** Names the part in messages: `header:x-api-key`. */
  readonly name: string
  /** Whether it is a credential. With `missing: 'reject'`, a request without it gets 401, not 400. */
  readonly credential?: boolean | undefined
  /** Whether the application has verified the value, as for `user()`. A block list then knows that different clients share an address. */
  readonly verified?: boolean | undefined
  /** Whether it is an address: it is then parsed, and an IPv6 address is cut to its prefix. */
  readonly address?: boolean | undefined
  /** Whether spellings of one name are one value: it is trimmed and in lower case. */
  readonly lower?: boolean | undefined
  /** Returns the value in this request; `undefined` or an empty string if it is missing. */
  read(context: C, facts: RequestFacts<C>): MaybePromise<string | undefined>
}

/** Reads a value of a request: a function of the request or context. */
export type KeyFunction<C> = (context: C) => MaybePromise<string | undefined>
/** Reads the subject of a request: one part or function, or several whose values are joined. */
export type KeyOf<C> = Part<C> | KeyFunction<C> | readonly (Part<C> | KeyFunction<C>)[]
