import type { MaybePromise } from '../runtime.ts'

/** What a subject is read from: functions over a framework's request or context, so that nothing is copied per request. */
export interface RequestFacts<C> {
  method(context: C): string
  path(context: C): string
  /** The client's address as the connection, or the framework's own trust in proxies, gives it. */
  address(context: C): string | undefined
  /** A request header by its lower-case name. */
  header(context: C, name: string): string | undefined
  /** The route's pattern, where the framework knows it. */
  route?(context: C): string | undefined
  /** The parsed body. */
  body?(context: C): MaybePromise<unknown>
}
