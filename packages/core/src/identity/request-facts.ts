import type { MaybePromise } from '../runtime.ts'

/** What a subject can be read from. The functions read a framework's request or context, so that nothing is copied for a request. */
export interface RequestFacts<C> {
  method(context: C): string
  /** The client's address, as the connection gives it, or as the framework's own setting for proxies does. */
  address(context: C): string | undefined
  /** What to do where there is no address, for the message of ERR_ADDRESS_UNKNOWN. Default: general advice. */
  addressHint?(context: C): string | undefined
  /**
   * The address that the platform of this request writes into `x-forwarded-for` by itself, so that a header with this address alone names no
   * other proxy. It must not come from what a client can send. `undefined`, or absent, where no platform does.
   */
  platformAddress?(context: C): string | undefined
  /** A request header. `name` is in lower case. */
  header(context: C, name: string): string | undefined
  /**
   * The pattern of the route, such as `/users/:id`, and nothing that the client sent; `*` if no route matches. Absent or `undefined`
   * where the framework has not matched the route yet.
   */
  route?(context: C): string | undefined
  /** The parsed body; absent where the framework does not parse bodies. */
  body?(context: C): MaybePromise<unknown>
}
