import { elapsedTime } from './clock.ts'
import type { RequestFacts } from './identity/request-facts.ts'
import type { ConsumeOptions } from './store.ts'

/**
 * What observers of decisions get beside each decision. Made only while somebody listens, so a limiter that nobody observes does not pay for
 * it.
 */
export interface DecisionFacts {
  /**
   * What was asked: a `charge`, a `peek` (which takes nothing), a `force` (`penalize`) or a `credit`. Count requests by `charge` alone. A call of
   * `wait` is a charge each time that it asks.
   */
  readonly how: NonNullable<ConsumeOptions['how']>
  /**
   * The pattern of the route, such as `/users/:id`, and never a path. `*` if no route matches. `undefined` without a request, and where the
   * framework has not matched the route when the limiter runs.
   */
  readonly route: string | undefined
  /** The method of the request: `GET`. `undefined` without a request. */
  readonly method: string | undefined
  /** The attribute `tenant` of a request that policies decide: a text, or a whole number as text. `undefined` if there is none. */
  readonly tenant: string | undefined
  /**
   * µs that the decision took, with a fraction: from the call of the store, or of what decides for it, to its answer. 0 on Workers where nothing
   * was awaited: their clock stands still.
   */
  readonly latency: number
}

/** The facts of one decision, while it is made. */
export class Facts implements DecisionFacts {
  how: DecisionFacts['how'] = 'charge'
  readonly route: string | undefined
  readonly method: string | undefined
  readonly tenant: string | undefined
  /** Until `end`, the time of `begin`: one object for each decision, without a field that observers would see. */
  latency = 0

  constructor(route?: string, method?: string, tenant?: string) {
    this.route = route
    this.method = method
    this.tenant = tenant
  }

  begin(how: DecisionFacts['how']): this {
    this.how = how
    this.latency = elapsedTime()
    return this
  }

  end(): void {
    this.latency = (elapsedTime() - this.latency) * 1000
  }
}

/** The facts of a request. Reading a route must not fail a request that only its observers want to know. */
export function factsOf<C>(request: Pick<RequestFacts<C>, 'route' | 'method'>, context: C, tenant?: unknown): Facts {
  try {
    return new Facts(request.route?.(context) || undefined, request.method(context), textOf(tenant))
  } catch {
    return new Facts(undefined, undefined, textOf(tenant))
  }
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return Number.isSafeInteger(value) ? String(value) : undefined
}
