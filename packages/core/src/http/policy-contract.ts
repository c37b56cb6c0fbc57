import type { Decision } from '../decision.ts'
import type { Missing } from '../identity/subject.ts'
import type { LimiterEngine } from '../limiter-engine.ts'
import type { Cost } from '../limiter.ts'
import type { Observers } from '../observers.ts'
import type { MaybePromise } from '../runtime.ts'
import type { BlockedRequest, BlockGate } from './block-gate.ts'
import type { RequestLimiter } from './request-limiter.ts'

/** Policies with which `policyPipeline` decides. */
export interface MountablePolicies {
  /** The name of the limiter: the namespace of the document. */
  readonly name: string
  readonly on?: Observers | undefined
  /** Called once for each `rateLimit`. @param view reads its requests */
  mount<C>(view: PolicyView<C>): PolicyMount<C>
}

/** How policies read the requests of one `rateLimit`. Nothing is copied for a request. */
export interface PolicyView<C> {
  method(context: C): string
  /** The target of the request, as it came: its path with the query, or its URL. */
  target(context: C): string
  host(context: C): string | undefined
  /** The client's address with all its bits, by the proxies that are trusted. */
  address(context: C): string | undefined
  /** Whether the request came through a proxy that is not trusted: then its address is that of the proxy, for every client. */
  isForwarded(context: C): boolean
  /** `name` is in lower case. */
  header(context: C, name: string): string | undefined
  /** The pattern of the route; `undefined` where the framework has not matched it yet. */
  route(context: C): string | undefined
  /** The parsed body; absent where bodies are not parsed. */
  body?(context: C): MaybePromise<unknown>
  /** What the application says about the request. */
  attributes(context: C): MaybePromise<Readonly<Record<string, unknown>>>
}

/** The policies as one `rateLimit` uses them. */
export interface PolicyMount<C> {
  /** What decides, and settles: all mounts of the policies share it. */
  readonly engine: LimiterEngine
  readonly limiter: RequestLimiter<C>
  /**
   * Decides a request.
   * @param cost for the limits whose units the document does not say
   * @param blocks is asked before anything is charged, and gets what was decided
   */
  decide(context: C, cost: Cost<string> | undefined, blocks?: BlockGate<C>): MaybePromise<PolicyAnswer>
  /** Answers a request as `decide` would, and takes nothing. Policies in shadow are not asked. */
  peek(context: C, cost: Cost<string> | undefined, blocks?: BlockGate<C>): MaybePromise<PolicyAnswer>
}

/** What policies answer to a request: at most one of `blocked`, `missing` and `decided`. With none, nothing limits the request. */
export interface PolicyAnswer {
  /** The block list refuses the request. Nothing was charged. */
  readonly blocked?: BlockedRequest | undefined
  /** A subject is missing, without which the request is refused. Nothing was charged. */
  readonly missing?: Missing | undefined
  readonly decided?: DecidedAnswer | undefined
  /** Resolves when what nobody waits for is done: the decisions of policies in shadow. Never rejects. `undefined`: there is nothing. */
  readonly background?: Promise<void> | undefined
}

export interface DecidedAnswer {
  readonly decision: Decision
  /** The status of a refusal. */
  readonly status: number
  /**
   * The units that the request really took, by limit, once its response has ended. A limit that is left out keeps its charge.
   * `undefined`: the document says nothing of responses.
   */
  readonly settle: ((response: EndedResponse) => MaybePromise<Units>) | undefined
}

/** Units by the name of a limit. */
export type Units = Readonly<Partial<Record<string, number>>>

export interface EndedResponse {
  /** `undefined` when the client did not receive the whole response. */
  readonly status: number | undefined
  /** `name` is in lower case. */
  header(name: string): string | undefined
}
