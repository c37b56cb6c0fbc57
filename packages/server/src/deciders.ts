import type { MaybePromise, RateLimitOptions, RequestPolicies } from '@sluice/core'
import { createPipeline, type Host, type HttpOutcome, type Pipeline, type PolicyMount, policyPipeline } from '@sluice/core/adapter-kit'
import type { NamespacePolicies } from '@sluice/policies'

/** How the requests of a part of the service are read, beside its host. */
export interface DeciderOptions<C> extends Pick<RateLimitOptions<C>, 'cost' | 'trustProxy' | 'forwardedHeader' | 'blockList'> {
  /** What is known of a request, by name. */
  attributes(this: void, context: C): Readonly<Record<string, unknown>>
}

/** Decides the requests of one namespace, with the headers for the client. */
export interface Decider<C> {
  readonly policies: NamespacePolicies
  readonly charge: Pipeline<C, unknown>
  /** As `charge`, and takes nothing. */
  peek(this: void, context: C): MaybePromise<HttpOutcome>
}

/** What decides the requests of one part of the service: for each namespace, made when it is first asked for. */
export class Deciders<C> {
  private readonly policiesOf: (name: string | undefined) => NamespacePolicies
  private readonly host: Host<C>
  private readonly options: DeciderOptions<C>
  private readonly known = new WeakMap<NamespacePolicies, Decider<C>>()

  constructor(policiesOf: (name: string | undefined) => NamespacePolicies, host: Host<C>, options: DeciderOptions<C>) {
    this.policiesOf = policiesOf
    this.host = host
    this.options = options
  }

  /** @throws ERR_NAMESPACE_UNKNOWN */
  of(name: string | undefined): Decider<C> {
    const policies = this.policiesOf(name)
    let decider = this.known.get(policies)
    if (decider === undefined) {
      const { host, options } = this
      const charge = createPipeline<C>(host, { ...options, policies })
      decider = { policies, charge, peek: createPipeline<C>(host, { ...options, policies: peeking(policies) }) }
      this.known.set(policies, decider)
    }
    return decider
  }
}

/** The same policies, for a pipeline that takes nothing. */
function peeking(policies: NamespacePolicies): RequestPolicies {
  const { name, on } = policies
  const mount = <C>(view: Parameters<typeof policies.mount<C>>[0]): PolicyMount<C> => {
    const mounted = policies.mount(view)
    const { engine, limiter } = mounted
    const peek: PolicyMount<C>['peek'] = (context, cost, blocks) => mounted.peek(context, cost, blocks)
    return { engine, limiter, decide: peek, peek }
  }
  return { pipeline: (host: Host<unknown>, options: RateLimitOptions<unknown>) => policyPipeline(host, options, { name, on, mount }) }
}
