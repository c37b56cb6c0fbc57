import type { RequestFacts } from '../identity/request-facts.ts'

/** What the pipeline asks of a framework: one static object per adapter; nothing is made per request. */
export interface Host<C> extends RequestFacts<C> {
  /** The same object for every limiter of one request. */
  id(context: C): object
  /** The address of the connection, where `address` may come from forwarded headers. With `trustProxy`, core reads those headers itself. */
  socketAddress?(context: C): string | undefined
  /** Whether the framework itself is set to believe forwarded headers, of some proxies or of anyone. */
  trust?(context: C): 'none' | 'some' | 'anyone'
  /** False where nobody may ever call `done` (a message without a response): holders are not renewed there, so that they end with their ttl. */
  ends?(context: C): boolean
}
