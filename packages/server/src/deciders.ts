import type { MaybePromise, RateLimitOptions, RequestPolicies } from '@sluice/core'
import { createPipeline, type Host, type HttpOutcome, type PolicyMount, policyPipeline, type PolicyView } from '@sluice/core/adapter-kit'
import type { NamespacePolicies, PolicyDocument } from '@sluice/policies'

/** A request that is data. */
export type DescribedRequest = NonNullable<PolicyDocument['tests']>[number]['request']

/** How the requests of a part of the service are read, beside its host. */
export interface DeciderOptions<C> extends Pick<RateLimitOptions<C>, 'cost' | 'trustProxy' | 'forwardedHeader' | 'blockList'> {
  /** What is known of a request, by name. */
  attributes(this: void, context: C): Readonly<Record<string, unknown>>
  /** The request as data, where it is that already. Default: it is made of what the host reads. */
  request?(this: void, context: C): DescribedRequest
  /** `false`: nobody says how a request ended, so that limits which count only that are not asked. Default: `true`. */
  readonly seesResponses?: boolean | undefined
}

/** Takes the requests that are decided, for the question what another document would do with them. */
export interface Recorder {
  /** The headers that are kept, in lower case. */
  headersOf(namespace: string): readonly string[]
  add(namespace: string, request: DescribedRequest): void
}

/** Decides the requests of one namespace, with the headers for the client. */
export interface Decider<C> {
  readonly policies: NamespacePolicies
  charge(this: void, context: C): MaybePromise<HttpOutcome>
  /** As `charge`, and takes nothing. */
  peek(this: void, context: C): MaybePromise<HttpOutcome>
}

/** What decides the requests of one part of the service: for each namespace, made when it is first asked for. */
export class Deciders<C> {
  private readonly policiesOf: (name: string | undefined) => NamespacePolicies
  private readonly host: Host<C>
  private readonly options: DeciderOptions<C>
  private readonly recorder: () => Recorder | undefined
  private readonly known = new WeakMap<NamespacePolicies, Decider<C>>()

  constructor(
    policiesOf: (name: string | undefined) => NamespacePolicies,
    host: Host<C>,
    options: DeciderOptions<C>,
    recorder: () => Recorder | undefined,
  ) {
    this.policiesOf = policiesOf
    this.recorder = recorder
    this.host = host
    this.options = options
  }

  /** @throws ERR_NAMESPACE_UNKNOWN */
  of(name: string | undefined): Decider<C> {
    const policies = this.policiesOf(name)
    let decider = this.known.get(policies)
    if (decider === undefined) {
      const { host } = this
      const { request: _, seesResponses = true, ...options } = this.options
      const charge = createPipeline<C>(host, { ...options, policies: seesResponses ? policies : withoutResponses(policies) })
      const recorded = (context: C): MaybePromise<HttpOutcome> => {
        const recorder = this.recorder()
        if (recorder !== undefined) this.record(recorder, policies.name, context, () => charge.limiter.clientAddress(context))
        return charge(context)
      }
      decider = { policies, charge: recorded, peek: createPipeline<C>(host, { ...options, policies: peeking(policies) }) }
      this.known.set(policies, decider)
    }
    return decider
  }

  private record(recorder: Recorder, namespace: string, context: C, addressOf: () => string | undefined): void {
    const { host, options } = this
    const names = recorder.headersOf(namespace)
    recorder.add(
      namespace,
      options.request?.(context) ?? described(host, context, { names, ip: addressOf(), attributes: options.attributes(context) }),
    )
  }
}

/** A request as data: without what a document does not read. */
function described<C>(
  host: Host<C>,
  context: C,
  {
    names,
    ip,
    attributes,
  }: { readonly names: readonly string[]; readonly ip: string | undefined; readonly attributes: Readonly<Record<string, unknown>> },
): DescribedRequest {
  const headers: Record<string, string> = {}
  for (const name of names) {
    const value = host.header(context, name)
    if (typeof value === 'string') headers[name] = value
  }
  const named = host.header(context, 'host')
  return {
    method: host.method(context),
    path: host.target?.(context) ?? '/',
    ip,
    host: typeof named === 'string' ? named : undefined,
    headers,
    attributes,
  }
}

/** The same policies, for a pipeline that takes nothing. */
function peeking(policies: NamespacePolicies): RequestPolicies {
  return mountedBy(policies, (view) => {
    const mounted = policies.mount(view)
    const { engine, limiter } = mounted
    const peek: (typeof mounted)['peek'] = (context, cost, blocks) => mounted.peek(context, cost, blocks)
    return { engine, limiter, decide: peek, peek }
  })
}

/** The same policies, for requests whose responses nobody sees. */
function withoutResponses(policies: NamespacePolicies): RequestPolicies {
  return mountedBy(policies, (view) => policies.mountWithoutResponses(view))
}

function mountedBy({ name, on }: NamespacePolicies, mount: <C>(view: PolicyView<C>) => PolicyMount<C>): RequestPolicies {
  return { pipeline: (host: Host<unknown>, options: RateLimitOptions<unknown>) => policyPipeline(host, options, { name, on, mount }) }
}
