import type { MaybePromise } from '../runtime.ts'
import type { RequestFacts } from './request-facts.ts'

/** One piece of a subject: where it is read from. */
export interface Part<C> {
  /** For messages: `header:x-api-key`. */
  readonly name: string
  /** Says who the client claims to be: when it is missing and `missing: 'reject'`, the answer is 401; else 400. */
  readonly credential?: boolean | undefined
  /** What is read is an address: it is parsed, and IPv6 cut to its prefix. */
  readonly address?: boolean | undefined
  read(context: C, facts: RequestFacts<C>): MaybePromise<string | undefined>
}

/** A part, a function, or several parts that make one subject. */
export type KeyOf<C> = Part<C> | ((context: C) => MaybePromise<string | undefined>) | readonly Part<C>[]
