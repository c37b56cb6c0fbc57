import type { RequestFacts } from '../identity/request-facts.ts'

/** How core reads a framework's request: one static object per adapter, whose functions are called with the framework's context. */
export interface Host<C> extends RequestFacts<C> {
  /** The object that all limiters of one request share, such as the request. Core keeps their headers on it. */
  id(context: C): object
  /**
   * The target of the request as it came: its path with the query, or its URL. For policies, whose rules match paths. Absent where there is
   * none, as for messages.
   */
  target?(context: C): string | undefined
  /** What one decision of a limiter is for, where that is less than `id`, such as a field of a GraphQL request. Default: `id`. */
  call?(context: C): object
  /** The address of the connection, where `address` may come from forwarded headers. With `trustProxy`, core reads those headers itself. */
  socketAddress?(context: C): string | undefined
  /**
   * What to do where `body` is `undefined` because no parser has run yet. `undefined` where one has. Absent where the application parses no
   * bodies.
   */
  unparsedHint?(context: C): string | undefined
  /** Which proxies the framework's own setting trusts. Default: `'none'`. */
  trust?(context: C): 'none' | 'some' | 'anyone'
  /** A header of the response with which `done` was called, by its name in lower case. Default: as of Node's response, or the web's. */
  responseHeader?(this: void, response: unknown, name: string): string | undefined
  /** Closes the connection of a request without an answer. Returns whether it could. Absent where the host cannot. */
  drop?(context: C): boolean
  /** False where `done` may never be called, such as for a message without a response: then concurrency is not renewed. Default: true. */
  ends?(context: C): boolean
}
