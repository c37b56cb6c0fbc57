import type { MaybePromise } from '../runtime.ts'

/** What the pipeline asks of a framework: one static object per adapter; nothing is made per request. */
export interface Host<C> {
  /** The same object for every limiter of one request. */
  id(context: C): object
  method(context: C): string
  path(context: C): string
  /** The client's address as the connection, or the framework's own trust in proxies, gives it. */
  address(context: C): string | undefined
  /** Whether the framework itself is set to believe forwarded headers, of some proxies or of anyone. */
  trust?(context: C): 'none' | 'some' | 'anyone'
  /** A request header by its lower-case name. */
  header(context: C, name: string): string | undefined
  /** The route's pattern, where the framework knows it. */
  route?(context: C): string | undefined
  /** False where nobody may ever call `done` (a message without a response): holders are not renewed there, so that they end with their ttl. */
  ends?(context: C): boolean
  /** The parsed body. */
  body?(context: C): MaybePromise<unknown>
}
