import type { DecisionContext } from './decision.ts'
import type { KeyOf } from './identity/part.ts'
import type { Limit, LimitRule } from './limit.ts'
import type { ObserverHub } from './observers.ts'
import type { MaybePromise } from './runtime.ts'

/** A limit with the scope of its state in one policy. */
export interface ScopedLimit {
  readonly rule: LimitRule
  readonly limit: Limit
  readonly scope: string
  readonly key: KeyOf<any> | undefined
  /** Whether the limit counts holders, so that its cost is 1 whatever the request costs. */
  readonly holds: boolean
  /** Reads the numbers of each request; `undefined` if they are fixed. */
  readonly reader: LimitReader | undefined
}

/** The limits of one tier, or of requests without a tier. */
export interface LimitSet {
  readonly tier: string | undefined
  readonly limits: readonly ScopedLimit[]
  /** Limits of a policy document: what their decision says. Names, subjects and costs are checked already. */
  readonly context?: DecisionContext | undefined
}

/** Reads the numbers of one limit from requests. */
export interface LimitReader {
  /** The limit with the numbers of a request; `undefined` if it does not limit the request. */
  read(context: unknown, observers: ObserverHub): MaybePromise<ScopedLimit | undefined>
  /** The options that are functions without a default, unless `given` has their numbers. */
  missing(given: object | undefined): readonly string[]
}
