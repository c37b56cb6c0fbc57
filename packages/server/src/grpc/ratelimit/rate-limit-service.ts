import type { MaybePromise } from '@sluice/core'
import { decisionProblem, isPromise } from '@sluice/core/adapter-kit'
import type { JointAnswer, JointMount, JointRequest, JointView } from '@sluice/policies'
import type { DescribedRequest, Recorder } from '../../deciders.ts'
import { SKIPPED } from '../../metrics/instruments.ts'
import type { Service } from '../../service.ts'
import { decisionHeaders } from '../decision-headers.ts'
import type { GrpcSettings } from '../options.ts'
import type { Methods } from '../transport/method.ts'
import { STATUS, StatusError } from '../transport/status.ts'
import { type ForClient, metadataOf, writeAnswer } from './answer.ts'
import { type Descriptor, type RateLimitRequest, readRequest } from './request.ts'

const MAX_DESCRIPTORS = 64

/** One namespace, as descriptors are decided by it. */
interface Domain {
  readonly namespace: string
  readonly mount: JointMount<Descriptor>
  /** Of the revision that decided last. */
  revision: number
  metadata: Buffer
  /** How often each limit was not asked, since only the end of a request could correct or free it. */
  readonly skipped: Map<string, number>
}

/** Envoy's rate limit service: all descriptors of a request are one decision. */
export class RateLimitService {
  readonly methods: Methods = {
    '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit': { unary: (message) => this.answer(readRequest(message)) },
  }
  private readonly service: Service
  private readonly settings: Pick<GrpcSettings, 'headers' | 'limitOverrides'>
  private readonly domains = new Map<string, Domain>()
  private readonly view: JointView<Descriptor>

  constructor(service: Service, settings: Pick<GrpcSettings, 'headers' | 'limitOverrides'>) {
    this.service = service
    this.settings = settings
    this.view = viewOf(service)
    service.metrics.register(SKIPPED, () =>
      [...this.domains.values()].flatMap(({ namespace, skipped }) =>
        Array.from(skipped, ([limit, value]) => ({ labels: { namespace, limit }, value })),
      ),
    )
  }

  private answer({ domain: name, descriptors }: RateLimitRequest): MaybePromise<Buffer> {
    const domain = this.domains.get(name) ?? this.domainOf(name)
    if (descriptors.length === 0 || descriptors.length > MAX_DESCRIPTORS)
      throw new StatusError(STATUS.INVALID_ARGUMENT, `descriptors: expected 1 to ${MAX_DESCRIPTORS}, got ${descriptors.length}`)
    const ignoresOwn = descriptors.some(hasOwn) && !this.settings.limitOverrides.has(domain.namespace)
    const requests = ignoresOwn ? descriptors.map(withoutOwn) : descriptors
    if (this.service.recorder !== undefined) this.record(this.service.recorder, domain.namespace, requests)
    const decided = domain.mount.decide(requests)
    return isPromise(decided) ? decided.then((late) => this.write(domain, late)) : this.write(domain, decided)
  }

  /** What takes nothing, or gives units back, is no request. */
  private record(recorder: Recorder, namespace: string, requests: readonly JointRequest<Descriptor>[]): void {
    for (const { context, how } of requests)
      if (how === 'charge') recorder.add(namespace, describedBy(this.view, context, recorder.headersOf(namespace)))
  }

  private write(domain: Domain, answer: JointAnswer): Buffer {
    if (answer.revision !== domain.revision) {
      domain.revision = answer.revision
      domain.metadata = metadataOf(domain.namespace, answer.revision)
    }
    for (const name of answer.skipped) domain.skipped.set(name, (domain.skipped.get(name) ?? 0) + 1)
    return writeAnswer(answer, this.forClient(answer), domain.metadata)
  }

  private forClient({ allowed, decision }: JointAnswer): ForClient {
    const { headers } = this.settings
    if (decision === undefined || headers === 'none' || (allowed && headers === 'refused')) return NOTHING
    if (allowed) return { headers: decisionHeaders(decision) }
    // Envoy answers with this status, also where the store is unavailable.
    const { body, contentType } = decisionProblem(decision, 429)
    return { headers: [...decisionHeaders(decision), ['Content-Type', contentType], ['Cache-Control', 'no-store']], body }
  }

  /** @throws ERR_NAMESPACE_UNKNOWN */
  private domainOf(name: string): Domain {
    const namespace = this.service.namespaceOf(name === '' ? undefined : name)
    const known = this.domains.get(namespace)
    if (known !== undefined) return known
    const mount = this.service.feed.of(namespace).joint(this.view, this.service.blockList)
    const made = { namespace, mount, revision: 0, metadata: metadataOf(namespace, 0), skipped: new Map<string, number>() }
    this.domains.set(namespace, made)
    return made
  }
}

const NOTHING: ForClient = { headers: [] }

function hasOwn({ own }: JointRequest<Descriptor>): boolean {
  return own !== undefined
}

function withoutOwn(request: JointRequest<Descriptor>): JointRequest<Descriptor> {
  return request.own === undefined ? request : { ...request, own: undefined }
}

/** A descriptor as a request that is data. */
function describedBy(view: JointView<Descriptor>, context: Descriptor, headers: readonly string[]): DescribedRequest {
  const read = headers.map((name) => [name, view.header(context, name)] as const)
  return {
    method: view.method(context),
    path: view.target(context),
    host: view.host?.(context),
    ip: view.address(context),
    route: context.attributes['route'],
    headers: Object.fromEntries(read.filter((each): each is readonly [string, string] => typeof each[1] === 'string')),
    attributes: view.attributes(context),
  }
}

/** The attribute that says which keys a descriptor has: Envoy's own service matches a descriptor by exactly its keys, in their order. */
const KEYS = 'descriptor_keys'

/** What the entries say of the request that is limited. Envoy names them, and its documentation uses these keys. */
function viewOf(service: Service): JointView<Descriptor> {
  // The built-in document counts each set of entries, and their keys are no entry.
  const withKeys = service.builtIn === undefined
  return {
    method: ({ attributes }) => attributes['method'] ?? attributes[':method'] ?? 'GET',
    target: ({ attributes }) => attributes['path'] ?? attributes[':path'] ?? '/',
    host: ({ attributes }) => attributes['host'] ?? attributes[':authority'],
    address: ({ attributes }) => attributes['remote_address'] ?? attributes['ip'],
    // Envoy says who the client is.
    isForwarded: () => false,
    header: ({ attributes }, name) => (Object.hasOwn(attributes, name) ? attributes[name] : undefined),
    route: ({ attributes }) => attributes['route'] ?? '',
    attributes: ({ attributes, keys }) => (withKeys ? { ...attributes, [KEYS]: keys } : service.attributesOf(attributes)),
  }
}
